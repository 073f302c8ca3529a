package clients_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// However many clients there are, a change costs what it takes to read the one that changed.
func TestReloadReadsWhatChangedAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := &counted{Store: postgres.New(pool)}
	for _, id := range []string{"one", "two", "three"} {
		create(t, store, valid(id))
	}
	r, _ := newRegistry(store)
	s := service(store)
	exec := func(sql string) func() error {
		return func() error { _, err := pool.Exec(t.Context(), sql); return err }
	}
	for _, step := range []struct {
		name string
		do   func() error
		read string
	}{
		{"the start", func() error { return nil }, "one three two"},
		{"nothing", func() error { return nil }, ""},
		{"a client", func() error {
			_, err := s.Update(t.Context(), "two", func(c *idp.Client) { c.Name = "Two" })
			return err
		}, "two"},
		{"a secret that is added", exec(`INSERT INTO client_secrets (id, client_id, hash) VALUES ('more', 'three', sha256('more'))`), "three"},
		{"a secret that is revoked", exec(`DELETE FROM client_secrets WHERE id = 'more'`), "three"},
		{"a secret in place of another, at once", exec(`WITH gone AS (DELETE FROM client_secrets WHERE client_id = 'three')
			INSERT INTO client_secrets (id, client_id, hash) VALUES ('other', 'three', sha256('other'))`), "three"},
		{"a logo", exec(`INSERT INTO client_logos (client_id, source, tried_at, due_at) VALUES ('one', 'https://x.example/l.png', now(), now())`), "one"},
		{"its use", exec(`INSERT INTO client_uses (client_id, used_at) VALUES ('one', now())`), ""},
		{"one that is deleted", func() error { return s.Delete(t.Context(), "two") }, ""},
		{"one that is created", func() error { create(t, store, valid("four")); return nil }, "four"},
		{"the defaults", func() error { r.SetDefaults(clients.Defaults{Alg: idp.ES256}); return nil }, "four one three"},
		{"nothing since", func() error { return nil }, ""},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		store.read = nil
		if err := r.Reload(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		slices.Sort(store.read)
		if read := strings.Join(store.read, " "); read != step.read {
			t.Errorf("after a change of %s %q were read, want %q", step.name, read, step.read)
		}
	}
	if c, err := r.Client(t.Context(), "one"); err != nil || c.IDTokenSignedResponseAlg != idp.ES256 {
		t.Errorf("%+v, %v", c, err)
	}
	if n := r.State().Clients; n != 3 {
		t.Errorf("%d clients, want 3", n)
	}
}

// Strangers who make up ids have the store asked a bounded number of times, and a client that they
// kept from being looked for is known at the next reload.
func TestManyUnknownIDsCannotFloodTheDatabase(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	r, _ := newRegistry(store)
	for i := range 500 {
		if _, err := r.Client(t.Context(), fmt.Sprintf("made-up-%d", i)); !errors.Is(err, idp.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := store.reads.Load(); n != 100 {
		t.Errorf("500 unknown ids read %d times", n)
	}
	create(t, store, valid("web"))
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client(t.Context(), "web"); err != nil {
		t.Error(err)
	}
}

// A client that another replica registered a moment ago is found, with its origin, without reading all others.
func TestClientOfAnotherReplicaIsFound(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	r, _ := newRegistry(store)
	r.BuiltIn = []idp.Client{{ID: "own"}}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	loopback := valid("native")
	loopback.RedirectURIs = []string{"http://127.0.0.1:8080/cb"}
	create(t, store, loopback)
	if r.AllowsOrigin("http://127.0.0.1:9") {
		t.Error("the origin of a client that is not known")
	}
	store.read = nil
	for range 3 {
		if c, err := r.Client(t.Context(), "native"); err != nil || c.ID != "native" {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if len(store.read) != 1 {
		t.Errorf("%q were read", store.read)
	}
	for origin, allowed := range map[string]bool{
		"http://127.0.0.1:9": true, "http://127.0.0.1": true, "http://127.0.0.1:9/": false, "http://localhost:8080": false,
		"https://127.0.0.1:8080": false, "https://app.example.com": true, "https://app.example.com:444": false, "": false, "null": false,
	} {
		if r.AllowsOrigin(origin) != allowed {
			t.Errorf("origin %q: %v", origin, !allowed)
		}
	}
	for _, id := range []string{"own", "web", "native"} {
		if _, err := r.Client(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// A store whose clients cannot be read leaves what was known, and they are read the next time.
type breaking struct {
	*counted
	broken bool
}

func (b *breaking) ReadClients(ctx context.Context, ids []string, each func(idp.Client)) error {
	if b.broken {
		return idp.ErrUnavailable
	}
	return b.counted.ReadClients(ctx, ids, each)
}

func TestReloadThatFailsKeepsWhatWasKnownAndGoesOn(t *testing.T) {
	t.Parallel()
	store := &breaking{counted: newStore(t)}
	for _, id := range []string{"kept", "deleted", "disabled"} {
		create(t, store.counted, valid(id))
	}
	r := clients.New(store, quiet(), time.Now)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := service(store.counted)
	if _, err := s.Update(t.Context(), "kept", func(c *idp.Client) { c.Name = "changed" }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), "disabled", func(c *idp.Client) { c.Disabled = true }); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "deleted"); err != nil {
		t.Fatal(err)
	}
	store.broken = true
	if err := r.Reload(t.Context()); !errors.Is(err, idp.ErrUnavailable) {
		t.Fatal(err)
	}
	if c, err := r.Client(t.Context(), "kept"); err != nil || c.Name == "changed" {
		t.Errorf("%+v, %v", c, err)
	}
	store.broken = false
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Client(t.Context(), "kept"); err != nil || c.Name != "changed" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, id := range []string{"deleted", "disabled"} {
		if _, err := r.Client(t.Context(), id); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("a client that was %s: %v", id, err)
		}
	}
}

// Whoever stops the process does not wait for a registry that is large.
func TestReloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	r, _ := newRegistry(store)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Reload(gone); err == nil {
		t.Error("it went on")
	}
}
