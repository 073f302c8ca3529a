package postgres_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

// lost are the tables that a backup leaves out, each with the reason.
var lost = map[string]string{
	"sessions": "people sign in again", "logins": "they take minutes", "grants": "their tokens are refused, and people sign in again",
	"logout_outbox": "its sessions are gone", "pushed_requests": "they take a minute", "device_requests": "they take minutes", "device_guesses": "counted anew",
	"handoffs": "they take minutes", "relay_requests": "they take minutes", "client_assertions": "they last for minutes", "dpop_proofs": "they last for minutes",
	"audit_events": "a history, which is only appended to: pg_dump has it", "audit_journal": "of that history",
	"client_uses": "known again with the next use", "client_secret_uses": "known again with the next use",
	"schema_floor": "belongs to the schema", "sweeper": "begins anew", "goose_db_version": "belongs to the schema",
}

// What no backup holds is left out on purpose. A new table fails here until it is one or the other.
func TestEveryTableIsBackedUpOrLeftOutForAReason(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	saved := map[string]bool{}
	for _, line := range backupOf(t, db) {
		if line.Row == nil {
			saved[line.Table] = true
		}
	}
	var tables string
	must(t, db.QueryRow(t.Context(), `SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables))
	for _, table := range strings.Fields(tables) {
		if saved[table] == (lost[table] != "") {
			t.Errorf("%s is in the backup: %v; left out because %q", table, saved[table], lost[table])
		}
	}
}

func backupOf(t *testing.T, db *pgxpool.Pool) (lines []idp.BackupLine) {
	t.Helper()
	must(t, postgres.New(db).Backup(t.Context(), func(l idp.BackupLine) error {
		l.Row = slices.Clone(l.Row)
		lines = append(lines, l)
		return nil
	}))
	return lines
}

// from returns lines one after the other.
func from(lines []idp.BackupLine) func() (idp.BackupLine, error) {
	return func() (idp.BackupLine, error) {
		if len(lines) == 0 {
			return idp.BackupLine{}, io.EOF
		}
		next := lines[0]
		lines = lines[1:]
		return next, nil
	}
}

const contents = `
	SELECT coalesce(string_agg(x::text, E'\n' ORDER BY x::text), '') FROM (
		SELECT to_jsonb(t) x FROM clients t UNION ALL SELECT to_jsonb(t) FROM client_secrets t UNION ALL SELECT to_jsonb(t) FROM client_logos t
		UNION ALL SELECT to_jsonb(t) FROM signing_keys t UNION ALL SELECT to_jsonb(t) FROM subjects t UNION ALL SELECT to_jsonb(t) FROM consents t
		UNION ALL SELECT to_jsonb(t) FROM account_blocks t UNION ALL SELECT to_jsonb(t) FROM api_keys t) all_of_them`

func fill(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	_, err := db.Exec(t.Context(), `
		INSERT INTO clients (id, managed_by, metadata, disabled_at) SELECT 'c' || n, 'api', jsonb_build_object('client_name', E'Näme "<' || n || E'>\\\n'), now() FROM generate_series(1, 1203) n;
		INSERT INTO client_secrets (id, client_id, hash, expires_at) VALUES ('s', 'c1', sha256('x'), 'infinity');
		INSERT INTO client_logos (client_id, source, tried_at, due_at, hash, png, fetched_at) VALUES ('c2', 'data:', now(), now(), 'h', '\x00ff10', now());
		INSERT INTO signing_keys (kid, alg, wrapped, created_at, activates_at, retires_at, expires_at) VALUES ('k', 'ES256', '\x010203', now(), now(), NULL, NULL), ('o', 'ES256', '\x04', now(), now(), now(), now());
		INSERT INTO subjects (network, account_id, incarnation, closed_at) VALUES ('testnet', 'alice.testnet', 1, now()), ('testnet', 'alice.testnet', 2, NULL);
		INSERT INTO consents (network, subject, client_id, client, scopes, resources) VALUES ('testnet', 'alice.testnet#2', 'c1', 'f', '{openid,"a,b\"c"}', '{}');
		INSERT INTO account_blocks (network, account_id, reason) VALUES ('testnet', 'mallory.testnet', 'spam');
		INSERT INTO api_keys (id, name, prefix, hash, scopes, created_at, created_by, expires_at) VALUES ('a', 'n', 'p', sha256('y'), '{clients:read}', now(), 'local', now());`)
	must(t, err)
}

// Byte for byte, incarnations included: the next person to sign in as alice.testnet is #2, not #1 again.
func TestRestoredDatabaseHoldsWhatWasSaved(t *testing.T) {
	t.Parallel()
	from0, to := pgtest.New(t), pgtest.New(t)
	fill(t, from0)
	rows, err := postgres.New(to).Restore(t.Context(), from(backupOf(t, from0)))
	must(t, err)
	var before, after string
	must(t, from0.QueryRow(t.Context(), contents).Scan(&before))
	must(t, to.QueryRow(t.Context(), contents).Scan(&after))
	if before != after || rows["clients"] != 1203 || rows["subjects"] != 2 || !strings.Contains(after, "alice.testnet#2") {
		t.Errorf("%v were restored; before:\n%.2000s\nafter:\n%.2000s", rows, before, after)
	}
	_, err = postgres.New(to).Restore(t.Context(), from(nil))
	if !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), "clients, client_secrets") {
		t.Errorf("a second time: %v", err)
	}
}

// The proof of a sign-in whose login is still there comes along, though the login does not.
func TestBackupKeepsTheProofOfARecentSignIn(t *testing.T) {
	t.Parallel()
	db, to := pgtest.New(t), pgtest.New(t)
	_, err := db.Exec(t.Context(), `
		INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state, expires_at, account_id, public_key, signature, consumed_at)
		VALUES ('L', '', '', 'hello', sha256('n'), 'r', '', '', now(), 'alice.testnet', 'k', decode(repeat('ab', 64), 'hex'), now());
		INSERT INTO subjects (network, account_id, incarnation, last_login) VALUES ('testnet', 'alice.testnet', 1, 'L')`)
	must(t, err)
	_, err = postgres.New(to).Restore(t.Context(), from(backupOf(t, db)))
	must(t, err)
	_, proof, err := postgres.New(to).Owner(t.Context(), "testnet", "alice.testnet", "alice.testnet")
	if err != nil || proof == nil || proof.Message != "hello" {
		t.Errorf("%+v, %v", proof, err)
	}
}

// A backup is made of one moment, whatever is committed while it runs.
func TestBackupIsOfOneMoment(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fill(t, db)
	blocks := 0
	first := true
	must(t, postgres.New(db).Backup(t.Context(), func(l idp.BackupLine) error {
		if first {
			first = false
			_, err := db.Exec(context.Background(), `DELETE FROM clients; DELETE FROM account_blocks`)
			return err
		}
		if strings.Contains(string(l.Row), "mallory.testnet") || strings.Contains(string(l.Row), `"client_id": "c1"`) {
			blocks++
		}
		return nil
	}))
	if blocks != 3 { // the block, the consent and the secret of c1
		t.Errorf("%d rows of what was deleted meanwhile", blocks)
	}
}

// Half a restore is none.
func TestRestoreThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fill(t, db)
	lines := backupOf(t, db)
	failed := errors.New("cut off")
	for name, bad := range map[string]struct {
		line idp.BackupLine
		err  error
	}{
		"cut off":         {err: failed},
		"unknown table":   {line: idp.BackupLine{Table: "pg_authid", Columns: []string{"rolname"}}},
		"not to be saved": {line: idp.BackupLine{Table: "sessions", Columns: []string{"sid"}}},
		"unknown column":  {line: idp.BackupLine{Table: "clients", Columns: []string{`id" ) SELECT`}}},
		"computed column": {line: idp.BackupLine{Table: "subjects", Columns: []string{"subject"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := pgtest.New(t)
			rest := from(lines)
			_, err := postgres.New(to).Restore(t.Context(), func() (idp.BackupLine, error) {
				l, err := rest()
				if errors.Is(err, io.EOF) && (bad.err != nil || bad.line.Table != "") {
					return bad.line, bad.err
				}
				return l, err
			})
			var left string
			must(t, to.QueryRow(t.Context(), contents).Scan(&left))
			if err == nil || bad.err != nil && !errors.Is(err, bad.err) || left != "" {
				t.Errorf("%v; left: %.200s", err, left)
			}
		})
	}
}
