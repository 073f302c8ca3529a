package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/outbound"
	"near-idp/internal/relay"
)

// A wallet's relay, as the provider uses it.
type wallet interface {
	Ask(ctx context.Context, c relay.Challenge) (relay.Request, error)
	Answer(ctx context.Context, id string) (relay.Answer, error)
	Links(id string) relay.Links
}

var challenge = relay.Challenge{
	Message: "Sign in to App via id.example.com with your NEAR account.", Nonce: [32]byte{0, 1, 254, 255}, Recipient: "id.example.com",
	Network: "mainnet", Origin: "https://id.example.com", Name: "Example ID",
}

func setup(t *testing.T) (*neartest.Relay, map[string]wallet) {
	t.Helper()
	t.Parallel()
	standIn := neartest.NewRelay()
	server := httptest.NewServer(standIn)
	t.Cleanup(server.Close)
	o := relay.Options{URL: server.URL, HTTP: outbound.Client(outbound.Policy{AllowLoopback: true, Timeout: time.Second, MaxBody: 4 << 10})}
	return standIn, map[string]wallet{"HOT": &relay.HOT{Options: o}, "NEAR Mobile": &relay.NEARMobile{Options: o}}
}

func ask(t *testing.T, w wallet) relay.Request {
	t.Helper()
	r, err := w.Ask(t.Context(), challenge)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWalletSignsThroughItsRelay(t *testing.T) {
	standIn, wallets := setup(t)
	alice := neartest.NewWallet("alice.near")
	want := relay.Answer{AccountID: "alice.near", PublicKey: alice.PublicKey(),
		Signature: alice.Sign(challenge.Message, challenge.Nonce, challenge.Recipient, nil)}
	for name, w := range wallets {
		r := ask(t, w)
		if got, err := w.Answer(t.Context(), r.ID); err != nil || !got.Pending() {
			t.Errorf("%s: %+v, %v before anybody has answered", name, got, err)
		}
		if err := standIn.Approve(w.Links(r.ID).QR, alice); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := w.Answer(t.Context(), r.ID); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		r = ask(t, w)
		if err := standIn.Reject(w.Links(r.ID).App); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := w.Answer(t.Context(), r.ID); err != nil || got != (relay.Answer{Rejected: true}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// HOT itself stops taking a request after a minute.
func TestHOTRequestHasADeadline(t *testing.T) {
	standIn, wallets := setup(t)
	late := *wallets["HOT"].(*relay.HOT)
	late.Now = func() time.Time { return time.Now().Add(-2 * time.Minute) }
	r := ask(t, &late)
	if left := time.Until(r.ExpiresAt); left > -time.Minute+time.Second {
		t.Errorf("%s left", left)
	}
	if err := standIn.Approve(late.Links(r.ID).QR, neartest.NewWallet("alice.near")); err == nil {
		t.Error("approved after the deadline")
	}
}

// W07: what a relay says may be wrong in any way, and is then no answer.
func TestHostileAnswersOfRelays(t *testing.T) {
	standIn, wallets := setup(t)
	for name, said := range map[string][]string{
		"HOT": {"x", "null", "[]", `""`, "{}", `{"success":1}`, `{"success":"yes"}`, `{"success":true}`, `{"success":true,"payload":null}`, `{"success":true,"payload":[]}`,
			`{"success":true,"payload":{"accountId":1,"publicKey":"b","signature":"c"}}`, `{"success":true,"payload":{"accountId":"a","publicKey":"b"}}`,
			`{"success":true,"payload":{"accountId":"a","publicKey":"b","signature":""}}`},
		"NEAR Mobile": {"[]", "1", `"x"`, "{}", "null", `{"accountId":"a","publicKey":"b"}`, `{"accountId":{},"publicKey":"b","signature":"c"}`},
	} {
		w := wallets[name]
		for _, text := range said {
			r := ask(t, w)
			if err := standIn.Say(w.Links(r.ID).QR, text); err != nil {
				t.Fatal(err)
			}
			if got, err := w.Answer(t.Context(), r.ID); !errors.Is(err, relay.ErrMalformed) || got != (relay.Answer{}) {
				t.Errorf("%s: %s: %+v, %v", name, text, got, err)
			}
		}
	}
}

// W07: a relay that is down, slow, endless or sends us elsewhere costs a bounded time and is
// told apart from a wallet that refuses.
func TestBrokenRelays(t *testing.T) {
	standIn, wallets := setup(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, w := range wallets {
		id := ask(t, w).ID
		for fault, answer := range map[string]func(http.ResponseWriter) bool{
			"500":      func(w http.ResponseWriter) bool { w.WriteHeader(500); return true },
			"huge":     func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"data":"`+strings.Repeat("a", 1<<20)); return true },
			"hangs up": func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) },
			"slow":     func(http.ResponseWriter) bool { time.Sleep(1100 * time.Millisecond); return true },
		} {
			standIn.Break(answer)
			if got, err := w.Answer(t.Context(), id); !errors.Is(err, relay.ErrUnavailable) || got != (relay.Answer{}) {
				t.Errorf("%s, %s: %+v, %v", name, fault, got, err)
			}
			if fault == "slow" {
				continue
			}
			if _, err := w.Ask(t.Context(), challenge); !errors.Is(err, relay.ErrUnavailable) && !(name == "HOT" && fault == "huge") {
				t.Errorf("%s, %s: asked: %v", name, fault, err)
			}
		}
		standIn.Break(func(w http.ResponseWriter) bool {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(302)
			return true
		})
		if _, err := w.Ask(t.Context(), challenge); !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("%s: redirected: %v", name, err)
		}
		standIn.Break(func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"id":"another","status":"approved"}`); return true })
		if got, err := w.Answer(t.Context(), id); name == "NEAR Mobile" && !errors.Is(err, relay.ErrMalformed) || got != (relay.Answer{}) {
			t.Errorf("%s: of another request: %+v, %v", name, got, err)
		}
		standIn.Break(nil)
	}
}

// An id that a relay made up does not become part of a link.
func TestHostileIDsOfRelays(t *testing.T) {
	standIn, wallets := setup(t)
	w := wallets["NEAR Mobile"]
	for _, id := range []string{"", "a/../b", "a?x", "a b", "<script>", strings.Repeat("a", 200), "javascript:x"} {
		standIn.Break(func(w http.ResponseWriter) bool { fmt.Fprintf(w, `{"id":%q,"status":"pending"}`, id); return true })
		if r, err := w.Ask(t.Context(), challenge); !errors.Is(err, relay.ErrMalformed) {
			t.Errorf("%q: %+v, %v", id, r, err)
		}
		if links := w.Links(id); links != (relay.Links{}) {
			t.Errorf("%q: %+v", id, links)
		}
	}
}
