package login_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/near"
	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const browser = "browser-secret"

// codes issues a code per login, as the protocol would.
type codes struct{}

func (codes) Issue(_ context.Context, l *idp.Login, account string, _ bool) (*idp.Code, error) {
	if wanted, ok := strings.CutPrefix(l.Params, "wanted="); ok && wanted != account {
		return nil, idp.ErrConflict
	}
	hash := sha256.Sum256([]byte(l.ID))
	code := &idp.Code{Hash: hash[:], GrantID: rand.Text(), ExpiresAt: time.Now().Add(time.Minute), Scopes: []string{"openid"}, Audience: []string{"x"},
		Consent: idp.Consent{Asked: idp.AskNever, Scopes: []string{"openid"}, Client: "as shown"}}
	switch l.Params {
	case "ask":
		code.Consent.Asked = idp.AskUnlessRemembered
	case "ask always":
		code.Consent.Asked = idp.AskAlways
	case "ask more":
		code.Consent.Asked = idp.AskUnlessRemembered
		code.Consent.Scopes = []string{"openid", "profile"}
	case "ask renamed":
		code.Consent.Asked = idp.AskUnlessRemembered
		code.Consent.Client = "another name"
	}
	return code, nil
}

type env struct {
	*testing.T
	*login.Service
	chain *neartest.Chain
	pool  *pgxpool.Pool
	alice *neartest.Wallet
	now   time.Time
}

func setup(t *testing.T) *env {
	t.Helper()
	t.Parallel()
	e := &env{T: t, chain: neartest.NewChain("testnet"), pool: pgtest.New(t), alice: neartest.NewWallet("alice.testnet"), now: time.Now()}
	e.chain.AddKey(e.alice.AccountID, e.alice.PublicKey(), neartest.FullAccess)
	rpc := httptest.NewServer(e.chain)
	t.Cleanup(rpc.Close)
	client, err := near.NewClient(near.Options{Network: "testnet", URLs: []string{rpc.URL}, CacheTTL: -1,
		TryTimeout: time.Second, Budget: 2 * time.Second, RetryDelay: time.Millisecond, BreakerThreshold: 1000})
	if err != nil {
		t.Fatal(err)
	}
	e.Service = login.New(login.Options{Store: postgres.New(e.pool), Chain: client, Issuer: codes{},
		IssuerURL: "https://id.example.com", Recipient: "id.example.com", Network: "testnet",
		TTL: 5 * time.Minute, Idle: time.Hour, Absolute: 2 * time.Hour, Now: func() time.Time { return e.now }})
	return e
}

func (e *env) begin() *idp.Login {
	e.Helper()
	l, err := e.Begin(e.Context(), login.Request{Client: &idp.Client{ID: "app", Name: "App"}, RedirectHost: "app.example.com",
		Params: "client_id=app", State: "client-state", Browser: browser})
	if err != nil {
		e.Fatal(err)
	}
	return e.find(l.ID)
}

func (e *env) find(id string) *idp.Login {
	e.Helper()
	l, err := e.Find(e.Context(), id, browser)
	if err != nil {
		e.Fatal(err)
	}
	return l
}

func answer(w *neartest.Wallet, l *idp.Login) login.Answer {
	return login.Answer{AccountID: w.AccountID, PublicKey: w.PublicKey(), Signature: w.Sign(l.Message, l.Nonce, l.Recipient, nil)}
}

func (e *env) refused(err error, want login.Reason) {
	e.Helper()
	refusal, ok := errors.AsType[*login.Refusal](err)
	if !ok {
		e.Fatalf("got %v, want a refusal for %s", err, want)
	}
	if refusal.Reason != want {
		e.Fatalf("refused for %s (%v), want %s", refusal.Reason, refusal.Err, want)
	}
}

// W01, W04: the honest login, by both payloads that wallets sign.
func TestSignIn(t *testing.T) {
	e := setup(t)
	for name, bound := range map[string]bool{"popup wallet": false, "redirect wallet": true} {
		l := e.begin()
		a := answer(e.alice, l)
		if bound {
			a.Signature = e.alice.Sign(l.Message, l.Nonce, l.Recipient, &l.CallbackURL)
		}
		got, err := e.Verify(t.Context(), l, a)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Identity.Subject != "alice.testnet" || got.Login.Proof.CallbackBound != bound || len(got.SessionSecret) < 50 || got.Login.CodeHash == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// W02: whatever differs from what was issued has its own reason.
func TestEachForgeryHasItsReason(t *testing.T) {
	e := setup(t)
	mallory, bob := neartest.NewWallet("alice.testnet"), neartest.NewWallet("bob.testnet")
	e.chain.AddAccount(bob.AccountID)
	limited := neartest.NewWallet("alice.testnet")
	e.chain.AddKey(limited.AccountID, limited.PublicKey(), neartest.FunctionCall("game.testnet"))
	nobody, elsewhere := neartest.NewWallet("nobody.testnet"), neartest.NewWallet("alice.near")
	text := func(s string) *string { return &s }
	token := func(l *idp.Login, message, recipient string, nonce [32]byte, callback, state *string) login.Answer {
		return login.Answer{Token: e.alice.AuthToken(message, nonce, recipient, callback, state)}
	}
	for name, c := range map[string]struct {
		answer func(l *idp.Login) login.Answer
		want   login.Reason
	}{
		"signature of another login": {func(l *idp.Login) login.Answer { return answer(e.alice, e.begin()) }, login.BadSignature},
		"other message": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.Signature = e.alice.Sign(l.Message+" ", l.Nonce, l.Recipient, nil)
			return a
		}, login.BadSignature},
		"other recipient": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.Signature = e.alice.Sign(l.Message, l.Nonce, "evil.test", nil)
			return a
		}, login.BadSignature},
		"other callback": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.Signature = e.alice.Sign(l.Message, l.Nonce, l.Recipient, text("https://evil.test/cb"))
			return a
		}, login.BadSignature},
		"other key": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.PublicKey = mallory.PublicKey()
			return a
		}, login.BadSignature},
		"other state": {func(l *idp.Login) login.Answer { a := answer(e.alice, l); a.State = text("x"); return a }, login.StateMismatch},
		"empty":       {func(l *idp.Login) login.Answer { return login.Answer{} }, login.Malformed},
		"account id":  {func(l *idp.Login) login.Answer { a := answer(e.alice, l); a.AccountID = "Alice"; return a }, login.InvalidAccountID},
		"public key":  {func(l *idp.Login) login.Answer { a := answer(e.alice, l); a.PublicKey = "ed25519:0"; return a }, login.InvalidPublicKey},
		"secp256k1": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.PublicKey = "secp256k1:" + strings.Repeat("1", 88)
			return a
		}, login.UnsupportedKeyType},
		"signature text": {func(l *idp.Login) login.Answer { a := answer(e.alice, l); a.Signature = "AAAA"; return a }, login.InvalidSignatureEncoding},
		"unknown key":    {func(l *idp.Login) login.Answer { return answer(mallory, l) }, login.KeyNotFound},
		"function call":  {func(l *idp.Login) login.Answer { return answer(limited, l) }, login.NotFullAccess},
		"no account":     {func(l *idp.Login) login.Answer { return answer(nobody, l) }, login.AccountNotFound},
		"other network":  {func(l *idp.Login) login.Answer { return answer(elsewhere, l) }, login.WrongNetwork},
		"eth account": {func(l *idp.Login) login.Answer {
			a := answer(e.alice, l)
			a.AccountID = "0x" + strings.Repeat("a", 40)
			return a
		}, login.AccountTypeUnsupported},
		"token": {func(l *idp.Login) login.Answer { return login.Answer{Token: "AAAA"} }, login.Malformed},
		"token nonce": {func(l *idp.Login) login.Answer {
			return token(l, l.Message, l.Recipient, [32]byte{1}, nil, nil)
		}, login.WrongNonce},
		"token recipient": {func(l *idp.Login) login.Answer {
			return token(l, l.Message, "evil.test", l.Nonce, nil, nil)
		}, login.WrongRecipient},
		"token message": {func(l *idp.Login) login.Answer { return token(l, "x", l.Recipient, l.Nonce, nil, nil) }, login.WrongMessage},
		"token callback": {func(l *idp.Login) login.Answer {
			return token(l, l.Message, l.Recipient, l.Nonce, text("https://evil.test"), nil)
		}, login.WrongCallback},
		"token state": {func(l *idp.Login) login.Answer {
			return token(l, l.Message, l.Recipient, l.Nonce, nil, text("other"))
		}, login.StateMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			l := e.begin()
			_, err := e.Verify(t.Context(), l, c.answer(l))
			e.refused(err, c.want)
			// The login is not spoilt by it.
			if _, err := e.Verify(t.Context(), e.find(l.ID), answer(e.alice, l)); err != nil {
				t.Errorf("the honest answer after it: %v", err)
			}
		})
	}
}

// A token of near-sign-verify signs in, with its state and, as wallets do, without.
func TestAuthToken(t *testing.T) {
	e := setup(t)
	state := "client-state"
	for _, s := range []*string{nil, &state} {
		l := e.begin()
		token := e.alice.AuthToken(l.Message, l.Nonce, l.Recipient, nil, s)
		found, err := e.FindByToken(t.Context(), token, browser)
		if err != nil || found.ID != l.ID {
			t.Fatal(found, err)
		}
		if _, err := e.Verify(t.Context(), found, login.Answer{Token: token}); err != nil {
			t.Error(err)
		}
	}
	_, err := e.FindByToken(t.Context(), e.alice.AuthToken("m", [32]byte{9}, "r", nil, nil), browser)
	e.refused(err, login.WrongNonce)
}
