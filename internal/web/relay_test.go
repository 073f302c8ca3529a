package web_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"near-idp/internal/neartest"
)

// relayed goes from the authorization request to the page that waits for a wallet behind a
// relay, and returns its path and the link of its request.
func (b *browser) relayed(wallet string) (page, link string) {
	b.t.Helper()
	r := b.postForm(b.begin().path+"/relay", url.Values{"wallet": {wallet}})
	page = r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasSuffix(page, "/relay") {
		b.t.Fatalf("ask %s: %d %s", wallet, r.status, r.body)
	}
	shown := b.send("GET", page, "").body
	found := regexp.MustCompile(`href="([^"]*(?:hotcall-|near-mobile-wallet:)[^"]*)"`).FindStringSubmatch(shown)
	if found == nil || !strings.Contains(shown, `class="qr"`) || !strings.Contains(shown, `http-equiv="refresh"`) {
		b.t.Fatalf("%s: %s", wallet, shown)
	}
	return page, html.UnescapeString(found[1])
}

// look loads the page once its turn at the relay has come.
func (b *browser) look(page string, header ...string) reply {
	b.t.Helper()
	b.exec("UPDATE relay_requests SET polled_at = NULL")
	return b.send("GET", page, "", header...)
}

var relayWallets = []string{"hot-relay", "near-mobile"}

// W01, W02: a wallet behind its maker's relay signs in the browser that asked, once, and no other.
func TestWalletBehindARelaySignsIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, wallet := range relayWallets {
		b, thief := p.browser(), p.browser()
		page, link := b.relayed(wallet)
		if state := b.look(page, "Accept", "application/json").json(t)["state"]; state != "open" {
			t.Errorf("%s: %v", wallet, state)
		}
		must(t, p.relay.Approve(link, p.alice))
		if r := thief.look(page); r.status != http.StatusForbidden || thief.isSignedIn() {
			t.Errorf("%s: another browser: %d", wallet, r.status)
		}
		if state := b.look(page, "Accept", "application/json").json(t)["state"]; state != "done" || !b.isSignedIn() {
			t.Errorf("%s: %v", wallet, state)
		}
		if r := b.look(page); r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/continue/") {
			t.Errorf("%s: %d %v", wallet, r.status, r.header)
		}
	}
}

// W02, W07: what a relay says is judged like any wallet's answer: one that was refused, garbled,
// forged or made for another login signs nobody in.
func TestRelayIsNotBelieved(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	mallory := neartest.NewWallet("alice.testnet") // whose key is not on the account
	for _, wallet := range relayWallets {
		_, other := p.browser().relayed(wallet)
		for name, attack := range map[string]struct {
			say  func(link string) error
			want string
		}{
			"rejected":     {p.relay.Reject, "Not approved"},
			"forged":       {func(link string) error { return p.relay.Approve(link, mallory) }, "not a key of"},
			"garbled":      {func(link string) error { return p.relay.Say(link, `[]`) }, "could not sign"},
			"for somebody": {func(link string) error { return p.relay.Say(link, p.signedFor(wallet, other)) }, "signature does not match"},
		} {
			b := p.browser()
			page, link := b.relayed(wallet)
			must(t, attack.say(link))
			r := b.look(page)
			if !strings.Contains(html.UnescapeString(r.body), attack.want) && !strings.Contains(r.body, "did not match") || b.isSignedIn() {
				t.Errorf("%s, %s: %d %s", wallet, name, r.status, r.body)
			}
			if state := b.look(page, "Accept", "application/json").json(t)["state"]; state != "rejected" && state != "garbled" {
				t.Errorf("%s, %s: then %v", wallet, name, state)
			}
		}
	}
}

// signedFor is an answer that fits no challenge of ours.
func (p *provider) signedFor(wallet, _ string) string {
	payload := fmt.Sprintf(`{"accountId":%q,"publicKey":%q,"signature":%q}`, p.alice.AccountID, p.alice.PublicKey(),
		p.alice.Sign("Sign in to Example App", [32]byte{1}, recipient, nil))
	if wallet == "hot-relay" {
		return `{"success":true,"payload":` + payload + `}`
	}
	return payload
}

// W07: a relay that fails costs a try and no more; one that nobody answers at comes to an end.
func TestRelayFailsOrStaysSilent(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, wallet := range relayWallets {
		b := p.browser()
		page, link := b.relayed(wallet)
		p.relay.Break(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusInternalServerError); return true })
		if r := b.look(page); r.status != http.StatusOK || !strings.Contains(r.body, `class="qr"`) {
			t.Errorf("%s: %d %s", wallet, r.status, r.body)
		}
		if r := b.postForm(b.begin().path+"/relay", url.Values{"wallet": {wallet}}); r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: asked: %d %s", wallet, r.status, r.body)
		}
		p.relay.Break(nil)
		p.chain.SetMode(neartest.Down500)
		must(t, p.relay.Approve(link, p.alice))
		if r := b.look(page); r.status != http.StatusServiceUnavailable || b.isSignedIn() {
			t.Errorf("%s: without the chain: %d", wallet, r.status)
		}
		p.chain.SetMode(neartest.OK)
		if r := b.look(page); r.status != http.StatusSeeOther || !b.isSignedIn() { // without signing again
			t.Errorf("%s: %d %s", wallet, r.status, r.body)
		}
		b = p.browser()
		page, _ = b.relayed(wallet)
		p.exec("UPDATE relay_requests SET expires_at = now() - interval '1 second'")
		if r := b.look(page); !strings.Contains(r.body, "This code ran out") || strings.Contains(r.body, "http-equiv") {
			t.Errorf("%s: %d %s", wallet, r.status, r.body)
		}
	}
	b := p.browser()
	for _, invented := range []string{"", "meteor", "../x", base64.StdEncoding.EncodeToString(make([]byte, 300))} {
		if r := b.postForm(b.begin().path+"/relay", url.Values{"wallet": {invented}}); r.status != http.StatusBadRequest {
			t.Errorf("%q: %d", invented, r.status)
		}
	}
}
