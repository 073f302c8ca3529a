package clients_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
)

func TestClientsNamePoliciesThatExist(t *testing.T) {
	t.Parallel()
	d := clients.Defaults{ClaimPolicies: []string{"default", "email"}, AccessPolicies: []string{"staff"}}
	c := valid("a")
	c.ClaimPolicy, c.AccessPolicy = "email", "staff"
	if _, err := d.Validate(c); err != nil {
		t.Error(err)
	}
	c.ClaimPolicy, c.AccessPolicy = "mail", "everybody"
	_, err := d.Validate(c)
	if err == nil || !strings.Contains(err.Error(), `claim_policy "mail" is not known: use one of default, email`) ||
		!strings.Contains(err.Error(), `access_policy "everybody" is not known: use one of staff`) {
		t.Error(err)
	}
	d.AccessPolicies = []string{}
	if _, err := d.Validate(c); err == nil || !strings.Contains(err.Error(), "there are none in the configuration, under access_policies") {
		t.Error(err)
	}
}

// A client whose access policy is taken out of the configuration stays with the name of
// it, so that nobody gets in, and the log says so; without the name everybody would.
func TestVanishedPolicyIsNotForgotten(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	c := valid("a")
	c.AccessPolicy = "staff"
	create(t, store, c)
	var log bytes.Buffer
	r := clients.New(store, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	r.SetDefaults(clients.Defaults{ClaimPolicies: []string{"default"}, AccessPolicies: []string{}})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := r.Client(t.Context(), "a")
	if err != nil || got.AccessPolicy != "staff" {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.Contains(log.String(), "client lacks a policy") || !strings.Contains(log.String(), "staff") {
		t.Errorf("log: %s", log.String())
	}
}
