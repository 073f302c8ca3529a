package clients_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// C05: a secret is shown once, and only its hash is stored.
func TestSecretIsReturnedOnceAndStoredAsHashOnly(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := clients.Service{Store: postgres.New(pool)}
	full, secret, err := s.Create(t.Context(), valid("web"), "")
	if err != nil || !clients.CheckSecret(&full, string(secret), time.Now()) {
		t.Fatalf("%+v, %v", full, err)
	}
	_, second, err := s.AddSecret(t.Context(), "web", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Client(t.Context(), "web"); err != nil || !clients.CheckSecret(&c, string(second), time.Now()) || !clients.CheckSecret(&c, string(secret), time.Now()) {
		t.Errorf("both secrets should be live: %v", err)
	}
	var dump string
	if err := pool.QueryRow(t.Context(), `
		SELECT (SELECT string_agg(c::text, '|') FROM clients c) || (SELECT string_agg(s::text, '|') FROM client_secrets s)`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []idp.Secret{secret, second} {
		sum := sha256.Sum256([]byte(secret))
		if !strings.Contains(dump, hex.EncodeToString(sum[:])) {
			t.Error("the dump lacks the hash, so this test looks at the wrong thing")
		}
		bare := strings.TrimPrefix(string(secret), "ncs_")
		raw, _ := base64.RawURLEncoding.DecodeString(bare)
		for _, form := range []string{bare, hex.EncodeToString([]byte(bare)), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(dump, form) {
				t.Error("the secret is in the database")
			}
		}
	}
}

func TestPublicClientsHaveNoSecret(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	c := valid("spa")
	c.TokenEndpointAuthMethod = idp.AuthNone
	if _, _, err := s.Create(t.Context(), c, "0123456789abcdefghijklmnopqrstuv"); err == nil {
		t.Error("created with a secret")
	}
	full, secret, err := s.Create(t.Context(), c, "")
	if err != nil || secret != "" || len(full.Secrets) != 0 {
		t.Errorf("%v, %+v, %v", secret, full, err)
	}
	if _, _, err := s.AddSecret(t.Context(), "spa", time.Time{}); err == nil {
		t.Error("got a secret later")
	}
}

func TestCreateChecksBeforeItStores(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	if _, _, err := s.Create(t.Context(), idp.Client{ID: "alice.near"}, ""); err == nil {
		t.Error("an invalid client was created")
	}
	if _, _, err := s.Create(t.Context(), valid("web"), "short"); err == nil {
		t.Error("a weak secret was taken")
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("stored %v, %v", list, err)
	}
	named, _, err := s.Create(t.Context(), valid(""), "")
	if err != nil || len(named.ID) < 20 || named.ManagedBy != idp.ManagedByAPI {
		t.Errorf("made-up id %q, %v", named.ID, err)
	}
	if _, _, err := s.Create(t.Context(), valid(named.ID), ""); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("an id that is taken: %v", err)
	}
}

func TestUpdateKeepsDefaultsOpen(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	create(t, store, valid("web"))
	if _, err := s.Update(t.Context(), "web", func(c *idp.Client) { c.ID, c.ManagedBy, c.Name = "other", idp.ManagedByConfig, "New" }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), "web", func(c *idp.Client) { c.RedirectURIs = nil }); err == nil {
		t.Error("an invalid update was stored")
	}
	s.Defaults.Alg = idp.EdDSA
	c, err := s.Client(t.Context(), "web")
	if err != nil || c.Name != "New" || c.ManagedBy != idp.ManagedByAPI || c.IDTokenSignedResponseAlg != idp.EdDSA {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = s.Update(t.Context(), "web", func(c *idp.Client) {
		if _, err := s.Update(t.Context(), "web", func(c *idp.Client) { c.Name = "Theirs" }); err != nil {
			t.Error(err)
		}
	})
	if !errors.Is(err, idp.ErrConflict) {
		t.Errorf("an update that would lose another: %v", err)
	}
	for _, err := range []error{
		s.Delete(t.Context(), "none"),
		func() error { _, err := s.Update(t.Context(), "none", func(*idp.Client) {}); return err }(),
		func() error { _, err := s.Client(t.Context(), "none"); return err }(),
		func() error { _, _, err := s.AddSecret(t.Context(), "none", time.Time{}); return err }(),
		s.DeleteSecret(t.Context(), "web", "none"),
	} {
		if !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	}
}
