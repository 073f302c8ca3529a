package oauth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"near-idp/internal/idp"
)

var errSilent = errors.New("no RPC provider answers")

// A chainAnswer is what the chain says of every key.
type chainAnswer struct {
	holds bool
	err   error
}

func (e *env) HoldsKey(_ context.Context, accountID, publicKey string) (bool, error) {
	if accountID != "alice.near" || publicKey != "ed25519:x" {
		e.Errorf("the chain was asked about %s of %s", publicKey, accountID)
	}
	if answer := e.chain.Load(); answer != nil {
		return answer.holds, answer.err
	}
	return true, nil
}

// age lets the last answer of the chain about every key be this old.
func (e *env) age(d time.Duration) {
	e.Helper()
	e.exec("UPDATE grants SET key_checked_at = now() - $1::interval", d)
}

// RT07: a key that was deleted or demoted, or whose account is gone, refreshes nothing, and its session ends.
func TestRefreshWithALostKeyEndsTheSession(t *testing.T) {
	e := setup(t)
	first := e.tokens(codeForm(e.signIn(request()).Get("code")))
	other := e.tokens(codeForm(e.signIn(request()).Get("code"))) // in another browser
	e.chain.Store(&chainAnswer{holds: false})
	_, err := e.post(refreshForm(first.RefreshToken))
	if refusal := e.refused(err, "invalid_grant"); refusal.Status != 400 {
		t.Errorf("status %d", refusal.Status)
	}
	var ended int
	if err := e.pool.QueryRow(t.Context(), "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL AND sid = $1", e.payload(first.IDToken)["sid"]).Scan(&ended); err != nil || ended != 1 {
		t.Errorf("the session goes on (%v)", err)
	}
	e.chain.Store(nil) // the key is back: what ended stays ended
	e.dead(first)
	e.alive(other)
}

// RT07: while the chain cannot be asked an answer of the last day counts; after that nothing is refreshed, and nothing lost.
func TestRefreshWhileTheChainCannotBeAsked(t *testing.T) {
	e := setup(t)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.chain.Store(&chainAnswer{err: errSilent})
	e.age(23 * time.Hour)
	tokens = e.tokens(refreshForm(tokens.RefreshToken))
	e.age(24 * time.Hour) // a refresh without an answer is none: the clock was not set back
	for range 3 {
		_, err := e.post(refreshForm(tokens.RefreshToken))
		if refusal := e.refused(err, "temporarily_unavailable"); refusal.Status != 503 || !errors.Is(refusal, errSilent) {
			t.Errorf("%+v", refusal)
		}
	}
	e.chain.Store(nil)
	tokens = e.tokens(refreshForm(tokens.RefreshToken))
	e.chain.Store(&chainAnswer{err: errSilent}) // a day begins anew with each answer
	e.tokens(refreshForm(tokens.RefreshToken))
}

// RT07: a session may be older than a grant of it, and so is the last answer about its key.
func TestGrantBeginsWithTheAnswerOfItsSignature(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	e.exec("UPDATE sessions SET auth_time = now() - interval '25 hours'")
	tokens := e.tokens(codeForm(code))
	e.chain.Store(&chainAnswer{err: errSilent})
	_, err := e.post(refreshForm(tokens.RefreshToken))
	e.refused(err, "temporarily_unavailable")
}

// RT01, RT07: a replay ends the grant even while the chain is silent.
func TestReplayIsNoticedWithoutTheChain(t *testing.T) {
	e := setup(t)
	first := e.tokens(codeForm(e.signIn(request()).Get("code")))
	second := e.tokens(refreshForm(first.RefreshToken))
	e.chain.Store(&chainAnswer{err: errSilent})
	e.age(48 * time.Hour)
	if again := e.tokens(refreshForm(first.RefreshToken)); again.RefreshToken != second.RefreshToken {
		t.Error("a retry within the grace window got another successor")
	}
	e.exec("UPDATE grants SET rotated_at = now() - interval '11 seconds'")
	_, err := e.post(refreshForm(first.RefreshToken))
	e.refused(err, "invalid_grant")
	e.chain.Store(nil)
	e.dead(second)
}

// RT03, RT07: what another client shows, or what is over, costs no question and ends no session.
func TestOnlyALiveTokenOfTheClientAsksTheChain(t *testing.T) {
	e := setup(t)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.chain.Store(&chainAnswer{holds: false})
	_, err := e.post(refreshForm(tokens.RefreshToken, "client_id", "other"))
	e.refused(err, "invalid_grant")
	e.exec("UPDATE grants SET expires_at = now() - interval '1 second'")
	_, err = e.post(refreshForm(tokens.RefreshToken))
	e.refused(err, "invalid_grant")
	e.alive(tokens)
}

// RT04: each client may have lifetimes of its own, for all that is issued to it.
func TestLifetimesOfTheClientHold(t *testing.T) {
	e := setup(t)
	hour := idp.Duration(time.Hour)
	e.clients["web"].Lifetimes = idp.Lifetimes{Code: hour / 60, AccessToken: hour / 12, IDToken: 2 * hour, RefreshIdle: 3 * hour, RefreshAbsolute: 4 * hour, RefreshGrace: hour / 3600}
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	life := func(token string) float64 {
		claims := e.payload(token)
		return claims["exp"].(float64) - claims["iat"].(float64)
	}
	if tokens.ExpiresIn != 300 || life(tokens.AccessToken) != 300 || life(tokens.IDToken) != 7200 {
		t.Errorf("expires_in %d, access token %v s, ID token %v s", tokens.ExpiresIn, life(tokens.AccessToken), life(tokens.IDToken))
	}
	var idle, absolute time.Duration
	if err := e.pool.QueryRow(t.Context(), "SELECT expires_at - created_at, max_expires_at - created_at FROM grants").Scan(&idle, &absolute); err != nil || idle != 3*time.Hour || absolute != 4*time.Hour {
		t.Errorf("refresh token: idle %v, absolute %v (%v)", idle, absolute, err)
	}
	e.tokens(refreshForm(tokens.RefreshToken))
	time.Sleep(1100 * time.Millisecond) // its grace is one second
	_, err := e.post(refreshForm(tokens.RefreshToken))
	e.refused(err, "invalid_grant")
}

// RT05, RT07: what is remembered of a grant saves reading it, and spares it nothing: what another
// replica did to it counts.
func TestRememberedGrantIsHeldToItsRow(t *testing.T) {
	for name, change := range map[string]string{
		"revoked":           `UPDATE grants SET revoked_at = now()`,
		"over":              `UPDATE grants SET expires_at = now() - interval '1 second'`,
		"of another client": `UPDATE grants SET client_id = 'other'`,
		"bound to a key":    `UPDATE grants SET dpop_jkt = 'x'`,
		"used elsewhere":    `UPDATE grants SET generation = 7, rotated_at = now() - interval '1 hour'`,
		"not offline":       `UPDATE grants SET scopes = '{openid}'`,
		"blocked":           `INSERT INTO account_blocks (network, account_id, reason) SELECT network, account_id, 'x' FROM grants`,
	} {
		t.Run(name, func(t *testing.T) {
			e := setup(t)
			tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
			e.exec(change)
			_, err := e.post(refreshForm(tokens.RefreshToken))
			e.refused(err, "invalid_grant")
		})
	}
}
