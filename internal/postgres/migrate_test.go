package postgres_test

import (
	"context"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// Whoever holds a table for long, such as a dump, must not make a migration hold up the
// sign-ins that queue behind it.
func TestMigrationGivesWayAndTriesAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec := func(sql string) {
		t.Helper()
		_, err := db.Exec(t.Context(), sql)
		must(t, err)
	}
	exec(`DROP TABLE sweeper, schema_floor; DELETE FROM goose_db_version WHERE version_id >= 16`)
	holder, err := db.Begin(t.Context())
	must(t, err)
	_, err = holder.Exec(t.Context(), `LOCK TABLE logins IN SHARE UPDATE EXCLUSIVE MODE`)
	must(t, err)

	done := make(chan error, 1)
	var applied []string
	go func() {
		var err error
		applied, err = postgres.New(db).Migrate(context.WithoutCancel(t.Context()))
		done <- err
	}()
	waits := func(want bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			var is bool
			must(t, db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'logins'::regclass AND NOT granted)`).Scan(&is))
			if is == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("it waits for the table: %v", is)
			}
		}
	}
	waits(true)
	waits(false) // it gave up, while the table is still held
	waits(true)  // and came again
	select {
	case err := <-done:
		t.Fatalf("it ended while the table was held: %v", err)
	default:
	}
	must(t, holder.Rollback(t.Context()))
	must(t, <-done)
	if len(applied) == 0 {
		t.Error("nothing was applied")
	}
	schema, err := postgres.New(db).Schema(t.Context())
	must(t, err)
	if schema.Missing() != 0 || schema.Newer() || schema.Outgrown() != nil {
		t.Errorf("%+v", schema)
	}
}

func TestSchemaOfAnEmptyDatabaseIsMissing(t *testing.T) {
	t.Parallel()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.Empty(t)})
	must(t, err)
	defer store.Close()
	schema, err := store.Schema(t.Context())
	must(t, err)
	if schema.Applied != 0 || schema.Missing() != len(schema.Steps) || schema.Newer() {
		t.Errorf("%+v", schema)
	}
}
