package web_test

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
)

// K01: what the browser showed is not what we have to ask: first use leads to our page.
func TestFedCMAsksForConsentInAWindow(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	third := b.from("https://third.example.com")
	to, _ := third.assert("third").json(t)["continue_on"].(string)
	if !strings.HasPrefix(to, p.issuer+"/fedcm/continue?") {
		t.Fatalf("continue_on %q", to)
	}
	refusedWith(t, "silent", third.assert("third", "prompt", "none"), 400, "consent_required")
	r := b.send("GET", to, "")
	consent := strings.TrimPrefix(r.header.Get("Location"), p.issuer)
	if r.status != 303 || !strings.HasPrefix(consent, "/consent/") {
		t.Fatalf("continue: %d %v %s", r.status, r.header, r.body)
	}
	if page := b.send("GET", consent, ""); page.status != 200 || !strings.Contains(page.body, "third.example.com") {
		t.Errorf("consent: %d %s", page.status, page.body)
	}
	if again := b.send("GET", to, ""); again.status != 303 || !strings.HasSuffix(again.header.Get("Location"), strings.TrimPrefix(consent, "/consent")) {
		t.Errorf("loaded again: %d %v", again.status, again.header)
	}
	r = b.postForm(consent, url.Values{"decision": {"allow"}}, "Sec-Fetch-Site", "same-origin")
	token, account := windowEnd(t, b.send("GET", r.header.Get("Location"), ""))
	if account != "alice.testnet" {
		t.Errorf("account %q", account)
	}
	code := b.code(reply{status: 200, body: string(jsonText(t, map[string]string{"token": token}))})
	tokens := b.postForm("/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"third"}, "code_verifier": {verifier}})
	if tokens.status != 200 {
		t.Errorf("token: %d %s", tokens.status, tokens.body)
	}
	// It is remembered, for the redirect too.
	b.code(third.assert("third"))
	if r := b.send("GET", "/authorize?"+request("client_id", "third", "redirect_uri", "https://third.example.com/cb").Encode(), ""); !strings.Contains(r.header.Get("Location"), "code=") {
		t.Errorf("by redirect: %d %v", r.status, r.header)
	}
}

func jsonText(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return text
}

// windowEnd reads the page that hands the response to the browser.
func windowEnd(t *testing.T, page reply) (token, account string) {
	t.Helper()
	if page.status != 200 || !strings.Contains(page.body, "/static/fedcm.") {
		t.Fatalf("the window ends with %d %s", page.status, page.body)
	}
	for _, name := range []string{"Content-Security-Policy", "Cross-Origin-Opener-Policy", "X-Frame-Options", "Referrer-Policy"} {
		if page.header.Get(name) == "" {
			t.Errorf("the page of the token has no %s", name)
		}
	}
	return html.UnescapeString(between(page.body, `data-token="`, `"`)), between(page.body, `data-account="`, `"`)
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// A request that wants the wallet asked leads to the login page, and a refusal closes the window.
func TestFedCMSignsInWithTheWalletInAWindow(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	open := func() string {
		t.Helper()
		to, _ := b.from(appOrigin).assert("app", "prompt", "login").json(t)["continue_on"].(string)
		at := b.send("GET", to, "").header.Get("Location")
		if !strings.HasPrefix(at, "/login/") {
			t.Fatalf("%q leads to %q", to, at)
		}
		return strings.TrimPrefix(at, "/login/")
	}
	c := b.challengeOf(open())
	r := b.postJSON(c.path+"/verify", answer(p.alice, c), "Sec-Fetch-Site", "same-origin")
	to, _ := r.json(t)["redirect_to"].(string)
	if to != p.issuer+"/continue/"+c.LoginID {
		t.Fatalf("verify: %d %s", r.status, r.body)
	}
	token, _ := windowEnd(t, b.send("GET", to, ""))
	b.code(reply{status: 200, body: string(jsonText(t, map[string]string{"token": token}))})

	id := open()
	b.postForm("/login/"+id+"/cancel", nil, "Sec-Fetch-Site", "same-origin")
	if token, _ := windowEnd(t, b.send("GET", "/continue/"+id, "")); token != "" {
		t.Errorf("a refusal gave %q", token)
	}
	if r := b.from(appOrigin).assert("app", "max_age", "0").json(t); r["continue_on"] == nil {
		t.Errorf("max_age=0: %v", r)
	}
}

// In the window a person may be somebody else than the browser showed, and the browser is told who.
func TestFedCMWindowMayEndWithAnotherAccount(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	to, _ := b.from("https://third.example.com").assert("third").json(t)["continue_on"].(string)
	consent := b.send("GET", strings.TrimPrefix(b.send("GET", to, "").header.Get("Location"), p.issuer), "")
	again := html.UnescapeString("/login/" + between(consent.body, `href="/login/`, `"`))
	at := b.send("GET", again, "").header.Get("Location")
	if !strings.Contains(again, "/again?prompt=login") || !strings.HasPrefix(at, "/login/") {
		t.Fatalf("%q leads to %q", again, at)
	}
	c := b.challengeOf(strings.TrimPrefix(at, "/login/"))
	r := b.postJSON(c.path+"/verify", answer(p.wallet("bob.testnet"), c), "Sec-Fetch-Site", "same-origin")
	if to, _ = r.json(t)["redirect_to"].(string); to != p.issuer+"/consent/"+c.LoginID {
		t.Fatalf("verify: %d %s", r.status, r.body)
	}
	b.postForm("/consent/"+c.LoginID, url.Values{"decision": {"allow"}}, "Sec-Fetch-Site", "same-origin")
	if token, account := windowEnd(t, b.send("GET", "/continue/"+c.LoginID, "")); token == "" || account != "bob.testnet" {
		t.Errorf("%q for %q", token, account)
	}

	alice := p.signedIn()
	to, _ = alice.from(appOrigin).assert("app", "prompt", "select_account").json(t)["continue_on"].(string)
	at = alice.send("GET", to, "").header.Get("Location")
	r = alice.postForm(at+"/session", nil, "Sec-Fetch-Site", "same-origin")
	if token, account := windowEnd(t, alice.send("GET", r.header.Get("Location"), "")); token == "" || account != "alice.testnet" {
		t.Errorf("%q for %q", token, account)
	}
}

// Nobody is signed in: the browser opens our login page, and goes on when it closes.
func TestFedCMLoginPageEndsByClosingItsWindow(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.browser()
	at := b.send("GET", "/fedcm/login", "").header.Get("Location")
	c := b.challengeOf(strings.TrimPrefix(at, "/login/"))
	r := b.postJSON(c.path+"/verify", answer(p.alice, c), "Sec-Fetch-Site", "same-origin")
	at = strings.TrimPrefix(b.send("GET", r.json(t)["redirect_to"].(string), "").header.Get("Location"), p.issuer)
	end := b.send("GET", at, "")
	if token, _ := windowEnd(t, end); token != "" || end.header.Get("Set-Login") != "logged-in" {
		t.Errorf("%q %v", token, end.header)
	}
	if status, _ := b.accounts(); status != 200 {
		t.Errorf("accounts: %d", status)
	}
	if r := b.send("GET", "/fedcm/login?login_hint=bob.testnet", ""); !strings.HasPrefix(r.header.Get("Location"), "/login/") {
		t.Errorf("somebody else was asked for: %d %v", r.status, r.header)
	}
	id := strings.TrimPrefix(p.browser().send("GET", "/fedcm/login", "").header.Get("Location"), "/login/")
	if r := b.send("GET", "/login/"+id, ""); r.status != 403 {
		t.Errorf("another browser's login page: %d", r.status)
	}
	stranger := p.browser()
	id = strings.TrimPrefix(stranger.send("GET", "/fedcm/login", "").header.Get("Location"), "/login/")
	stranger.postForm("/login/"+id+"/cancel", nil, "Sec-Fetch-Site", "same-origin")
	if end := stranger.send("GET", "/continue/"+id, ""); !strings.Contains(end.body, "Not signed in") {
		t.Errorf("cancelled: %d %s", end.status, end.body)
	}
}
