package clients_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

const fileSecret, nextSecret = "0123456789abcdefghijklmnopqrstuv", "vutsrqponmlkjihgfedcba9876543210"

func apply(t *testing.T, store *counted, list ...clients.Configured) {
	t.Helper()
	if err := clients.ApplyConfig(t.Context(), store, list); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, store *counted, id string) *idp.Client {
	t.Helper()
	s := service(store)
	c, err := s.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestSecretOfTheFileReplacesTheEarlierOneAndLeavesAddedOnes(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Configured{Client: valid("web"), Secret: fileSecret})
	_, added, err := s.AddSecret(t.Context(), "web", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	live := func(want ...string) {
		t.Helper()
		c := read(t, store, "web")
		if len(c.Secrets) != len(want) {
			t.Errorf("%d live secrets, want %d", len(c.Secrets), len(want))
		}
		for _, secret := range want {
			if !clients.CheckSecret(c, secret, time.Now()) {
				t.Error("a secret that should be live is not")
			}
		}
	}
	live(fileSecret, string(added))
	apply(t, store, clients.Configured{Client: valid("web"), Secret: nextSecret})
	live(nextSecret, string(added))
	apply(t, store, clients.Configured{Client: valid("web")})
	live(string(added))
	if err := s.DeleteSecret(t.Context(), "web", "config:web"); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("the file's secret was deleted: %v", err)
	}
}

func TestClientRemovedFromTheFileIsDisabledAndComesBack(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Configured{Client: valid("web"), Secret: fileSecret}, clients.Configured{Client: valid("other")})
	apply(t, store, clients.Configured{Client: valid("other")})
	if !read(t, store, "web").Disabled || read(t, store, "other").Disabled {
		t.Error("not exactly the removed client is disabled")
	}
	apply(t, store, clients.Configured{Client: valid("web"), Secret: fileSecret})
	if c := read(t, store, "web"); c.Disabled || !clients.CheckSecret(c, fileSecret, time.Now()) {
		t.Error("the client did not come back")
	}
	if _, _, err := s.Create(t.Context(), valid("other"), ""); !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), "configuration file until") {
		t.Errorf("an id that the file had: %v", err)
	}
	if err := s.Delete(t.Context(), "other"); err != nil {
		t.Errorf("a client that left the file: %v", err)
	}
}

func TestClientsOfTheFileAreReadOnly(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Configured{Client: valid("web")})
	_, create := func() (idp.Secret, error) { _, x, err := s.Create(t.Context(), valid("web"), ""); return x, err }()
	_, update := s.Update(t.Context(), "web", func(*idp.Client) { t.Error("a change was asked for") })
	for name, err := range map[string]error{"create": create, "update": update, "delete": s.Delete(t.Context(), "web")} {
		if !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), "configuration file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIDOwnedElsewhereStopsTheStart(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	err := clients.ApplyConfig(t.Context(), store, []clients.Configured{{Client: valid("new")}, {Client: valid("web")}})
	for _, want := range []string{"configuration file", "idp client create", "client_id web"} {
		if !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if c := read(t, store, "web"); c.ManagedBy != idp.ManagedByAPI {
		t.Error("the client changed hands")
	}
}

func TestEveryMistakeInTheFileIsReportedWithItsPlace(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	public := valid("spa")
	public.TokenEndpointAuthMethod = idp.AuthNone
	err := clients.ApplyConfig(t.Context(), store, []clients.Configured{
		{Client: valid("ok")},
		{Client: valid("alice.near")},
		{Client: valid("ok")},
		{Client: public, Secret: fileSecret},
		{Client: valid("weak"), Secret: "hunter2"},
	})
	for _, want := range []string{"clients[1]: client_id", "clients[2]: client_id \"ok\" is that of clients[0]", "clients[3]: secret is set", "clients[4]: secret has 7 characters"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
	if n := store.reads.Load(); n != 0 {
		t.Errorf("%d reads", n)
	}
}
