package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"near-idp/internal/account"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// A house has two accounts, each with a session, a grant and a consent.
type house struct {
	*account.Admin
	*testing.T
	pool *pgxpool.Pool
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	pool := pgtest.New(t)
	h := &house{&account.Admin{Store: postgres.New(pool), Network: "testnet"}, t, pool}
	for _, name := range []string{"alice", "bob"} {
		id := name + ".testnet"
		h.exec(`INSERT INTO subjects (network, account_id, incarnation) VALUES ('testnet', $1, 1)`, id)
		h.exec(`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
			VALUES ($1, sha256($1::text::bytea), $2, $2, 'testnet', 'ed25519:k', now(), now() + interval '1 hour', now() + interval '1 hour')`, "S"+name, id)
		h.exec(`INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid, scopes, audience, expires_at, max_expires_at)
			VALUES ($1, 'wiki', $2, $2, 'testnet', 'ed25519:k', now(), $3, '{openid}', '{}', now() + interval '1 hour', now() + interval '1 hour')`, "9"+name, id, "S"+name)
		h.exec(`INSERT INTO consents (network, subject, client_id, client, scopes, resources) VALUES ('testnet', $1, 'wiki', 'f', '{openid}', '{}')`, id)
	}
	return h
}

func (h *house) exec(sql string, args ...any) {
	h.Helper()
	if _, err := h.pool.Exec(h.Context(), sql, args...); err != nil {
		h.Fatal(err)
	}
}

// has says how many sessions, grants and consents an account has.
func (h *house) has(id string, sessions, grants, consents int) *idp.Account {
	h.Helper()
	a, err := h.Show(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	if len(a.Sessions) != sessions || len(a.Grants) != grants || len(a.Consents) != consents {
		h.Errorf("%s has %+v", id, a)
	}
	return a
}

// An administrator's look shows what there is, and no secret of it.
func TestShow(t *testing.T) {
	h := newHouse(t)
	a := h.has("alice.testnet", 1, 1, 1)
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"account_id":"alice.testnet"`, `"sub":"alice.testnet"`, `"sid":"Salice"`, `"grant_id":"9alice"`, `"client_id":"wiki"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	if strings.Contains(strings.ToLower(string(text)), "hash") || strings.Contains(string(text), "blocked") {
		t.Errorf("%s", text)
	}
	if _, err := h.Show(t.Context(), "carol.testnet"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("an account that was never here: %v", err)
	}
}

// S08, S09: sessions and grants end one by one, and only those of the account that is named.
func TestSessionsAndGrantsEndOneByOne(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"another's session": h.EndSession(ctx, "alice.testnet", "Sbob"), "another's grant": h.RevokeGrant(ctx, "alice.testnet", "9bob"),
		"no session": h.EndSession(ctx, "alice.testnet", "x\x00"), "no grant": h.RevokeGrant(ctx, "alice.testnet", "\xff"),
	} {
		if !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.RevokeGrant(ctx, "alice.testnet", "9alice"); err != nil {
		t.Error(err)
	}
	h.has("alice.testnet", 1, 0, 1)
	if err := h.EndSession(ctx, "alice.testnet", "Salice"); err != nil {
		t.Error(err)
	}
	if err := h.EndSession(ctx, "alice.testnet", "Salice"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	h.has("alice.testnet", 0, 0, 1)
	h.has("bob.testnet", 1, 1, 1)
	sessions, err := h.ListSessions(ctx, "bob.testnet")
	grants, failed := h.ListGrants(ctx, "bob.testnet")
	if err != nil || failed != nil || len(sessions) != 1 || sessions[0].SID != "Sbob" || len(grants) != 1 || grants[0].ID != "9bob" {
		t.Errorf("%+v %v, %+v %v", sessions, err, grants, failed)
	}
}

func TestRevokeEndsEverything(t *testing.T) {
	h := newHouse(t)
	if ended, err := h.Revoke(t.Context(), "alice.testnet"); err != nil || ended != 1 {
		t.Errorf("%d, %v", ended, err)
	}
	h.has("alice.testnet", 0, 0, 0)
	h.has("bob.testnet", 1, 1, 1)
}

func TestBlock(t *testing.T) {
	h := newHouse(t)
	ctx := idp.WithOrigin(t.Context(), idp.Origin{Actor: "key:k1"})
	if ended, err := h.Block(ctx, "alice.testnet", "stolen phone"); err != nil || ended != 1 {
		t.Errorf("%d, %v", ended, err)
	}
	if a := h.has("alice.testnet", 0, 0, 1); a.Blocked == nil || a.Blocked.Reason != "stolen phone" || a.Blocked.CreatedAt.IsZero() {
		t.Errorf("%+v", a.Blocked)
	}
	if _, err := h.Block(ctx, "never.testnet", "a known thief"); err != nil {
		t.Errorf("an account that was never here: %v", err)
	}
	h.has("never.testnet", 0, 0, 0)
	if list, err := h.Blocks(ctx, "", 10); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	var actor string
	if err := h.pool.QueryRow(t.Context(), `SELECT actor FROM audit_events WHERE type = 'account.blocked' AND account_id = 'alice.testnet'`).Scan(&actor); err != nil || actor != "key:k1" {
		t.Errorf("blocked by %q, %v", actor, err)
	}
	if err := h.Unblock(ctx, "alice.testnet"); err != nil {
		t.Error(err)
	}
	if err := h.Unblock(ctx, "alice.testnet"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("unblocked twice: %v", err)
	}
}

// A block of a name that no account can have would look like one and keep nobody out.
func TestBadInputIsNamed(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for _, id := range []string{"", "Alice.testnet", "alice..testnet", "alice.testnet#2", "alice.testnet\x00", "*.testnet", strings.Repeat("a", 65)} {
		_, blockErr := h.Block(ctx, id, "x")
		_, showErr := h.Show(ctx, id)
		_, revokeErr := h.Revoke(ctx, id)
		_, sessionsErr := h.ListSessions(ctx, id)
		_, grantsErr := h.ListGrants(ctx, id)
		for _, err := range []error{blockErr, showErr, revokeErr, sessionsErr, grantsErr, h.Unblock(ctx, id), h.EndSession(ctx, id, "S"), h.RevokeGrant(ctx, id, "g")} {
			if invalid, ok := errors.AsType[*account.Invalid](err); !ok || invalid.Field != "account_id" {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	for _, reason := range []string{"", strings.Repeat("x", 501), "a\nb", "\xff", "\u202e"} {
		_, err := h.Block(ctx, "bob.testnet", reason)
		if invalid, ok := errors.AsType[*account.Invalid](err); !ok || invalid.Field != "reason" {
			t.Errorf("%q: %v", reason, err)
		}
	}
	h.has("bob.testnet", 1, 1, 1)
	if _, err := h.Blocks(context.WithoutCancel(ctx), "\x00", 1); err == nil {
		t.Error("a page after garbage")
	}
}
