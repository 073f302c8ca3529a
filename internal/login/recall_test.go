package login_test

import (
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/neartest"
)

// W01: a login that is remembered from its beginning is consumed once, whatever became of it on
// another replica in the meantime.
func TestRememberedLoginIsHeldToItsRow(t *testing.T) {
	e := setup(t)
	mallory := neartest.NewWallet("mallory.testnet")
	e.chain.AddKey(mallory.AccountID, mallory.PublicKey(), neartest.FullAccess)
	recall := func(l *idp.Login) *idp.Login {
		t.Helper()
		again, err := e.Recall(t.Context(), l.ID, browser, true)
		if err != nil {
			t.Fatal(err)
		}
		if !again.ConsumedAt.IsZero() || again.Proof != nil {
			t.Fatal("the row was read, and nothing is tested")
		}
		return again
	}

	l := e.begin()
	elsewhere, err := e.Verify(t.Context(), l, answer(e.alice, l)) // e.begin has read the row: so does another replica
	if err != nil {
		t.Fatal(err)
	}
	stale := recall(l)
	if same, err := e.Verify(t.Context(), stale, answer(e.alice, stale)); err != nil || string(same.Login.CodeHash) != string(elsewhere.Login.CodeHash) || same.SessionSecret != "" {
		t.Errorf("the same proof once more: %+v, %v", same, err)
	}
	l = e.begin()
	if _, err := e.Verify(t.Context(), l, answer(e.alice, l)); err != nil {
		t.Fatal(err)
	}
	stale = recall(l)
	_, err = e.Verify(t.Context(), stale, answer(mallory, stale))
	e.refused(err, login.DifferentProof)

	l = e.begin()
	if _, err := e.Deny(t.Context(), l.ID, browser); err != nil {
		t.Fatal(err)
	}
	stale = recall(l)
	_, err = e.Verify(t.Context(), stale, answer(e.alice, stale))
	e.refused(err, login.Used)

	l = e.begin()
	if _, err := e.pool.Exec(t.Context(), "DELETE FROM logins WHERE id = $1", l.ID); err != nil {
		t.Fatal(err)
	}
	stale = recall(l)
	_, err = e.Verify(t.Context(), stale, answer(e.alice, stale))
	e.refused(err, login.NotFound)
}

// Memory knows whose a login is, forgets it with its first answer and after a minute.
func TestRecallIsForTheBrowserThatBegan(t *testing.T) {
	e := setup(t)
	l := e.begin()
	for _, other := range []string{"", "another browser"} {
		_, err := e.Recall(t.Context(), l.ID, other, false)
		e.refused(err, login.WrongBrowser)
	}
	_, err := e.Recall(t.Context(), "x", browser, false)
	e.refused(err, login.NotFound)

	gone := func(l *idp.Login) {
		t.Helper()
		if _, err := e.pool.Exec(t.Context(), "DELETE FROM logins WHERE id = $1", l.ID); err != nil {
			t.Fatal(err)
		}
		_, err := e.Recall(t.Context(), l.ID, browser, false)
		e.refused(err, login.NotFound)
	}
	if _, err := e.Recall(t.Context(), l.ID, browser, true); err != nil {
		t.Fatal(err)
	}
	gone(l)
	l = e.begin()
	e.now = e.now.Add(time.Minute + time.Second)
	gone(l)
}
