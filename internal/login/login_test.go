package login_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
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

// W01: of 100 parallel proofs one creates a session, and the same proof may repeat.
func TestHundredParallelProofsOneSession(t *testing.T) {
	e := setup(t)
	l := e.begin()
	a := answer(e.alice, l)
	var wg sync.WaitGroup
	var mu sync.Mutex
	sessions, hashes := 0, map[string]bool{}
	for range 100 {
		wg.Go(func() {
			got, err := e.Verify(t.Context(), l, a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			if got.SessionSecret != "" {
				sessions++
			}
			hashes[string(got.Login.CodeHash)] = true
		})
	}
	wg.Wait()
	var rows int
	if err := e.pool.QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if sessions != 1 || rows != 1 || len(hashes) != 1 {
		t.Errorf("%d sessions handed out, %d stored, %d codes", sessions, rows, len(hashes))
	}
}

// A finished login takes no second identity.
func TestDifferentProofIsRefused(t *testing.T) {
	e := setup(t)
	bob := neartest.NewWallet("bob.testnet")
	e.chain.AddKey(bob.AccountID, bob.PublicKey(), neartest.FullAccess)
	l := e.begin()
	if _, err := e.Verify(t.Context(), l, answer(e.alice, l)); err != nil {
		t.Fatal(err)
	}
	_, err := e.Verify(t.Context(), e.find(l.ID), answer(bob, l))
	e.refused(err, login.DifferentProof)
	_, err = e.Verify(t.Context(), l, answer(bob, l)) // as if it had been read before
	e.refused(err, login.DifferentProof)
	_, err = e.Verify(t.Context(), e.find(l.ID), login.Answer{AccountID: "alice.testnet", PublicKey: e.alice.PublicKey(), Signature: strings.Repeat("A", 86)})
	e.refused(err, login.BadSignature) // repeating needs the signature, not only the name
}

// W04, O02: an outage of the chain is neither a login nor a refusal, and keeps the signature.
func TestRPCOutageKeepsTheProof(t *testing.T) {
	e := setup(t)
	bob := neartest.NewWallet("bob.testnet")
	e.chain.AddKey(bob.AccountID, bob.PublicKey(), neartest.FullAccess)
	for _, mode := range []neartest.Mode{neartest.Down500, neartest.Malformed, neartest.RateLimited} {
		l := e.begin()
		e.chain.SetMode(mode)
		_, err := e.Verify(t.Context(), l, answer(e.alice, l))
		e.refused(err, login.RPCUnavailable)
		_, err = e.Verify(t.Context(), e.find(l.ID), answer(bob, l))
		e.refused(err, login.DifferentProof)
		e.chain.SetMode(neartest.OK)
		got, err := e.Verify(t.Context(), e.find(l.ID), login.Answer{})
		if err != nil || got.Identity.AccountID != "alice.testnet" {
			t.Fatalf("mode %v: retry without signing again: %+v, %v", mode, got, err)
		}
	}
}

// S04: a proof, a page or a code never goes to another browser than the one that began.
func TestLoginInAnotherBrowserIsRefused(t *testing.T) {
	e := setup(t)
	l := e.begin()
	for _, other := range []string{"", "other-secret", browser + "x"} {
		_, err := e.Find(t.Context(), l.ID, other)
		e.refused(err, login.WrongBrowser)
		_, err = e.FindByNonce(t.Context(), l.Nonce, other)
		e.refused(err, login.WrongBrowser)
		_, err = e.Deny(t.Context(), l.ID, other)
		e.refused(err, login.WrongBrowser)
		_, err = e.Renew(t.Context(), l.ID, other)
		e.refused(err, login.WrongBrowser)
	}
	for _, id := range []string{"", "x", strings.Repeat("A", 65), "\xff\x00", "' OR 1=1"} {
		_, err := e.Find(t.Context(), id, browser)
		e.refused(err, login.NotFound)
	}
}

// W01: five minutes, and then only a fresh nonce helps.
func TestExpiredLoginAndRenewal(t *testing.T) {
	e := setup(t)
	l := e.begin()
	a := answer(e.alice, l)
	e.now = e.now.Add(5 * time.Minute)
	_, err := e.Verify(t.Context(), l, a)
	e.refused(err, login.Expired)
	fresh, err := e.Renew(t.Context(), l.ID, browser)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Nonce == l.Nonce || fresh.ID == l.ID || fresh.Message == l.Message || fresh.State != l.State || fresh.Params != l.Params {
		t.Errorf("renewed %+v\nfrom %+v", fresh, l)
	}
	if !strings.Contains(fresh.Message, login.ShortCode(fresh.Nonce)) || strings.Contains(fresh.Message, login.ShortCode(l.Nonce)) {
		t.Errorf("message %q", fresh.Message)
	}
	_, err = e.Verify(t.Context(), e.find(fresh.ID), a)
	e.refused(err, login.BadSignature)
}

// The database's clock counts too: a replica with a slow clock cannot finish an expired login.
func TestExpiryHoldsInTheStatement(t *testing.T) {
	e := setup(t)
	l := e.begin()
	if _, err := e.pool.Exec(t.Context(), "UPDATE logins SET expires_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	_, err := e.Verify(t.Context(), l, answer(e.alice, l))
	e.refused(err, login.Expired)
}

// Guessing is capped; the sixth answer is not looked at.
func TestAttemptsAreCapped(t *testing.T) {
	e := setup(t)
	l := e.begin()
	wrong := answer(e.alice, l)
	wrong.Signature = e.alice.Sign("x", l.Nonce, l.Recipient, nil)
	for range 5 {
		_, err := e.Verify(t.Context(), e.find(l.ID), wrong)
		e.refused(err, login.BadSignature)
	}
	_, err := e.Verify(t.Context(), e.find(l.ID), answer(e.alice, l))
	e.refused(err, login.TooManyAttempts)
}

// A signature that does not verify never costs an RPC request.
func TestForgeriesDoNotReachTheChain(t *testing.T) {
	e := setup(t)
	l := e.begin()
	a := answer(e.alice, l)
	a.Signature = e.alice.Sign("x", l.Nonce, l.Recipient, nil)
	before := e.chain.Requests()
	_, err := e.Verify(t.Context(), l, a)
	e.refused(err, login.BadSignature)
	if got := e.chain.Requests() - before; got != 0 {
		t.Errorf("%d RPC requests", got)
	}
}

func TestDenial(t *testing.T) {
	e := setup(t)
	l := e.begin()
	for range 2 {
		if got, err := e.Deny(t.Context(), l.ID, browser); err != nil || !got.Denied {
			t.Fatal(got, err)
		}
	}
	_, err := e.Verify(t.Context(), e.find(l.ID), answer(e.alice, l))
	e.refused(err, login.Used)
	done := e.begin()
	if _, err := e.Verify(t.Context(), done, answer(e.alice, done)); err != nil {
		t.Fatal(err)
	}
	_, err = e.Deny(t.Context(), done.ID, browser)
	e.refused(err, login.Used)
}

// J01: an account id that somebody else holds now is another subject.
func TestRecreatedAccountIsAnotherSubject(t *testing.T) {
	e := setup(t)
	subject := func(w *neartest.Wallet) string {
		l := e.begin()
		got, err := e.Verify(t.Context(), l, answer(w, l))
		if err != nil {
			t.Fatal(err)
		}
		return got.Identity.Subject
	}
	if first, again := subject(e.alice), subject(e.alice); first != "alice.testnet" || again != first {
		t.Fatalf("subjects %q and %q", first, again)
	}
	e.chain.DeleteAccount("alice.testnet")
	l := e.begin()
	_, err := e.Verify(t.Context(), l, answer(e.alice, l))
	e.refused(err, login.AccountNotFound)
	next := neartest.NewWallet("alice.testnet")
	e.chain.AddKey(next.AccountID, next.PublicKey(), neartest.FullAccess)
	if got := subject(next); got != "alice.testnet#2" {
		t.Errorf("the new owner is %q", got)
	}
}

// O02: the database's outage is an outage, and nothing is half done.
func TestDatabaseOutage(t *testing.T) {
	e := setup(t)
	l := e.begin()
	e.pool.Close()
	_, err := e.Verify(t.Context(), l, answer(e.alice, l))
	if !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("verify: %v", err)
	}
	if _, err = e.Find(t.Context(), l.ID, browser); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("find: %v", err)
	}
}
