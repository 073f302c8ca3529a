package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// pushed pushes a request of the public client and returns the authorization path.
func (b *browser) pushed(change ...string) string {
	b.t.Helper()
	r := b.postForm("/par", request(change...))
	uri, _ := r.json(b.t)["request_uri"].(string)
	if r.status != http.StatusCreated || uri == "" || r.header.Get("Cache-Control") != "no-store" {
		b.t.Fatalf("par: %d %s", r.status, r.body)
	}
	return "/authorize?" + url.Values{"client_id": {"app"}, "request_uri": {uri}}.Encode()
}

// F01: a request_uri is good for one login. Whoever reloads its page comes back to
// that login, in the same browser alone, and gets one code.
func TestPushedRequestSurvivesAReloadAndServesOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	path := b.pushed()
	first := b.send("GET", path, "")
	to := first.header.Get("Location")
	if first.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login/") {
		t.Fatalf("%d %v", first.status, first.header)
	}
	if again := b.send("GET", path, ""); again.header.Get("Location") != to {
		t.Errorf("reloading leads to %v", again.header)
	}
	thief := p.browser()
	if r := thief.send("GET", path, ""); r.header.Get("Location") != to {
		t.Errorf("another browser is led to %v", r.header)
	}
	if r := thief.send("GET", to, ""); r.status < 400 {
		t.Errorf("another browser sees the login: %d", r.status)
	}
	c := challenge{}
	r := b.send("GET", to, "", "Accept", "application/json")
	c.Message, _ = r.json(t)["message"].(string)
	c.Recipient, _ = r.json(t)["recipient"].(string)
	for i, n := range r.json(t)["nonce_bytes"].([]any) {
		c.NonceBytes[i] = byte(n.(float64))
	}
	r = b.postJSON(to+"/verify", answer(p.alice, c))
	end, err := url.Parse(r.json(t)["redirect_to"].(string))
	must(t, err)
	if end.Query().Get("state") != "st&te=é" || end.Query().Get("code") == "" {
		t.Fatalf("%s", end)
	}
	if r := b.redeem(end.Query().Get("code")); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	// The session could answer a fresh request; this one is spent.
	r = b.send("GET", path, "")
	for r.status == http.StatusSeeOther && strings.HasPrefix(r.header.Get("Location"), "/") {
		r = b.send("GET", r.header.Get("Location"), "")
	}
	if r.status < 400 || strings.Contains(r.header.Get("Location"), "code=") {
		t.Errorf("a spent request_uri: %d %v", r.status, r.header)
	}
}

// F01: a browser with a session is answered at once, and once.
func TestPushedRequestIsAnsweredFromTheSession(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	if r := b.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	path := b.pushed()
	r := b.send("GET", path, "")
	to, err := url.Parse(r.header.Get("Location"))
	must(t, err)
	if to.Query().Get("code") == "" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	if r := b.redeem(to.Query().Get("code")); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r = b.send("GET", path, "")
	if !strings.HasPrefix(r.header.Get("Location"), "/login/") {
		t.Errorf("%d %v", r.status, r.header)
	}
	// Nothing is spent by an answer that nobody could be asked for.
	silent := b.pushed("prompt", "none", "max_age", "0")
	for range 2 {
		if r := b.send("GET", silent, ""); !strings.Contains(r.header.Get("Location"), "error=login_required") {
			t.Errorf("%d %v", r.status, r.header)
		}
	}
}

// F01: who wants to sign in with another account, or starts again, needs no new
// push, and the request itself is never shown to the browser.
func TestPushedRequestStartsAgainWithoutTheBrowserSeeingIt(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	pushed := func() string {
		r := b.postForm("/par", request("client_id", "pushing", "redirect_uri", "https://pushing.example.com/cb"))
		return "/authorize?" + url.Values{"client_id": {"pushing"}, "request_uri": {r.json(t)["request_uri"].(string)}}.Encode()
	}
	to := b.send("GET", pushed(), "").header.Get("Location")
	r := b.send("GET", to, "", "Accept", "application/json")
	var c challenge
	must(t, json.Unmarshal([]byte(r.body), &c))
	if r := b.postJSON(to+"/verify", answer(p.alice, c)); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r = b.send("GET", "/consent/"+c.LoginID, "")
	again := regexp.MustCompile(`href="(/login/[^"]*/again[^"]*)"`).FindStringSubmatch(r.body)
	if again == nil || strings.Contains(r.body, "code_challenge") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r = b.send("GET", again[1], "")
	if to := r.header.Get("Location"); !strings.HasPrefix(to, "/login/") || to == "/login/"+c.LoginID {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := p.browser().send("GET", again[1], ""); r.status < 400 {
		t.Errorf("another browser: %d %v", r.status, r.header)
	}
	if r := b.send("GET", "/login/NOSUCHLOGIN/again", ""); r.status != http.StatusNotFound {
		t.Errorf("an unknown login: %d", r.status)
	}
}
