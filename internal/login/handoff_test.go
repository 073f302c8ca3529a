package login_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/postgres"
)

const phone = "secret-of-the-phone's-browser"

// handOver begins a login and hands it over to another device.
func (e *env) handOver() (waiting *idp.Login, code string) {
	e.Helper()
	l, err := e.HandOver(e.Context(), e.begin().ID, browser, idp.Sender{Address: "198.51.100.7", Agent: "desktop"})
	if err != nil {
		e.Fatal(err)
	}
	return e.find(l.ID), login.HandoffCode(l.ID, browser)
}

// take opens a code on the phone.
func (e *env) take(code string) *idp.Login {
	e.Helper()
	_, waiting, err := e.FindHandoff(e.Context(), code)
	if err != nil {
		e.Fatal(err)
	}
	l, err := e.Take(e.Context(), waiting, phone)
	if err != nil {
		e.Fatal(err)
	}
	return e.onPhone(l.ID)
}

func (e *env) onPhone(id string) *idp.Login {
	e.Helper()
	l, err := e.Find(e.Context(), id, phone)
	if err != nil {
		e.Fatal(err)
	}
	return l
}

func (e *env) handoff(l *idp.Login) *idp.Handoff {
	e.Helper()
	h, err := e.Handoff(e.Context(), l.ID)
	if err != nil || h == nil {
		e.Fatal(h, err)
	}
	return h
}

// proven goes on until a wallet has signed on the phone.
func (e *env) proven() (waiting, there *idp.Login) {
	e.Helper()
	waiting, code := e.handOver()
	there = e.take(code)
	if _, err := e.Verify(e.Context(), there, answer(e.alice, there)); err != nil {
		e.Fatal(err)
	}
	return waiting, e.onPhone(there.ID)
}

func (e *env) count(table string) (n int) {
	e.Helper()
	if err := e.pool.QueryRow(e.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		e.Fatal(err)
	}
	return n
}

// S04, W01, W06: the phone signs a challenge of its own that names the same application, and the
// session begins in the browser that waits, from the moment of the signature.
func TestPhoneProvesTheLoginOfTheBrowserThatWaits(t *testing.T) {
	e := setup(t)
	first := e.begin()
	waiting, err := e.HandOver(t.Context(), first.ID, browser, idp.Sender{})
	if err != nil {
		t.Fatal(err)
	}
	code := login.HandoffCode(waiting.ID, browser)
	if len(code) != 26 || waiting.ID == first.ID || !waiting.ExpiresAt.Equal(e.now.Add(5*time.Minute)) {
		t.Errorf("code %q, %+v", code, waiting)
	}
	there := e.take(code)
	if there.Nonce == waiting.Nonce || there.State == waiting.State || there.ClientID != "" || there.Params != "" ||
		there.Message == waiting.Message || !strings.HasPrefix(there.Message, "Sign in to App (app.example.com) via id.example.com with") {
		t.Errorf("%+v", there)
	}
	signed := answer(e.alice, there)
	signed.Signature = e.alice.Sign(there.Message, there.Nonce, there.Recipient, &there.CallbackURL)
	out, err := e.Verify(t.Context(), there, signed)
	if err != nil || out.SessionSecret != "" || out.Login.CodeHash != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = e.Verify(t.Context(), e.onPhone(there.ID), signed); err != nil || out.SessionSecret != "" { // sent twice
		t.Errorf("%+v, %v", out, err)
	}
	h := e.handoff(waiting)
	if h.Proof == nil || h.Proof.AccountID != "alice.testnet" || h.Allowed || e.count("sessions") != 0 || !e.find(waiting.ID).ConsumedAt.IsZero() {
		t.Fatalf("before the number: %+v", h)
	}
	if allowed, err := e.Pick(t.Context(), there, h.Match); err != nil || !allowed {
		t.Fatal(allowed, err)
	}
	e.now = e.now.Add(time.Minute)
	h = e.handoff(waiting)
	out, err = e.Complete(t.Context(), waiting, h, "")
	if err != nil || out.SessionSecret == "" || out.Login.CodeHash == nil || out.Login.ClientID != "app" {
		t.Fatalf("%+v, %v", out, err)
	}
	if !out.Identity.AuthTime.Equal(h.ProvenAt) || out.Login.Proof.CallbackBound {
		t.Errorf("%+v, %+v", out.Identity, out.Login.Proof)
	}
	if s, err := e.Session(t.Context(), string(out.SessionSecret)); err != nil || s == nil || s.Identity.AccountID != "alice.testnet" {
		t.Errorf("%+v, %v", s, err)
	}
	if n := e.count("sessions"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// S04: a number is picked once, by many at once or one after the other: guessing all three is
// guessing one.
func TestNumberCannotBeTriedTwice(t *testing.T) {
	e := setup(t)
	for _, parallel := range []bool{false, true} {
		waiting, there := e.proven()
		h := e.handoff(waiting)
		if len(h.Choices) != 3 || !slices.Contains(h.Choices, h.Match) {
			t.Fatalf("%d of %v", h.Match, h.Choices)
		}
		wrong := slices.DeleteFunc(slices.Clone(h.Choices), func(n int) bool { return n == h.Match })
		picks, answered := append(wrong, h.Match), 0
		var mu sync.Mutex
		pick := func(n int) {
			allowed, err := e.Pick(t.Context(), there, n)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				answered++
			} else if !errors.Is(err, idp.ErrUsed) {
				t.Error(err)
			}
			if allowed != (err == nil && n == h.Match) {
				t.Errorf("%d of %d: %v, %v", n, h.Match, allowed, err)
			}
		}
		var group sync.WaitGroup
		for range 5 {
			for _, n := range picks {
				if parallel {
					group.Go(func() { pick(n) })
				} else {
					pick(n)
				}
			}
		}
		group.Wait()
		if answered != 1 {
			t.Errorf("%d picks decided", answered)
		}
		if h = e.handoff(waiting); h.DecidedAt.IsZero() || !parallel && h.Allowed {
			t.Errorf("%+v", h)
		}
	}
}

// S04: a signature alone, which somebody was talked into, gives the browser that waits nothing.
func TestSignatureWithoutTheNumberSignsNobodyIn(t *testing.T) {
	e := setup(t)
	waiting, there := e.proven()
	h := e.handoff(waiting)
	_, err := e.Complete(t.Context(), waiting, h, "")
	e.refused(err, login.Used)
	forged := *h // as if this process were wrong about it
	forged.Allowed = true
	_, err = e.Complete(t.Context(), waiting, &forged, "")
	e.refused(err, login.Expired)
	_, err = e.Verify(t.Context(), waiting, login.Answer{})
	e.refused(err, login.Malformed) // there is no proof to go on with here
	if _, err := e.Verify(t.Context(), waiting, answer(e.alice, there)); err == nil {
		t.Error("the signature of the phone's challenge fits the other one")
	}
	if err := e.DenyHandoff(t.Context(), waiting.ID, there.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Pick(t.Context(), there, h.Match); !errors.Is(err, idp.ErrUsed) {
		t.Errorf("picked after it was refused: %v", err)
	}
	if n := e.count("sessions"); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// S04: of many browsers that open a code one may go on, and an invented code is nobody's.
func TestCodeIsTakenOnce(t *testing.T) {
	e := setup(t)
	waiting, code := e.handOver()
	var group sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		group.Go(func() {
			l, err := e.Take(t.Context(), waiting, fmt.Sprint("browser ", i))
			if err == nil {
				won <- l.ID
			} else if !errors.Is(err, idp.ErrUsed) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 || e.handoff(waiting).TakenBy != <-won {
		t.Errorf("%d browsers took it", len(won))
	}
	for _, invented := range []string{"", strings.Repeat("A", 26), strings.ToLower(code), code + "A", strings.Repeat("A", 100), "\x00"} {
		_, _, err := e.FindHandoff(t.Context(), invented)
		e.refused(err, login.NotFound)
	}
}

// S04: what the phone was opened for is proven for that alone, and it can be handed to nobody else.
func TestLoginOnThePhoneLeadsNowhereElse(t *testing.T) {
	e := setup(t)
	_, secret := e.signIn("", "")
	_, code := e.handOver()
	there := e.take(code)
	if _, err := e.Find(t.Context(), there.ID, browser); err == nil {
		t.Error("the browser that waits may finish the phone's login")
	}
	_, err := e.Adopt(t.Context(), there, secret)
	e.refused(err, login.Used)
	_, err = e.HandOver(t.Context(), there.ID, phone, idp.Sender{})
	e.refused(err, login.WrongBrowser)
	renewed, err := e.Renew(t.Context(), there.ID, phone)
	if err != nil || renewed.Handoff != there.Handoff || renewed.ClientID != "" {
		t.Fatalf("%+v, %v", renewed, err)
	}
	// Even a statement that does not know of handoffs makes nothing of it.
	session := &idp.Session{Hash: make([]byte, 32), IdleExpires: e.now.Add(time.Hour), ExpiresAt: e.now.Add(time.Hour),
		Identity: idp.Identity{AccountID: "alice.testnet", Network: "testnet", PublicKey: e.alice.PublicKey(), SID: "x"}}
	if _, err := postgres.New(e.pool).FinishLogin(t.Context(), there, idp.Proof{AccountID: "alice.testnet", PublicKey: e.alice.PublicKey()}, session, nil, nil); !errors.Is(err, idp.ErrUsed) {
		t.Errorf("finished as an ordinary login: %v", err)
	}
}
