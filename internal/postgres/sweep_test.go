package postgres_test

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// O03: whatever can expire is swept. A new table with expires_at fails here
// until sweep.go deletes from it.
func TestEveryTableThatExpiresIsSwept(t *testing.T) {
	l := newLogouts(t)
	source, err := os.ReadFile("sweep.go")
	must(t, err)
	tables := strings.Fields(l.list(`SELECT DISTINCT table_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name = 'expires_at' AND table_name <> 'signing_keys'`)) // the ring deletes those itself
	if len(tables) < 5 {
		t.Fatalf("only %q can expire", tables)
	}
	for _, table := range tables {
		if !strings.Contains(string(source), "DELETE FROM "+table+" ") {
			t.Errorf("expired rows of %s stay for ever", table)
		}
	}
}

// O03: a flood that expired goes in batches, and what is live stays.
func TestSweepLeavesNothingThatExpired(t *testing.T) {
	l := newLogouts(t)
	const flood = 2500
	l.exec(`INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state, expires_at)
		SELECT 'L' || n, 'mute', '', '', sha256(n::text::bytea), '', '', '', now() - CASE WHEN n = 1 THEN interval '0' ELSE interval '2 hours' END
		FROM generate_series(1, $1::int) n`, flood)
	l.exec(`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
		SELECT 'S' || n, sha256(n::text::bytea), 'a', 'a', 'testnet', 'k', now(), now(), now() - interval '2 hours' FROM generate_series(1, $1::int) n`, flood)
	l.exec(`INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid, scopes, audience, expires_at, max_expires_at)
		SELECT 'G' || n, 'mute', 'a', 'a', 'testnet', 'k', now(), 'S' || n, '{}', '{}', now(), now() - interval '2 hours' FROM generate_series(1, $1::int) n`, flood)
	l.session("live", "alice.testnet")
	l.grant("live", "mute", "live", "alice.testnet", offline)
	if n, err := l.Sweep(t.Context()); n != 3*flood-1 || err != nil {
		t.Errorf("swept %d of %d, %v", n, 3*flood-1, err)
	}
	if left := l.list(`SELECT id FROM logins UNION ALL SELECT sid FROM sessions UNION ALL SELECT id FROM grants`); left != "L1 live live" {
		t.Errorf("left: %.200s", left)
	}
}

// Metrics name the table that rows are deleted from, each row once.
func TestSweptRowsAreToldByTable(t *testing.T) {
	l := newLogouts(t)
	l.exec(`INSERT INTO dpop_proofs (hash, expires_at) SELECT sha256(n::text::bytea), now() - interval '1 hour' FROM generate_series(1, 1500) n`)
	told := map[string]int64{}
	l.Store.Swept = func(table string, rows int64) { told[table] += rows }
	if _, _, err := l.SweepInTurn(t.Context(), time.Minute, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, known := told["audit_events"]; told["dpop_proofs"] != 1500 || told["logins"] != 0 || !known {
		t.Errorf("told %v", told)
	}
	for table := range told {
		if l.list(`SELECT count(*) FROM pg_tables WHERE tablename = '`+table+`'`) != "1" {
			t.Errorf("%q is no table", table)
		}
	}
}

// O01: of many replicas one sweeps at a time, and if it dies, another.
func TestReplicasSweepInTurn(t *testing.T) {
	l := newLogouts(t)
	flood := func(n int) {
		l.exec(`INSERT INTO dpop_proofs (hash, expires_at) SELECT sha256((random()::text || n)::bytea), now() - interval '1 hour' FROM generate_series(1, $1::int) n`, n)
	}
	turn := func(replicas int, lease time.Duration) (turns, deleted int64) {
		t.Helper()
		var taken, gone atomic.Int64
		var group sync.WaitGroup
		for range replicas {
			group.Go(func() {
				n, mine, err := l.SweepInTurn(t.Context(), lease, time.Hour)
				if err != nil {
					t.Error(err)
				}
				if gone.Add(n); mine {
					taken.Add(1)
				}
			})
		}
		group.Wait()
		return taken.Load(), gone.Load()
	}
	flood(2300)
	if turns, deleted := turn(6, time.Hour); turns != 1 || deleted != 2300 {
		t.Errorf("%d replicas swept %d rows", turns, deleted)
	}
	flood(10)
	if turns, deleted := turn(3, time.Hour); turns != 0 || deleted != 0 {
		t.Errorf("within the turn of another %d replicas swept %d rows", turns, deleted)
	}
	l.exec(`UPDATE sweeper SET claimed_until = now() - interval '1 second'`) // it died
	if turns, deleted := turn(3, time.Hour); turns != 1 || deleted != 10 {
		t.Errorf("after a turn %d replicas swept %d rows", turns, deleted)
	}
	if left := l.list(`SELECT deleted::text FROM sweeper WHERE finished_at > now() - interval '1 minute'`); left != "10" {
		t.Errorf("the last turn is said to have deleted %q", left)
	}
}

// One table that nothing can be deleted from must not let all others grow.
func TestSweepGoesOnAfterATableThatFails(t *testing.T) {
	l := newLogouts(t)
	l.exec(`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
		VALUES ('S', sha256('S'), 'a', 'a', 'testnet', 'k', now(), now(), now() - interval '2 hours')`)
	l.exec(`INSERT INTO dpop_proofs (hash, expires_at) VALUES (sha256('x'), now() - interval '1 hour')`)
	l.exec(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'index is corrupt'; END $$`)
	l.exec(`CREATE TRIGGER broken BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION broken()`)
	n, mine, err := l.SweepInTurn(t.Context(), time.Minute, time.Hour)
	if n != 1 || !mine || err == nil {
		t.Errorf("%d rows went, %v", n, err)
	}
	if left := l.list(`SELECT 'proof' FROM dpop_proofs UNION ALL SELECT 'finished' FROM sweeper WHERE finished_at IS NOT NULL`); left != "" {
		t.Errorf("left: %s", left)
	}
}
