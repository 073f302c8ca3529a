package login_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/neartest"
)

func (e *env) beginWith(params string) *idp.Login {
	e.Helper()
	l, err := e.Begin(e.Context(), request(params))
	if err != nil {
		e.Fatal(err)
	}
	return e.find(l.ID)
}

func request(params string) login.Request {
	return login.Request{Client: &idp.Client{ID: "app", Name: "App"}, RedirectHost: "app.example.com", Params: params, Browser: browser}
}

// signIn signs in and returns the login, and the session's secret.
func (e *env) signIn(params, replaces string) (*idp.Login, string) {
	e.Helper()
	l := e.beginWith(params)
	a := answer(e.alice, l)
	a.Session = replaces
	got, err := e.Verify(e.Context(), l, a)
	if err != nil {
		e.Fatal(err)
	}
	return got.Login, string(got.SessionSecret)
}

func (e *env) session(secret string) *idp.Session {
	e.Helper()
	s, err := e.Session(e.Context(), secret)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// K01, K02: first use asks, an answer is remembered, and more than was answered asks again.
func TestConsentIsAskedRememberedAndAskedAgain(t *testing.T) {
	e := setup(t)
	first, _ := e.signIn("ask", "")
	if !login.AwaitsConsent(first) || first.CodeHash != nil {
		t.Fatalf("the first use of a client was not asked about: %+v", first)
	}
	if stored := e.find(first.ID); !login.AwaitsConsent(stored) {
		t.Fatalf("stored as %+v", stored)
	}
	if _, err := e.Terms(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	allowed, err := e.Allow(t.Context(), first)
	if err != nil || allowed.CodeHash == nil {
		t.Fatal(allowed, err)
	}
	again, err := e.Allow(t.Context(), e.find(first.ID))
	if err != nil || string(again.CodeHash) != string(allowed.CodeHash) {
		t.Errorf("allowing twice: %+v, %v", again, err)
	}
	for params, asked := range map[string]bool{"ask": false, "ask always": true, "ask more": true, "ask renamed": true, "": false} {
		if got, _ := e.signIn(params, ""); login.AwaitsConsent(got) != asked {
			t.Errorf("%q: asked %v, want %v", params, !asked, asked)
		}
	}
	more, _ := e.signIn("ask more", "")
	if _, err := e.Allow(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	for _, params := range []string{"ask", "ask more"} {
		if got, _ := e.signIn(params, ""); login.AwaitsConsent(got) {
			t.Errorf("%q is asked after more was allowed", params)
		}
	}
}

// The consent of one account says nothing about another, nor of its next owner.
func TestConsentBelongsToTheSubject(t *testing.T) {
	e := setup(t)
	l, _ := e.signIn("ask", "")
	if _, err := e.Allow(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	e.chain.DeleteAccount("alice.testnet")
	open := e.beginWith("ask")
	_, err := e.Verify(t.Context(), open, answer(e.alice, open))
	e.refused(err, login.AccountNotFound)
	e.chain.AddKey(e.alice.AccountID, e.alice.PublicKey(), neartest.FullAccess)
	if got, _ := e.signIn("ask", ""); !login.AwaitsConsent(got) {
		t.Error("the next owner of the account inherits the consent")
	}
}

// Consent may be refused, and then nothing revives the login.
func TestConsentDenied(t *testing.T) {
	e := setup(t)
	l, _ := e.signIn("ask", "")
	denied, err := e.Deny(t.Context(), l.ID, browser)
	if err != nil || !denied.Denied {
		t.Fatal(denied, err)
	}
	_, err = e.Allow(t.Context(), e.find(l.ID))
	e.refused(err, login.Used)
	_, err = e.Allow(t.Context(), l) // as read before
	e.refused(err, login.Expired)
	if got, _ := e.signIn("ask", ""); !login.AwaitsConsent(got) {
		t.Error("a refusal was remembered as consent")
	}
}

// Of parallel decisions to allow and to deny, one holds.
func TestAllowAndDenyInParallel(t *testing.T) {
	e := setup(t)
	for range 5 {
		l, _ := e.signIn("ask always", "")
		var allowed, denied error
		var wg sync.WaitGroup
		wg.Go(func() { _, allowed = e.Allow(t.Context(), l) })
		wg.Go(func() { _, denied = e.Deny(t.Context(), l.ID, browser) })
		wg.Wait()
		if got := e.find(l.ID); (allowed == nil) == (denied == nil) || got.Denied != (denied == nil) || (got.CodeHash != nil) != (allowed == nil) {
			t.Fatalf("allow: %v, deny: %v, stored denied %v", allowed, denied, got.Denied)
		}
	}
}

// A consent page that was left open is worth nothing after its time, or after the session's end.
func TestStaleConsentIsRefused(t *testing.T) {
	e := setup(t)
	for _, sql := range []string{"UPDATE logins SET consumed_at = now() - interval '11 minutes'", "UPDATE sessions SET ended_at = now()"} {
		l, _ := e.signIn("ask always", "")
		if _, err := e.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		_, err := e.Allow(t.Context(), l)
		e.refused(err, login.Expired)
	}
}

// A13: a session answers without a signature; silently only if nothing is left to ask.
func TestSessionAnswers(t *testing.T) {
	e := setup(t)
	_, secret := e.signIn("", "")
	s := e.session(secret)
	if s == nil || s.Identity.Subject != "alice.testnet" {
		t.Fatalf("session %+v", s)
	}
	l, err := e.Resume(t.Context(), request(""), s, true)
	if err != nil || l == nil || l.CodeHash == nil || l.SID != s.Identity.SID {
		t.Fatalf("resumed %+v, %v", l, err)
	}
	if stored := e.find(l.ID); stored.CodeHash == nil || stored.Proof.AccountID != "alice.testnet" {
		t.Errorf("stored %+v", stored)
	}
	if l, err = e.Resume(t.Context(), request("ask"), s, true); err != nil || l != nil {
		t.Errorf("a silent request got %+v, %v", l, err)
	}
	l, err = e.Resume(t.Context(), request("ask"), s, false)
	if err != nil || !login.AwaitsConsent(l) {
		t.Fatalf("resumed %+v, %v", l, err)
	}
	if _, err := e.Allow(t.Context(), e.find(l.ID)); err != nil {
		t.Error(err)
	}
	_, err = e.Resume(t.Context(), request("wanted=bob.testnet"), s, false)
	e.refused(err, login.WrongAccount)
}

// A resumed login is over: nobody else signs into it.
func TestResumedLoginTakesNoOtherProof(t *testing.T) {
	e := setup(t)
	bob := neartest.NewWallet("bob.testnet")
	e.chain.AddKey(bob.AccountID, bob.PublicKey(), neartest.FullAccess)
	_, secret := e.signIn("", "")
	l, err := e.Resume(t.Context(), request("ask"), e.session(secret), false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Verify(t.Context(), e.find(l.ID), answer(bob, e.find(l.ID)))
	e.refused(err, login.DifferentProof)
}

// S01, S03: what the cookie does not open: nothing, garbage, an idle, an old or an ended session.
func TestDeadSessionsDoNotAnswer(t *testing.T) {
	e := setup(t)
	for _, secret := range []string{"", "garbage"} {
		if s := e.session(secret); s != nil {
			t.Errorf("%q opens %+v", secret, s)
		}
	}
	for _, column := range []string{"idle_expires_at", "expires_at", "ended_at"} {
		_, secret := e.signIn("", "")
		live := e.session(secret)
		if _, err := e.pool.Exec(t.Context(), "UPDATE sessions SET "+column+" = now() - interval '1 second'"); err != nil {
			t.Fatal(err)
		}
		if s := e.session(secret); s != nil {
			t.Errorf("%s in the past: %+v", column, s)
		}
		if l, err := e.Resume(t.Context(), request(""), live, false); l != nil || err != nil {
			t.Errorf("%s in the past resumes %+v, %v", column, l, err)
		}
	}
}

// S03: use keeps a session from going idle, and never past its absolute end.
func TestUseMovesIdleExpiryOnly(t *testing.T) {
	e := setup(t)
	_, secret := e.signIn("", "")
	before := e.session(secret)
	if _, err := e.pool.Exec(t.Context(), "UPDATE sessions SET idle_expires_at = now() + interval '1 minute', expires_at = now() + interval '30 minutes'"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Resume(t.Context(), request(""), before, false); err != nil {
		t.Fatal(err)
	}
	after := e.session(secret)
	if !after.IdleExpires.Equal(after.ExpiresAt) || time.Until(after.IdleExpires) < 29*time.Minute {
		t.Errorf("idle until %v, absolute %v", after.IdleExpires, after.ExpiresAt)
	}
}

// S02: signing in changes the cookie's secret, and keeps the sid that applications know.
func TestSigningInRotatesTheSession(t *testing.T) {
	e := setup(t)
	one, first := e.signIn("", "")
	two, second := e.signIn("", first)
	if first == second || one.SID != two.SID {
		t.Errorf("secrets %q and %q, sids %q and %q", first, second, one.SID, two.SID)
	}
	if e.session(first) != nil || e.session(second) == nil {
		t.Error("the old secret still opens the session, or the new one does not")
	}
	bob := neartest.NewWallet("bob.testnet")
	e.chain.AddKey(bob.AccountID, bob.PublicKey(), neartest.FullAccess)
	l := e.begin()
	a := answer(bob, l)
	a.Session = second
	got, err := e.Verify(t.Context(), l, a)
	if err != nil {
		t.Fatal(err)
	}
	if got.Login.SID == two.SID || e.session(second) != nil {
		t.Error("another account took over the session of the first")
	}
}

// The choice to continue as who one is needs the session, and ends the login once.
func TestAdopt(t *testing.T) {
	e := setup(t)
	_, secret := e.signIn("", "")
	l := e.beginWith("")
	for _, wrong := range []string{"", "garbage"} {
		_, err := e.Adopt(t.Context(), l, wrong)
		e.refused(err, login.Expired)
	}
	got, err := e.Adopt(t.Context(), l, secret)
	if err != nil || got.CodeHash == nil {
		t.Fatal(got, err)
	}
	_, err = e.Adopt(t.Context(), l, secret)
	e.refused(err, login.Used)
}

// The client's hint names somebody: nobody else signs in there.
func TestHintedAccountIsEnforced(t *testing.T) {
	e := setup(t)
	l := e.beginWith("wanted=bob.testnet")
	_, err := e.Verify(t.Context(), l, answer(e.alice, l))
	e.refused(err, login.WrongAccount)
	if got := e.find(l.ID); !got.ConsumedAt.IsZero() {
		t.Error("the login was consumed")
	}
	if !errors.Is(err, idp.ErrConflict) {
		t.Error(err)
	}
}

// W01, H05: the first logins of an account, all at once, make one subject and no fault.
func TestFirstLoginsOfAnAccountAtOnce(t *testing.T) {
	e := setup(t)
	for round := range 100 {
		w := neartest.NewWallet(fmt.Sprintf("new%d.testnet", round))
		e.chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		var wg sync.WaitGroup
		for range 20 {
			l := e.beginWith("")
			wg.Go(func() {
				got, err := e.Verify(t.Context(), l, answer(w, l))
				if err != nil || got.Identity.Subject != w.AccountID {
					t.Errorf("signed in as %+v, %v", got, err)
				}
			})
		}
		wg.Wait()
	}
}
