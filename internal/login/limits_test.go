package login_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/login"
	"near-idp/internal/neartest"
)

func (e *env) from(address string) context.Context {
	return idp.WithOrigin(e.Context(), idp.Origin{Address: address})
}

func (e *env) exceeded(err error, bucket string) *limit.Exceeded {
	e.Helper()
	exceeded, ok := errors.AsType[*limit.Exceeded](err)
	if !ok || exceeded.Bucket != bucket {
		e.Fatalf("got %v, want %s exceeded", err, bucket)
	}
	return exceeded
}

// A flood of authorization requests that nobody signs leaves so many rows and no more, harms
// nobody elsewhere, and does not hold up those who do sign in.
func TestFloodThatNeverSignsLeavesBoundedRows(t *testing.T) {
	e := setup(t)
	const most = 20
	e.Unfinished = limit.OfSenders("unfinished", idp.Rate{N: most, Per: time.Hour}, e.Now)
	begin := func(ctx context.Context) error {
		_, err := e.Begin(ctx, login.Request{Browser: browser})
		return err
	}
	flood := e.from("192.0.2.1")
	var last error
	for range 3 * most {
		last = begin(flood)
	}
	var rows int
	if err := e.pool.QueryRow(t.Context(), "SELECT count(*) FROM logins").Scan(&rows); err != nil || rows != most {
		t.Errorf("%d rows, %v", rows, err)
	}
	if err := begin(e.from("192.0.2.2")); err != nil {
		t.Errorf("somebody elsewhere: %v", err)
	}
	e.now = e.now.Add(e.exceeded(last, "unfinished").Wait)
	if err := begin(flood); err != nil {
		t.Errorf("after waiting: %v", err)
	}
	// An office whose people all sign is never held up; renewals count like logins.
	office := e.from("192.0.2.3")
	for range 2 * most {
		l, err := e.Begin(office, login.Request{Browser: browser})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Verify(office, e.find(l.ID), answer(e.alice, l)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := e.Begin(office, login.Request{Browser: browser})
	for range most {
		if err == nil {
			l, err = e.Renew(office, l.ID, browser)
		}
	}
	e.exceeded(err, "unfinished")
}

// Anybody's key can sign for anybody's name. Who does so again and again is stopped before the
// chain is asked; the owner of the account is not, wherever they are.
func TestGuessesOnAnAccountDoNotLockItsOwner(t *testing.T) {
	e := setup(t)
	e.Accounts = limit.New("account_verify", idp.Rate{N: 3, Per: time.Minute}, e.Now)
	signIn := func(ctx context.Context, w *neartest.Wallet) error {
		l := e.begin()
		_, err := e.Verify(ctx, l, answer(w, l))
		return err
	}
	office := e.from("192.0.2.1")
	if err := signIn(office, e.alice); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.refused(signIn(office, neartest.NewWallet("alice.testnet")), login.KeyNotFound)
	}
	asked := e.chain.Requests()
	wait := e.exceeded(signIn(office, neartest.NewWallet("alice.testnet")), "account_verify").Wait
	if e.chain.Requests() != asked {
		t.Error("the chain was asked all the same")
	}
	if err := signIn(office, e.alice); err != nil {
		t.Errorf("alice beside the guesser: %v", err)
	}
	// A key of hers that was never seen here waits with the guesser, and nowhere else.
	second := neartest.NewWallet("alice.testnet")
	e.chain.AddKey(second.AccountID, second.PublicKey(), neartest.FullAccess)
	e.exceeded(signIn(office, second), "account_verify")
	if err := signIn(e.from("192.0.2.2"), second); err != nil {
		t.Errorf("alice elsewhere: %v", err)
	}
	for i := range 5 { // other accounts of the office are not concerned
		w := neartest.NewWallet(fmt.Sprintf("bob%d.testnet", i))
		e.chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		if err := signIn(office, w); err != nil {
			t.Errorf("%s: %v", w.AccountID, err)
		}
	}
	e.now = e.now.Add(wait)
	e.refused(signIn(office, neartest.NewWallet("alice.testnet")), login.KeyNotFound)
}
