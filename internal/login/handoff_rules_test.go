package login_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/neartest"
	"near-idp/internal/postgres"
)

// S04, W01: whatever ends the login that waits ends what the phone could do for it.
func TestPhoneComesTooLate(t *testing.T) {
	e := setup(t)
	for name, over := range map[string]func(waiting *idp.Login){
		"signed in meanwhile": func(l *idp.Login) {
			if _, err := e.Verify(t.Context(), l, answer(e.alice, l)); err != nil {
				t.Fatal(err)
			}
		},
		"cancelled": func(l *idp.Login) {
			if _, err := e.Deny(t.Context(), l.ID, browser); err != nil {
				t.Fatal(err)
			}
		},
		"refused": func(l *idp.Login) {
			if err := e.DenyHandoff(t.Context(), l.ID, ""); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(l *idp.Login) {
			if _, err := e.pool.Exec(t.Context(), `UPDATE handoffs SET expires_at = now() WHERE login_id = $1`, l.ID); err != nil {
				t.Fatal(err)
			}
		},
		"expired itself": func(l *idp.Login) {
			if _, err := e.pool.Exec(t.Context(), `UPDATE logins SET expires_at = now() WHERE id = $1`, l.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		waiting, _ := e.handOver()
		over(waiting)
		if _, err := e.Take(t.Context(), waiting, phone); !errors.Is(err, idp.ErrUsed) {
			t.Errorf("%s: opened: %v", name, err)
		}
		waiting, code := e.handOver()
		there := e.take(code)
		over(waiting)
		_, err := e.Verify(t.Context(), there, answer(e.alice, there))
		e.refused(err, login.Expired)

		waiting, there = e.proven()
		match := e.handoff(waiting).Match
		over(waiting)
		if _, err := e.Pick(t.Context(), there, match); !errors.Is(err, idp.ErrUsed) {
			t.Errorf("%s: picked: %v", name, err)
		}
	}
	// Allowed in time, but asked for too late.
	waiting, there := e.proven()
	if _, err := e.Pick(t.Context(), there, e.handoff(waiting).Match); err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(6 * time.Minute)
	_, err := e.Complete(t.Context(), waiting, e.handoff(waiting), "")
	e.refused(err, login.Expired)
}

// S04: what was allowed makes one session, however often and by however many it is asked for.
func TestAllowedHandoffMakesOneSession(t *testing.T) {
	e := setup(t)
	waiting, there := e.proven()
	if _, err := e.Pick(t.Context(), there, e.handoff(waiting).Match); err != nil {
		t.Fatal(err)
	}
	h := e.handoff(waiting)
	var group sync.WaitGroup
	var mu sync.Mutex
	sessions := 0
	for range 20 {
		group.Go(func() {
			out, err := e.Complete(t.Context(), waiting, h, "")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if out.SessionSecret != "" {
				sessions++
			}
		})
	}
	group.Wait()
	if sessions != 1 || e.count("sessions") != 1 {
		t.Errorf("%d sessions", sessions)
	}
}

// S09, W04: who may not sign in to the application is told so on the phone, and the proof of
// a key without full access is none.
func TestPhoneHoldsAccountsToTheSameRules(t *testing.T) {
	e := setup(t)
	limited := neartest.NewWallet("alice.testnet")
	e.chain.AddKey(limited.AccountID, limited.PublicKey(), neartest.FunctionCall("game.testnet"))
	waiting, code := e.handOver()
	there := e.take(code)
	_, err := e.Verify(t.Context(), there, answer(limited, there))
	e.refused(err, login.NotFullAccess)
	if _, err := e.pool.Exec(t.Context(), `UPDATE logins SET params = 'wanted=bob.testnet' WHERE id = $1`, waiting.ID); err != nil {
		t.Fatal(err)
	}
	_, err = e.Verify(t.Context(), there, answer(e.alice, there))
	e.refused(err, login.WrongAccount)
	if _, err := e.pool.Exec(t.Context(), `UPDATE logins SET params = '' WHERE id = $1`, waiting.ID); err != nil {
		t.Fatal(err)
	}
	store := postgres.New(e.pool)
	if _, err := store.Block(t.Context(), "testnet", "alice.testnet", "left"); err != nil {
		t.Fatal(err)
	}
	_, err = e.Verify(t.Context(), there, answer(e.alice, there))
	e.refused(err, login.AccountBlocked)
	if err := store.Unblock(t.Context(), "testnet", "alice.testnet"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Verify(t.Context(), there, answer(e.alice, there)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Pick(t.Context(), there, e.handoff(waiting).Match); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Block(t.Context(), "testnet", "alice.testnet", "left a moment ago"); err != nil {
		t.Fatal(err)
	}
	_, err = e.Complete(t.Context(), e.find(waiting.ID), e.handoff(waiting), "")
	e.refused(err, login.AccountBlocked)
}
