package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// crowd multiplies what really happened, row for row, so that tables have pages to speak of.
const crowd = `
	INSERT INTO logins SELECT (jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(), 'nonce', sha256(gen_random_uuid()::text::bytea)))).* FROM logins l, generate_series(1, $1);
	INSERT INTO sessions SELECT (jsonb_populate_record(s, jsonb_build_object('sid', gen_random_uuid(), 'hash', sha256(gen_random_uuid()::text::bytea)))).* FROM sessions s, generate_series(1, $1) WHERE used_at > now() - interval '1 hour';
	INSERT INTO grants SELECT (jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid()))).* FROM grants g, generate_series(1, $1) WHERE created_at > now() - interval '1 hour';
	INSERT INTO audit_events (at, type, outcome, reason, client_id, account_id, subject, details)
		SELECT at, type, outcome, reason, client_id, account_id, subject, details FROM audit_events e, generate_series(1, $1) WHERE at > now() - interval '1 hour';
	INSERT INTO dpop_proofs SELECT sha256(gen_random_uuid()::text::bytea), now() + interval '2 minutes' FROM generate_series(1, 10 * $1);
	INSERT INTO client_assertions SELECT 'es256', sha256(gen_random_uuid()::text::bytea), now() + interval '2 minutes' FROM generate_series(1, 10 * $1);
	INSERT INTO logout_outbox (client_id, sid, subject) SELECT 'es256', gen_random_uuid(), 'alice.testnet' FROM generate_series(1, 10 * $1);
	UPDATE grants SET generation = generation + 1, rotated_at = now();
	UPDATE sessions SET used_at = now();`

// O03: sign-ins, refreshes, sign-ins that nobody finishes, revocations, refusals and what they
// leave behind come and go, for as long as it takes until everything has expired several times
// over. Then no table is larger than it was, neither in rows nor on disk.
func TestTablesStayBoundedUnderTraffic(t *testing.T) {
	t.Parallel()
	const rounds, copies = 9, 30
	const passing, retention = 31 * 24 * time.Hour, 90 * 24 * time.Hour
	s := newSite(t, pgtest.DSN(t))
	p := s.serve()
	db := connect(t, s.dsn)
	store, err := postgres.Open(t.Context(), postgres.Options{URL: s.dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%.100s: %v", sql, err)
		}
	}
	exec(`ALTER TABLE audit_events DISABLE TRIGGER audit_events_unchanged`) // time passes for it, too
	var history []map[string][2]int64
	for range rounds {
		visit(p)
		exec(strings.ReplaceAll(crowd, "$1", fmt.Sprint(copies)))
		exec(pass(t, db, passing))
		if _, err := store.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.SweepEvents(t.Context(), retention); err != nil {
			t.Fatal(err)
		}
		sizes := measure(t, db)
		outlive(t, db)
		exec(`VACUUM ` + strings.Join(slices.Collect(maps.Keys(sizes)), ", "))
		history = append(history, measure(t, db))
	}
	// Everything is gone after four rounds; the last three are held to those between.
	for table := range history[0] {
		var usual, last [2]int64
		for i, round := range history {
			for k, n := range round[table] {
				switch {
				case i >= rounds-3:
					last[k] = max(last[k], n)
				case i >= 4:
					usual[k] = max(usual[k], n)
				}
			}
		}
		if last[0] > usual[0]+usual[0]/10+5 || last[1] > usual[1]+usual[1]/10+64<<10 {
			t.Errorf("%s grows from %d rows and %d KiB to %d and %d", table, usual[0], usual[1]>>10, last[0], last[1]>>10)
		}
	}
	end := history[rounds-1]
	for _, table := range []string{"logins", "sessions", "dpop_proofs", "client_assertions", "logout_outbox"} {
		if end[table][0] > 0 {
			t.Errorf("%s has %d rows, all of which expired", table, end[table][0])
		}
	}
	if peak := history[4]; peak["grants"][0] == 0 || peak["audit_events"][0] < 1000 {
		t.Errorf("there was no traffic to speak of: %v", peak)
	}
	t.Logf("rows and bytes in the end: %v", end)
}

// outlive waits until every transaction in the database is a later one: VACUUM keeps what an
// earlier one may still read.
func outlive(t *testing.T, db *pgx.Conn) {
	t.Helper()
	const query = `SELECT coalesce(string_agg(query, '; '), '') FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= $1`
	begun, deadline := time.Now(), time.Now().Add(time.Minute) // one machine, one clock
	for {
		var earlier string
		if err := db.QueryRow(t.Context(), query, begun).Scan(&earlier); err != nil {
			t.Fatal(err)
		}
		if earlier == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("open for a minute: %s", earlier)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// visit is what people and applications do within a while.
func visit(p *process) {
	p.Helper()
	for i := range 8 {
		tokens := p.signIn("es256", "openid offline_access")
		b := p.browser()
		r := b.postForm("/token", refresh("es256", tokens["refresh_token"]))
		b.authorize("/authorize?" + newRequest("es256", "openid").form().Encode()) // and goes away
		b.send("GET", "/authorize?client_id=nobody", "")
		b.postForm("/token", refresh("es256", "no-token-of-ours"))
		if i%2 == 0 {
			b.postForm("/revoke", shown("es256", r.text("refresh_token")))
		}
	}
}

// pass moves every time in the database into the past. Those of keys and clients stay.
func pass(t *testing.T, db *pgx.Conn, by time.Duration) string {
	t.Helper()
	rows, err := db.Query(t.Context(), `
		SELECT format('UPDATE %I SET %s;', table_name, string_agg(format('%I = %I - interval ''%s seconds''', column_name, column_name, $1::bigint), ', '))
		FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
		AND table_name NOT IN ('signing_keys', 'clients', 'client_secrets', 'client_logos', 'api_keys', 'sweeper', 'audit_journal')
		GROUP BY table_name`, int64(by/time.Second))
	if err != nil {
		t.Fatal(err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(statements) < 10 {
		t.Fatal(statements, err)
	}
	return strings.Join(statements, "\n")
}

// measure returns the rows and bytes, with indexes, of each table.
func measure(t *testing.T, db *pgx.Conn) map[string][2]int64 {
	t.Helper()
	rows, err := db.Query(t.Context(), `
		SELECT relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text::bigint, pg_total_relation_size(oid)
		FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][2]int64{}
	var name string
	var n, size int64
	if _, err := pgx.ForEachRow(rows, []any{&name, &n, &size}, func() error { tables[name] = [2]int64{n, size}; return nil }); err != nil {
		t.Fatal(err)
	}
	return tables
}
