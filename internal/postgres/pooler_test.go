package postgres_test

import (
	"strings"
	"testing"

	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// Through PgBouncer in transaction mode nothing that lives in a session works: prepared
// statements, LISTEN, and the lock of migrations.
func TestPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	url := pgtest.Pooler(t, server)
	store, w := open(t, postgres.Options{URL: url, DirectURL: server.DSN(), MaxConns: 8})
	eventually(t, "it listens", appears, func() bool { return len(w.since(0)) > 0 })
	for i := range 50 { // on whichever server connections the pooler takes
		if err := create(t, store, strings.Repeat("c", i+1)); err != nil {
			t.Fatal(err)
		}
		if list, err := store.Clients(t.Context()); err != nil || len(list) != i+1 {
			t.Fatalf("%d clients, %v", len(list), err)
		}
	}
	eventually(t, "changes are reported", appears, func() bool { return len(w.since(0)) >= 51 })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Errorf("migrate by database.direct_url: %v", err)
	}
	if w.text() != "" {
		t.Errorf("logged:\n%s", w.text())
	}
}

// Without another way to the database changes are looked for, and nothing waits for ever.
func TestPoolerWithoutADirectWayIsPolled(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	url := pgtest.Pooler(t, server) + "&default_query_exec_mode=cache_describe"
	store, w := open(t, postgres.Options{URL: url, MaxConns: 8})
	eventually(t, "it is read", appears, func() bool { return len(w.since(0)) > 0 })
	if !strings.Contains(w.text(), "database.direct_url") {
		t.Errorf("the log does not say what to do:\n%s", w.text())
	}
	seen := len(w.since(0))
	if err := create(t, store, "made"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is noticed", appears, func() bool { return len(w.since(seen)) > 0 })
	if _, err := store.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "database.direct_url") {
		t.Errorf("a migration whose lock nobody would get back: %v", err)
	}
}
