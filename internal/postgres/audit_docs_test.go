package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Each type of event that the store writes is explained to operators.
func TestEveryTypeOfEventIsExplained(t *testing.T) {
	t.Parallel()
	explained, err := os.ReadFile("../../docs/audit.md")
	must(t, err)
	files, err := filepath.Glob("*.go")
	must(t, err)
	nouns := regexp.MustCompile(`'((?:login|handoff|consent|device|token|session|account|client|key|api_key|config)\.[a-z_]+)'`)
	types := map[string]bool{}
	for _, file := range append(files, "../../migrations/00008_audit.sql") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		must(t, err)
		for _, match := range nouns.FindAllStringSubmatch(string(source), -1) {
			types[match[1]] = true
		}
	}
	if len(types) < 20 {
		t.Fatalf("only %v are written", types)
	}
	for name := range types {
		if !strings.Contains(string(explained), "`"+name+"`") {
			t.Errorf("docs/audit.md does not explain %s", name)
		}
	}
}

// H06: what docs/audit.md says of a provider whose database role does not own the schema: it
// does all that it has to, and cannot lift the guard of its own audit log.
func TestProviderThatOwnsNothingCannotLiftTheGuard(t *testing.T) {
	l := newLogouts(t)
	role := "idp_" + l.list(`SELECT oid FROM pg_database WHERE datname = current_database()`)
	l.exec(`CREATE ROLE ` + role)
	t.Cleanup(func() {
		_, _ = l.pool.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role) // with its server, else
	})
	l.exec(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ` + role)
	cfg := l.pool.Config()
	cfg.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	must(t, err)
	defer pool.Close()
	store := postgres.New(pool)
	must(t, store.CreateClient(t.Context(), client("wiki", idp.ManagedByAPI), idp.ClientSecret{ID: "s1", Hash: hashOf("s1")}))
	must(t, store.ChangeClients(t.Context(), idp.ClientSelection{}, func([]idp.Client) (idp.ClientChanges, error) { return idp.ClientChanges{Delete: []string{"wiki"}}, nil }))
	must(t, store.ChangeSigningKeys(t.Context(), func(k []idp.SigningKey, _ time.Time) ([]idp.SigningKey, error) { return k, nil }))
	l.session("S1", "alice.testnet")
	_, err = store.EndSessions(t.Context(), true, "S1")
	must(t, err)
	must(t, store.AppendEvents(t.Context(), []idp.Event{{Type: "token.refused", Outcome: idp.OutcomeRefused}}))
	_, err = store.SweepEvents(t.Context(), 90*24*time.Hour)
	must(t, err)
	_, err = store.Sweep(t.Context())
	must(t, err)
	if got := l.list(`SELECT DISTINCT type FROM audit_events WHERE client_id = 'wiki' OR sid = 'S1' OR type = 'token.refused'`); got != "client.created client.deleted client.secret_added session.ended token.refused" {
		t.Errorf("recorded: %s", got)
	}
	owned := &logouts{store, t, pool}
	for _, sql := range []string{
		`ALTER TABLE audit_events DISABLE TRIGGER ALL`, `DROP TRIGGER audit_events_kept ON audit_events`, `SET session_replication_role = replica`,
		`DELETE FROM audit_events`, `TRUNCATE audit_events`, `DROP TABLE audit_events`, `ALTER TABLE clients DISABLE TRIGGER clients_audited`,
		`CREATE OR REPLACE FUNCTION refuse_audit_loss() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
	} {
		owned.refusesSQL(sql)
	}
}
