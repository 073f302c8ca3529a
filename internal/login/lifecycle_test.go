package login_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/neartest"
)

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
