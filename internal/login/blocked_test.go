package login_test

import (
	"errors"
	"sync"
	"testing"

	"near-idp/internal/login"
	"near-idp/internal/postgres"
)

// S09: a signature of a blocked account signs nobody in, however good it is, and
// the refusal says so.
func TestBlockedAccountCannotFinishALogin(t *testing.T) {
	e := setup(t)
	store := postgres.New(e.pool)
	_, secret := e.signIn("", "")
	if _, err := store.Block(t.Context(), "testnet", e.alice.AccountID, "left the company"); err != nil {
		t.Fatal(err)
	}
	if s, err := e.Session(t.Context(), secret); err != nil || s != nil {
		t.Errorf("the session lives on: %v, %v", s, err)
	}
	l := e.begin()
	_, err := e.Verify(t.Context(), l, answer(e.alice, l))
	e.refused(err, login.AccountBlocked)
	if !e.find(l.ID).ConsumedAt.IsZero() {
		t.Error("the refused login is over, so that another account cannot be used in it")
	}
	// Another account can go on where this one was refused.
	if err := store.Unblock(t.Context(), "testnet", e.alice.AccountID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Verify(t.Context(), e.find(l.ID), answer(e.alice, l)); err != nil {
		t.Errorf("after the block was taken away: %v", err)
	}
}

// Whichever of the two is first, nobody is signed in after the block, nor after its end.
func TestBlockRacesWithLogins(t *testing.T) {
	e := setup(t)
	store := postgres.New(e.pool)
	var mu sync.Mutex
	var secrets []string
	var wg sync.WaitGroup
	for range 12 {
		l := e.begin()
		wg.Go(func() {
			out, err := e.Verify(t.Context(), l, answer(e.alice, l))
			if refusal, ok := errors.AsType[*login.Refusal](err); ok && refusal.Reason == login.AccountBlocked {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			secrets = append(secrets, string(out.SessionSecret))
		})
	}
	wg.Go(func() {
		if _, err := store.Block(t.Context(), "testnet", e.alice.AccountID, "race"); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	lives := func(when string) {
		for _, secret := range secrets {
			if s, err := e.Session(t.Context(), secret); err != nil || s != nil {
				t.Errorf("a session lives %s: %v, %v", when, s, err)
			}
		}
	}
	lives("during the block")
	if err := store.Unblock(t.Context(), "testnet", e.alice.AccountID); err != nil {
		t.Fatal(err)
	}
	lives("after the block")
}
