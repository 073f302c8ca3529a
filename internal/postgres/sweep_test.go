package postgres_test

import (
	"os"
	"strings"
	"testing"
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
