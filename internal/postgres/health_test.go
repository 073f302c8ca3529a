package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5"
)

func TestHealthShowsWhatIsWrong(t *testing.T) {
	l := newLogouts(t)
	h, err := l.Health(t.Context())
	must(t, err)
	if h.Room < 10 || h.Connections == 0 || h.Fsync || h.Standby || len(h.Lacks) > 0 || len(h.Overdue) > 0 || h.Swept >= 0 || len(h.Tables) < 10 {
		t.Errorf("%+v", h)
	}
	l.exec(`INSERT INTO dpop_proofs (hash, expires_at) VALUES (sha256('x'), now() - interval '5 hours')`)
	l.exec(`UPDATE sweeper SET finished_at = now() - interval '1 hour'`)
	tx, err := l.pool.Begin(t.Context())
	must(t, err)
	defer tx.Rollback(t.Context())
	_, err = tx.Exec(t.Context(), `SELECT 1`)
	must(t, err)
	h, err = l.Health(t.Context())
	must(t, err)
	if !slices.Equal(h.Overdue, []string{"dpop_proofs"}) || h.Swept < 59*time.Minute || h.Swept > 61*time.Minute || h.Oldest <= 0 {
		t.Errorf("%+v", h)
	}
}

// A role that may do less than the provider needs is told what it lacks; it can look, even so.
func TestHealthNamesTheRightsThatARoleLacks(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(t.Context())
	role := fmt.Sprintf("serving_%d", time.Now().UnixNano())
	_, err = db.Exec(t.Context(), `CREATE ROLE `+role+` LOGIN;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `+role+`;
		REVOKE INSERT, UPDATE, DELETE ON goose_db_version, schema_floor FROM `+role+`;
		REVOKE DELETE ON grants FROM `+role)
	must(t, err)
	t.Cleanup(func() {
		again, err := pgx.Connect(context.Background(), dsn)
		if err == nil {
			_, _ = again.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
			_ = again.Close(context.Background())
		}
	})
	cfg, err := pgx.ParseConfig(dsn)
	must(t, err)
	store, err := postgres.Open(t.Context(), postgres.Options{URL: strings.Replace(dsn, "user="+cfg.User, "user="+role, 1)})
	must(t, err)
	defer store.Close()
	h, err := store.Health(t.Context())
	must(t, err)
	if !slices.Equal(h.Lacks, []string{"DELETE on grants"}) || h.Superuser {
		t.Errorf("%+v", h)
	}
	schema, err := store.Schema(t.Context())
	if err != nil || schema.Missing() > 0 {
		t.Errorf("%+v, %v", schema, err)
	}
}
