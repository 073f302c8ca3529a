package clients_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// A written store tells how often uses were written, and fails as often as it is told to.
type written struct {
	*postgres.Store
	writes, fail atomic.Int64
}

func (w *written) RecordClientUses(ctx context.Context, uses idp.ClientUses) error {
	if w.fail.Add(-1) >= 0 {
		return idp.ErrUnavailable
	}
	w.writes.Add(1)
	return w.Store.RecordClientUses(ctx, uses)
}

// run writes down what do notes: once, when it is over.
func run(t *testing.T, u *clients.Uses, do func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { u.Run(ctx, time.Hour) })
	do()
	stop()
	group.Wait()
}

func TestThousandUsesAreOneStatement(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := &written{Store: postgres.New(pool)}
	reads := &counted{Store: store.Store}
	secret, other := create(t, reads, valid("web")), create(t, reads, valid("other"))
	web := read(t, reads, "web")
	changed := web.UpdatedAt
	clock := &clock{}
	clock.move(time.Hour)
	u := clients.NewUses(store, quiet(), clock.now)
	run(t, u, func() {
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				if !u.CheckSecret(web, string(secret), clock.now()) || u.CheckSecret(web, string(other), clock.now()) {
					t.Error("the secrets")
				}
				u.Client("web")
				u.Client("deleted meanwhile")
			})
		}
		group.Wait()
	})
	if n := store.writes.Load(); n != 1 {
		t.Errorf("1000 uses took %d statements", n)
	}
	web = read(t, reads, "web")
	if !web.LastUsedAt.Equal(clock.now()) || !web.Secrets[0].LastUsedAt.Equal(clock.now()) || !web.UpdatedAt.Equal(changed) {
		t.Errorf("%+v", web)
	}
	if c := read(t, reads, "other"); !c.LastUsedAt.IsZero() || !c.Secrets[0].LastUsedAt.IsZero() {
		t.Errorf("a client that was not used: %+v", c)
	}
	run(t, u, func() {})
	if n := store.writes.Load(); n != 1 {
		t.Error("nothing was used, and written")
	}
	// Of two replicas one writes a row within a minute, and none sets it back.
	at := func(d time.Duration, want time.Duration) {
		t.Helper()
		use := map[string]time.Time{"web": time.Unix(0, 0).Add(d)}
		if err := store.Store.RecordClientUses(t.Context(), idp.ClientUses{Clients: use}); err != nil {
			t.Fatal(err)
		}
		if c := read(t, reads, "web"); !c.LastUsedAt.Equal(time.Unix(0, 0).Add(want)) {
			t.Errorf("used at %s, stored %s", d, c.LastUsedAt)
		}
	}
	at(time.Hour+59*time.Second, time.Hour)
	at(time.Minute, time.Hour)
	at(time.Hour+time.Minute, time.Hour+time.Minute)
}

func TestUsesSurviveAnOutage(t *testing.T) {
	t.Parallel()
	store := &written{Store: postgres.New(pgtest.New(t))}
	reads := &counted{Store: store.Store}
	create(t, reads, valid("web"))
	u := clients.NewUses(store, quiet(), time.Now)
	store.fail.Store(1)
	run(t, u, func() { u.Client("web") })
	run(t, u, func() {})
	if c := read(t, reads, "web"); c.LastUsedAt.IsZero() {
		t.Error("the use is forgotten")
	}
}

// A use must not make every replica read every client again.
func TestUsesAreNoChangeOfTheRegistry(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := postgres.New(pool)
	create(t, &counted{Store: store}, valid("web"))
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "LISTEN idp_changed"); err != nil {
		t.Fatal(err)
	}
	if err := store.RecordClientUses(t.Context(), idp.ClientUses{Clients: map[string]time.Time{"web": time.Now()}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if note, err := conn.Conn().WaitForNotification(ctx); err == nil {
		t.Errorf("notified of %s", note.Payload)
	}
}
