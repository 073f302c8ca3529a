package postgres_test

import (
	"errors"
	"testing"
	"time"

	"near-idp/internal/idp"
)

const (
	live  = `SELECT sid FROM sessions WHERE ended_at IS NULL`
	audit = `SELECT type || ':' || account_id || ':' || coalesce(details->>'reason', '') FROM audit_events WHERE type LIKE 'account.%'`
)

func (l *logouts) block(account, reason string, want int) {
	l.Helper()
	if ended, err := l.Block(l.Context(), "testnet", account, reason); err != nil || ended != want {
		l.Errorf("%d sessions ended, want %d: %v", ended, want, err)
	}
}

// S09: a block ends sessions and grants, and has clients told, together with itself.
func TestBlockEndsEverythingAtOnce(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	l.session("S2", "alice.testnet")
	l.session("S3", "bob.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	l.grant("g2", "also", "S2", "alice.testnet", "openid")
	l.grant("g3", "told", "S3", "bob.testnet", offline)
	l.grant("g4", "told", "swept", "alice.testnet", offline) // of a session that is long gone
	l.block("alice.testnet", "stolen", 2)
	if got := l.list(live); got != "S3" {
		t.Errorf("live: %s", got)
	}
	if got := l.list(revoked); got != "g1 g2 g4" {
		t.Errorf("revoked: %s", got)
	}
	if got := l.list(outbox); got != "also:S2:alice.testnet told:S1:alice.testnet told:swept:alice.testnet" {
		t.Errorf("to be told: %s", got)
	}
	l.block("alice.testnet", "stolen, and sold", 0)
	if got := l.list(`SELECT account_id || ' ' || reason FROM account_blocks`); got != "alice.testnet stolen, and sold" {
		t.Errorf("blocks: %s", got)
	}
	must(t, l.Unblock(t.Context(), "testnet", "alice.testnet"))
	if err := l.Unblock(t.Context(), "testnet", "alice.testnet"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("unblocked twice: %v", err)
	}
	if got := l.list(audit); got != "account.blocked:alice.testnet:stolen account.blocked:alice.testnet:stolen, and sold account.unblocked:alice.testnet:" {
		t.Errorf("audit: %s", got)
	}
}

// A sign-in that was under way when its account was blocked may leave a session behind, and a
// code. Neither answers anything, and unblocking does not revive them.
func TestWhatOutlivesABlockIsWorthNothing(t *testing.T) {
	l := newLogouts(t)
	ctx := t.Context()
	l.exec(`INSERT INTO account_blocks (network, account_id, reason) VALUES ('testnet', 'alice.testnet', 'x')`)
	l.session("S1", "alice.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	login := func(id string) {
		l.exec(`INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state, expires_at, consumed_at, account_id, public_key, sid)
			VALUES ($1, 'told', '', '', sha256($1::text::bytea), '', '', '', now() + interval '1 minute', now(), 'alice.testnet', 'k', 'S1')`, id)
	}
	login("coded")
	l.exec(`UPDATE logins SET grant_id = 'g9', code_hash = $1, code_expires_at = now() + interval '1 minute', redirect_uri = '', scopes = '{openid}', audience = '{}', claims = '{}', oidc_nonce = '' WHERE id = 'coded'`, hashOf("code"))
	login("asked")
	login("device")
	l.exec(`INSERT INTO device_requests (id, hash, user_code, client_id, scopes, audience, match, choices, address, network, agent, expires_at, interval_s)
		VALUES ('d1', $1, 'BBBBBBBB', 'told', '{openid}', '{}', 0, '{}', '', '', '', now() + interval '1 minute', 5)`, hashOf("device"))
	l.exec(`INSERT INTO device_requests (id, hash, user_code, client_id, scopes, audience, match, choices, address, network, agent, expires_at, interval_s, decided_at, grant_id, sid)
		VALUES ('d2', $1, 'CCCCCCCC', 'told', '{openid}', '{}', 0, '{}', '', '', '', now() + interval '1 minute', 5, now(), 'g8', 'S1')`, hashOf("allowed"))

	session := &idp.Session{Hash: hashOf("S1"), Identity: idp.Identity{AccountID: "alice.testnet", Network: "testnet"}}
	code := &idp.Code{Hash: hashOf("new"), GrantID: "g7", ExpiresAt: time.Now().Add(time.Minute), Consent: idp.Consent{Asked: idp.AskNever}}
	fresh := &idp.Login{ID: "resumed", ClientID: "told", Nonce: [32]byte{1}, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
	for name, attempt := range map[string]func() error{
		"session": func() error { _, err := l.Session(ctx, hashOf("S1")); return err },
		"grant":   func() error { _, err := l.Grant(ctx, "g1"); return err },
		"resume":  func() error { _, err := l.ResumeLogin(ctx, fresh, session, time.Hour, code, false); return err },
		"allow":   func() error { return l.AllowLogin(ctx, &idp.Login{ID: "asked", ClientID: "told"}, code, time.Hour) },
		"device":  func() error { return l.AllowDevice(ctx, "d1", "device", "g6", time.Hour) },
		"redeemed": func() error {
			_, err := l.RedeemCode(ctx, idp.PresentedCode{LoginID: "coded", Hash: hashOf("code")}, "told", "", "", idp.ProvenKey{}, idp.DefaultLifetimes)
			return err
		},
		"polled": func() error {
			_, id, err := l.RedeemDevice(ctx, hashOf("allowed"), "told", idp.ProvenKey{}, idp.DefaultLifetimes)
			if err == nil {
				_, err = l.Grant(ctx, id)
			}
			return err
		},
	} {
		if err := attempt(); !errors.Is(err, idp.ErrNotFound) && !errors.Is(err, idp.ErrUsed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := l.list(`SELECT id FROM grants`); got != "g1" {
		t.Errorf("grants: %s", got)
	}
	must(t, l.Unblock(ctx, "testnet", "alice.testnet"))
	if got := l.list(live) + l.list(`SELECT id FROM grants WHERE revoked_at IS NULL`); got != "" {
		t.Errorf("revived: %s", got)
	}
}

func TestBlocksAreListedInPages(t *testing.T) {
	l := newLogouts(t)
	for _, account := range []string{"c.testnet", "a.testnet", "b.testnet"} {
		l.block(account, "spam", 0)
	}
	var seen []string
	for after := ""; ; {
		page, err := l.Blocks(t.Context(), "testnet", after, 2)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, block := range page {
			seen, after = append(seen, block.AccountID), block.AccountID
		}
	}
	if len(seen) != 3 || seen[0] != "a.testnet" || seen[2] != "c.testnet" {
		t.Errorf("%q", seen)
	}
	if page, err := l.Blocks(t.Context(), "mainnet", "", 10); err != nil || len(page) > 0 {
		t.Errorf("of another network: %v, %v", page, err)
	}
}
