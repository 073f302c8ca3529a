package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// open returns a Store that is watched until the test ends, and what it says.
func open(t *testing.T, opts postgres.Options) (*postgres.Store, *watched) {
	t.Helper()
	store, err := postgres.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w := &watched{}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { store.Watch(ctx, slog.New(slog.NewTextHandler(w, nil)), w.changed) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return store, w
}

// watched is what Watch reported and logged.
type watched struct {
	mu     sync.Mutex
	tables []string
	log    strings.Builder
}

func (w *watched) changed(table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tables = append(w.tables, table)
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

// since returns how much was reported, or what came after so much.
func (w *watched) since(n int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.tables[n:]...)
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func eventually(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", limit, what)
		}
	}
}

func create(t *testing.T, store *postgres.Store, id string) error {
	return store.CreateClient(t.Context(), idp.Client{ID: id, ManagedBy: idp.ManagedByAPI}, idp.ClientSecret{})
}

const appears = 20 * time.Second

// A primary that comes back after its standby was promoted would take what is spent for
// unspent, and what is ended for alive.
func TestPrimaryOfThePastIsRefused(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.Pair(t, true)
	hosts := postgres.Options{URL: "postgres://idp@" + primary.Addr + "," + standby.Addr + "/idp?sslmode=disable"}
	store, w := open(t, hosts)
	eventually(t, "it listens", appears, func() bool { return len(w.since(0)) > 0 })
	if err := create(t, store, "before"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is reported", appears, func() bool { return len(w.since(0)) > 1 })
	primary.Kill(t)
	eventually(t, "an outage", appears, func() bool { return errors.Is(create(t, store, "during"), idp.ErrUnavailable) })
	seen := len(w.since(0))
	standby.Promote(t)
	eventually(t, "writes go to the promoted server", appears, func() bool { return create(t, store, "after") == nil })
	eventually(t, "everything is read again", appears, func() bool { return slices.Contains(w.since(seen), "") })
	if _, err := store.Client(t.Context(), "before"); err != nil {
		t.Errorf("what was acknowledged before: %v", err)
	}
	if err := primary.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh, _ := open(t, hosts) // one that never saw the promotion
	for i, one := range []*postgres.Store{store, fresh} {
		if _, err := one.Client(t.Context(), "after"); err != nil {
			t.Errorf("store %d reads the server of the past: %v", i, err)
		}
	}
	alone, _ := open(t, postgres.Options{URL: primary.URL("idp") + "?sslmode=disable"})
	if _, err := alone.Client(t.Context(), "after"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the old primary is up and has not seen the later client: %v", err)
	}
}

// A primary that is cut off from its standby, but not from us, goes on answering.
func TestPromotionIsNoticedWhileTheOldPrimaryAnswers(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.Pair(t, true)
	store, _ := open(t, postgres.Options{URL: "postgres://idp@" + primary.Addr + "," + standby.Addr + "/idp?sslmode=disable"})
	if err := create(t, store, "before"); err != nil {
		t.Fatal(err)
	}
	primary.Do(t, `ALTER SYSTEM SET synchronous_standby_names = ''`)
	primary.Do(t, `SELECT pg_reload_conf()`)
	standby.Promote(t)
	standby.Do(t, `INSERT INTO clients (id, managed_by, metadata) VALUES ('there', 'api', '{}')`)
	eventually(t, "reads go to the promoted server", appears, func() bool {
		_, err := store.Client(t.Context(), "there")
		return err == nil
	})
}

// During an outage nobody waits for a connection: what cannot be done is said at once.
func TestOutageIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	store, w := open(t, postgres.Options{URL: server.DSN(), MaxConns: 2})
	if err := create(t, store, "before"); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	_ = create(t, store, "during")
	eventually(t, "the outage is known", appears, func() bool { return strings.Contains(w.text(), "does not answer") })
	began := time.Now()
	for range 1000 {
		if err := create(t, store, "during"); !errors.Is(err, idp.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("1000 statements during an outage took %v", took)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "service resumes", appears, func() bool { return create(t, store, "after") == nil })
	if !strings.Contains(w.text(), "answers again") {
		t.Errorf("the end of the outage is not logged:\n%s", w.text())
	}
}

// A request whose sender leaves says nothing about the database.
func TestSendersThatLeaveDoNotLookLikeAnOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	store, w := open(t, postgres.Options{URL: server.DSN()})
	if err := create(t, store, "before"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it listens", appears, func() bool { return len(w.since(0)) > 0 })
	seen := len(w.since(0))
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Microsecond)
		_, _ = store.Clients(ctx)
		cancel()
		if err := store.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.since(seen); slices.Contains(got, "") || w.text() != "" {
		t.Errorf("reported %q, logged:\n%s", got, w.text())
	}
}
