package clients_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// A counted store tells how often it was read.
type counted struct {
	*postgres.Store
	reads atomic.Int64
	read  []string // the clients that were read
}

func (c *counted) ClientVersions(ctx context.Context, each func(string, int64)) error {
	c.reads.Add(1)
	return c.Store.ClientVersions(ctx, each)
}

func (c *counted) ReadClients(ctx context.Context, ids []string, each func(idp.Client)) error {
	c.reads.Add(1)
	return c.Store.ReadClients(ctx, ids, func(one idp.Client) { c.read = append(c.read, one.ID); each(one) })
}

// A clock stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) move(d time.Duration)    { c.at.Add(int64(d)) }
func quiet() *slog.Logger                { return slog.New(slog.DiscardHandler) }
func newStore(t *testing.T) *counted     { return &counted{Store: postgres.New(pgtest.New(t))} }
func service(s *counted) clients.Service { return clients.Service{Store: s} }

func newRegistry(store *counted) (*clients.Registry, *clock) {
	c := &clock{}
	c.move(time.Hour)
	return clients.New(store, quiet(), c.now), c
}

func create(t *testing.T, store *counted, c idp.Client) idp.Secret {
	t.Helper()
	s := service(store)
	_, secret, err := s.Create(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestLookUpsNeedNoSQL(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	secret := create(t, store, valid("web"))
	r, _ := newRegistry(store)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	reads := store.reads.Load()
	for range 100 {
		c, err := r.Client(t.Context(), "web")
		if err != nil || !clients.CheckSecret(c, string(secret), time.Now()) || c.Scope == "" || c.Lifetimes.Code == 0 {
			t.Fatalf("%+v, %v", c, err)
		}
		if !r.AllowsOrigin("https://app.example.com") || r.AllowsOrigin("https://evil.example") {
			t.Fatal("origins")
		}
	}
	if store.reads.Load() != reads {
		t.Errorf("%d reads", store.reads.Load()-reads)
	}
}

func TestUnknownIDsCannotFloodTheDatabase(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	r, clock := newRegistry(store)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := r.Client(t.Context(), "unknown"); !errors.Is(err, idp.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, impossible := range []string{"", "a b", "alice.near#2", strings.Repeat("a", 10000)} {
		if _, err := r.Client(t.Context(), impossible); !errors.Is(err, idp.ErrNotFound) || len(err.Error()) > 200 {
			t.Error(err)
		}
	}
	if n := store.reads.Load(); n != 1 {
		t.Errorf("100 look-ups of an unknown id read %d times", n)
	}
	create(t, store, valid("unknown"))
	if _, err := r.Client(t.Context(), "unknown"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("read again within the second: %v", err)
	}
	clock.move(time.Second)
	if _, err := r.Client(t.Context(), "unknown"); err != nil {
		t.Errorf("a client that another replica registered: %v", err)
	}
}

func TestDisabledAndDeletedClientsStopAtTheNextReload(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	r, clock := newRegistry(store)
	if _, err := r.Client(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	s := service(store)
	if _, err := s.Update(t.Context(), "web", func(c *idp.Client) { c.Disabled = true }); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.move(time.Minute)
	reads := store.reads.Load()
	if _, err := r.Client(t.Context(), "web"); !errors.Is(err, idp.ErrNotFound) || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("a disabled client: %v", err)
	}
	if r.AllowsOrigin("https://app.example.com") {
		t.Error("its origin is still allowed")
	}
	if store.reads.Load() != reads {
		t.Error("a disabled client causes reads")
	}
	if err := s.Delete(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client(t.Context(), "web"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a deleted client: %v", err)
	}
}

func TestKnownClientsWorkWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := &counted{Store: postgres.New(pool)}
	create(t, store, valid("web"))
	r, clock := newRegistry(store)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.move(time.Minute)
	pool.Close()
	for range 2 { // the second answer is remembered and as honest
		if _, err := r.Client(t.Context(), "other"); !errors.Is(err, idp.ErrUnavailable) || errors.Is(err, idp.ErrNotFound) {
			t.Errorf("an unknown client during an outage: %v", err)
		}
	}
	if _, err := r.Client(t.Context(), "web"); err != nil {
		t.Error(err)
	}
}

func TestCancelledRequestDoesNotFailTheOthersLookUp(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	r, _ := newRegistry(store)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Client(gone, "web"); err != nil {
		t.Error(err)
	}
}

// Rows written by hand or by another version are ignored, loudly, instead of served unchecked.
func TestInvalidRowsAreNotServed(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), `
		INSERT INTO clients (id, managed_by, metadata)
		VALUES ('bad', 'api', '{"redirect_uris":["https://x.example/*"]}'), ('good', 'api', '{"redirect_uris":["https://x.example/cb"]}')`); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r := clients.New(postgres.New(pool), slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client(t.Context(), "bad"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("served: %v", err)
	}
	if _, err := r.Client(t.Context(), "good"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "client_id=bad") || !strings.Contains(log.String(), "wildcard") {
		t.Errorf("log: %s", &log)
	}
}

// A resource that is taken out of the configuration takes no client with it, and gives none more than it had.
func TestScopesOfResourcesThatAreGone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), `
		INSERT INTO clients (id, managed_by, metadata)
		VALUES ('both', 'api', '{"redirect_uris":["https://x.example/cb"],"scope":"openid files.read mail.read"}'),
		       ('only', 'api', '{"redirect_uris":["https://x.example/cb"],"scope":"files.read"}')`); err != nil {
		t.Fatal(err)
	}
	r := clients.New(postgres.New(pool), slog.New(slog.DiscardHandler), time.Now)
	r.SetDefaults(clients.Defaults{Scopes: []string{"mail.read"}})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Client(t.Context(), "both"); err != nil || c.Scope != "openid mail.read" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := r.Client(t.Context(), "only"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a client with nothing left is served: %v", err)
	}
}
