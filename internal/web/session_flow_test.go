package web_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// third changes a request to that of a client that is not the operator's own.
var third = []string{"client_id", "third", "redirect_uri", "https://third.example.com/cb"}

func with(change []string, more ...string) []string {
	return append(append([]string{}, change...), more...)
}

// signIn signs in to a client and returns where that leads.
func (b *browser) signIn(change ...string) string {
	b.t.Helper()
	c := b.begin(change...)
	r := b.postJSON(c.path+"/verify", answer(b.alice, c))
	if r.status != http.StatusOK {
		b.t.Fatalf("verify: %d %s", r.status, r.body)
	}
	return r.json(b.t)["redirect_to"].(string)
}

// authorize makes an authorization request and returns where the browser is sent.
func (b *browser) authorize(change ...string) *url.URL {
	b.t.Helper()
	r := b.send("GET", "/authorize?"+request(change...).Encode(), "")
	to, err := url.Parse(r.header.Get("Location"))
	if r.status != http.StatusSeeOther || err != nil {
		b.t.Fatalf("authorize: %d to %q: %s", r.status, r.header.Get("Location"), r.body)
	}
	return to
}

// allow gives consent on the page that path leads to, and returns where the page after it leads.
func (b *browser) decide(at, decision string) string {
	b.t.Helper()
	path := strings.TrimPrefix(at, b.issuer)
	page := b.send("GET", path, "")
	if !strings.HasPrefix(path, "/consent/") || page.status != http.StatusOK {
		b.t.Fatalf("consent at %s: %d %s", at, page.status, page.body)
	}
	r := b.postForm(path, url.Values{"decision": {decision}}, "Sec-Fetch-Site", "same-origin")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/continue/") {
		b.t.Fatalf("decide: %d %v %s", r.status, r.header, r.body)
	}
	next := html.UnescapeString(b.send("GET", r.header.Get("Location"), "").body)
	_, next, _ = strings.Cut(next, `href="https://third`)
	next, _, _ = strings.Cut(next, `"`)
	return "https://third" + next
}

// K01: the first use of an application asks, in words, and an answer is remembered.
func TestConsentPage(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	to := b.signIn(third...)
	page := b.send("GET", strings.TrimPrefix(to, b.issuer), "")
	text := html.UnescapeString(page.body)
	for _, want := range []string{"Third <b>Party</b>", "third.example.com", "alice.testnet", "cannot move funds", "Know which NEAR account", "Keep you signed in"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, page.body)
		}
	}
	if strings.Contains(page.body, "<b>Party") {
		t.Error("the client's name is not escaped")
	}
	if got := b.decide(to, "allow"); !strings.HasPrefix(got, "https://third.example.com/cb?code=") {
		t.Fatalf("allowed, and sent to %s", got)
	}
	if got := b.authorize(third...); got.Host != "third.example.com" || got.Query().Get("code") == "" || got.Query().Get("iss") != b.issuer {
		t.Errorf("the second time: %s", got)
	}
	if got := b.authorize(with(third, "prompt", "consent")...); !strings.HasPrefix(got.String(), b.issuer+"/consent/") {
		t.Errorf("prompt=consent: %s", got)
	}
}

// Refusing consent is access_denied to the application, and is not remembered.
func TestConsentRefused(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	if got := b.decide(b.signIn(third...), "deny"); !strings.Contains(got, "error=access_denied") || !strings.Contains(got, "state=") {
		t.Errorf("refused, and sent to %s", got)
	}
	if got := b.authorize(third...); !strings.Contains(got.Path, "/consent/") {
		t.Errorf("the next request: %s", got)
	}
}

// S07: another site cannot press Allow, nor another browser.
func TestConsentCannotBeForged(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	path := strings.TrimPrefix(b.signIn(third...), b.issuer)
	allow := url.Values{"decision": {"allow"}}
	for name, r := range map[string]reply{
		"cross-site":    b.postForm(path, allow, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
		"same-site":     b.postForm(path, allow, "Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"),
		"old browser":   b.postForm(path, allow, "Origin", "https://evil.example"),
		"other browser": p.browser().postForm(path, allow, "Sec-Fetch-Site", "same-origin"),
	} {
		if r.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := b.postForm(path, url.Values{"decision": {"maybe"}}, "Sec-Fetch-Site", "same-origin"); r.status != http.StatusBadRequest {
		t.Errorf("another decision: %d", r.status)
	}
	if got := b.authorize(with(third, "prompt", "none")...); got.Query().Get("error") != "consent_required" {
		t.Errorf("after all that: %s", got)
	}
}

// A13, A14: prompt and max_age with and without a session, and a truthful auth_time.
func TestPromptAndMaxAge(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	if got := b.authorize("prompt", "none").Query(); got.Get("error") != "login_required" || got.Get("state") != "st&te=é" || got.Get("iss") != b.issuer {
		t.Errorf("prompt=none without a session: %v", got)
	}
	b.signIn()
	at := func(to *url.URL) float64 {
		t.Helper()
		r := b.redeem(to.Query().Get("code"))
		if r.status != 200 {
			t.Fatalf("%s: %d %s", to, r.status, r.body)
		}
		return payload(t, r.json(t)["id_token"].(string))["auth_time"].(float64)
	}
	first := at(b.authorize("prompt", "none"))
	b.ahead.Store(int64(2 * time.Second))
	for _, change := range [][]string{{}, {"prompt", "none"}, {"max_age", "10000"}, {"prompt", "none", "max_age", "10000"}, {"login_hint", "alice.testnet"}, {"login_hint", "alice@example.com"}} {
		if got := at(b.authorize(change...)); got != first {
			t.Errorf("%v: auth_time %v, want %v", change, got, first)
		}
	}
	for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "1"}, {"login_hint", "bob.testnet"}, {"prompt", "login consent"}} {
		if got := b.authorize(change...); !strings.HasPrefix(got.Path, "/login/") {
			t.Errorf("%v: %s", change, got)
		}
	}
	for _, change := range [][]string{{"prompt", "none", "max_age", "1"}, {"prompt", "none", "login_hint", "bob.testnet"}} {
		if got := b.authorize(change...); got.Query().Get("error") != "login_required" {
			t.Errorf("%v: %s", change, got)
		}
	}
	to, err := url.Parse(b.signIn("max_age", "1"))
	must(t, err)
	if got := at(to); got <= first {
		t.Errorf("signed in again, and auth_time is still %v", got)
	}
}

// A16: an id_token_hint may be expired, must be ours, and names who is meant.
func TestIDTokenHint(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	to, err := url.Parse(b.signIn())
	must(t, err)
	hint := b.redeem(to.Query().Get("code")).json(t)["id_token"].(string)
	p.ahead.Store(int64(3 * time.Hour)) // past the token's life, not past PostgreSQL's clock
	if got := b.authorize("prompt", "none", "id_token_hint", hint); got.Query().Get("code") == "" {
		t.Errorf("an expired hint of the session's own person: %s", got)
	}
	for _, wrong := range []string{"garbage", hint[:len(hint)-4] + "AAAA", "eyJhbGciOiJub25lIn0.e30."} {
		if got := b.authorize("id_token_hint", wrong); got.Query().Get("error") != "invalid_request" {
			t.Errorf("hint %q: %s", wrong, got)
		}
	}
	other := p.browser()
	if got := other.authorize("prompt", "none", "id_token_hint", hint); got.Query().Get("error") != "login_required" {
		t.Errorf("a hint without a session: %s", got)
	}
	bob := p.wallet("bob.testnet")
	c := other.begin("id_token_hint", hint)
	if r := other.postJSON(c.path+"/verify", answer(bob, c)); r.status != 403 || r.json(t)["error"] != "wrong_account" {
		t.Errorf("bob signs in where alice is meant: %d %s", r.status, r.body)
	}
	if r := other.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != 200 {
		t.Errorf("alice: %d %s", r.status, r.body)
	}
}

// prompt=select_account offers the session's account, and takes it once pressed.
func TestSelectAccount(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	if page := b.send("GET", b.authorize("prompt", "select_account").Path, ""); strings.Contains(page.body, "Continue as") {
		t.Error("an account is offered without a session")
	}
	b.signIn()
	path := b.authorize("prompt", "select_account").Path
	if page := b.send("GET", path, ""); !strings.Contains(page.body, "Continue as <bdi>alice.testnet") {
		t.Fatalf("the session's account is not offered: %s", page.body)
	}
	r := b.postForm(path+"/session", nil, "Sec-Fetch-Site", "same-origin")
	next := html.UnescapeString(b.send("GET", r.header.Get("Location"), "").body)
	if !strings.Contains(next, appURL+"&code=") {
		t.Errorf("continued at %v: %s", r.header, next)
	}
	forced := b.authorize("prompt", "select_account login").Path
	if r := b.postForm(forced+"/session", nil, "Sec-Fetch-Site", "same-origin"); r.header.Get("Location") != forced {
		t.Errorf("a session stood in where a signature was demanded: %v", r.header)
	}
}

// OpenID Connect Core section 5.5: claims that we have are given where they were
// asked for, and the rest is ignored.
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	to, err := url.Parse(b.signIn("scope", "openid", "claims", `{"id_token":{"near_public_key":{"essential":true},"email":null},"userinfo":{"name":null,"quota":null}}`))
	must(t, err)
	got := b.redeem(to.Query().Get("code")).json(t)
	id := payload(t, got["id_token"].(string))
	info := b.send("GET", "/userinfo", "", "Authorization", "Bearer "+got["access_token"].(string)).json(t)
	if id["near_public_key"] == nil || id["name"] != nil || id["email"] != nil || info["name"] != "alice.testnet" || info["near_public_key"] != nil {
		t.Errorf("ID token %v, userinfo %v", id, info)
	}
	for _, junk := range []string{"{", "[]", `"x"`, `{"id_token":1}`, `{"id_token":{"name":[]}}`, "null"} {
		if got := b.authorize("claims", junk); got.Query().Get("code") == "" {
			t.Errorf("claims=%s: %s", junk, got)
		}
	}
	if got := b.authorize("claims", `{"id_token":{"sub":{"value":"bob.testnet"}}}`); !strings.HasPrefix(got.Path, "/login/") {
		t.Errorf("another subject is wanted: %s", got)
	}
}

// The back button, and a page that was left open, lead to a fresh start of the same request.
func TestPagesOfAnEndedLoginLeadOn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	r := b.postJSON(c.path+"/verify", answer(p.alice, c))
	to, err := url.Parse(r.json(t)["redirect_to"].(string))
	must(t, err)
	if tokens := b.redeem(to.Query().Get("code")); tokens.status != http.StatusOK {
		t.Fatalf("token: %d %s", tokens.status, tokens.body)
	}
	page := b.send("GET", "/continue/"+c.LoginID, "")
	_, link, ok := strings.Cut(html.UnescapeString(page.body), `href="/authorize?`)
	link, _, _ = strings.Cut(link, `"`)
	if page.status != http.StatusConflict || !ok {
		t.Fatalf("after the code was redeemed: %d %s", page.status, page.body)
	}
	again := b.send("GET", "/authorize?"+link, "")
	if fresh := again.header.Get("Location"); !strings.HasPrefix(fresh, "/login/") || fresh == c.path {
		t.Errorf("starting again leads to %q", fresh)
	}
	if other := p.browser().send("GET", "/continue/"+c.LoginID, ""); strings.Contains(other.body, "/authorize?") {
		t.Error("another browser is shown the request")
	}
}
