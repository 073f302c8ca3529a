package web_test

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

func withFedCM(p *provider) { p.fedCM = true }

// A fedCM is what a browser sends by itself for a page of an origin.
type fedCM struct {
	*browser
	origin string
}

func (b *browser) from(origin string) fedCM { return fedCM{b, origin} }

// fedCMParams are those of the public client, with changes like request's.
func fedCMParams(change ...string) map[string]string {
	params := map[string]string{}
	for name, values := range request() {
		params[name] = values[0]
	}
	delete(params, "redirect_uri")
	delete(params, "client_id")
	for i := 0; i < len(change); i += 2 {
		if params[change[i]] = change[i+1]; change[i+1] == "" {
			delete(params, change[i])
		}
	}
	return params
}

// assertion is a body that succeeds, as Chromium 156 sends it.
func assertion(client string, params map[string]string) url.Values {
	text, err := json.Marshal(params)
	if err != nil {
		panic(err) // unreachable: texts always marshal
	}
	return url.Values{
		"client_id": {client}, "account_id": {"alice.testnet"}, "disclosure_text_shown": {"true"}, "disclosure_shown_for": {"name,email,picture"},
		"is_auto_selected": {"false"}, "mode": {"passive"}, "fields": {"name,email,picture"}, "params": {string(text)},
	}
}

func (f fedCM) post(path string, form url.Values, header ...string) reply {
	f.t.Helper()
	return f.postForm(path, form, append([]string{"Origin", f.origin, "Sec-Fetch-Dest", "webidentity", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, header...)...)
}

func (f fedCM) assert(client string, change ...string) reply {
	f.t.Helper()
	return f.post("/fedcm/assert", assertion(client, fedCMParams(change...)))
}

// accounts is the status of the accounts endpoint, and who is listed.
func (b *browser) accounts() (int, map[string]any) {
	b.t.Helper()
	r := b.send("GET", "/fedcm/accounts", "", "Sec-Fetch-Dest", "webidentity", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")
	list, _ := r.json(b.t)["accounts"].([]any)
	if len(list) != 1 {
		return r.status, nil
	}
	return r.status, list[0].(map[string]any)
}

// signedIn is a browser in which alice signed in to the provider.
func (p *provider) signedIn() *browser {
	b := p.browser()
	b.sign()
	return b
}

// sign signs alice in to the application "app", and leaves its code alone.
func (b *browser) sign() reply {
	b.t.Helper()
	c := b.begin()
	r := b.postJSON(c.path+"/verify", answer(b.alice, c), "Sec-Fetch-Site", "same-origin", "Origin", b.issuer)
	if r.status != 200 {
		b.t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	return r
}

// code is that of a token, which must be what a redirect would have brought.
func (b *browser) code(r reply) string {
	b.t.Helper()
	var got struct{ Code, Iss, State string }
	token, _ := r.json(b.t)["token"].(string)
	if err := json.Unmarshal([]byte(token), &got); err != nil || got.Iss != b.issuer || got.State != "st&te=é" || got.Code == "" {
		b.t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return got.Code
}

// refusedWith fails unless an answer is an error with this status and code.
func refusedWith(t *testing.T, what string, r reply, status int, code string) {
	t.Helper()
	told, _ := r.json(t)["error"].(map[string]any)
	if r.status != status || told["code"] != code || strings.Contains(r.body, "token") || strings.Contains(r.body, "continue_on") {
		t.Errorf("%s: %d %s, want %d %s", what, r.status, r.body, status, code)
	}
}

func TestFedCMAnswersWithACodeForTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	r := b.from(appOrigin).assert("app")
	if r.header.Get("Access-Control-Allow-Origin") != appOrigin || r.header.Get("Access-Control-Allow-Credentials") != "true" || r.header.Get("Vary") != "Origin" || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", r.header)
	}
	code := b.code(r)
	bare := func(code string) url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"app"}, "code_verifier": {verifier}}
	}
	// The request named no redirect URI, and so neither must the client (RFC 6749 section 4.1.3).
	tokens := b.postForm("/token", bare(code))
	if tokens.status != 200 {
		t.Fatalf("token: %d %s", tokens.status, tokens.body)
	}
	if claims := payload(t, tokens.json(t)["id_token"].(string)); claims["sub"] != "alice.testnet" || claims["nonce"] != "n-0S6" || claims["aud"] != "app" {
		t.Errorf("ID token %v", claims)
	}
	if again := b.postForm("/token", bare(code)); again.status != 400 {
		t.Errorf("the code was redeemed twice: %s", again.body)
	}
	if named := b.redeem(b.code(b.from(appOrigin).assert("app"))); named.status != 200 {
		t.Errorf("with the redirect URI: %d %s", named.status, named.body)
	}
	// One that is named is bound to, as everywhere.
	code = b.code(b.from(appOrigin).assert("app", "redirect_uri", appURL))
	if other := b.postForm("/token", bare(code)); other.status != 400 {
		t.Errorf("without the redirect URI of the request: %d", other.status)
	}
	wrong := bare(b.code(b.from(appOrigin).assert("app")))
	wrong.Set("code_verifier", strings.Repeat("x", 43))
	if r := b.postForm("/token", wrong); r.status != 400 {
		t.Errorf("with another verifier: %d", r.status)
	}
}

func TestFedCMDocumentsNameTheEndpoints(t *testing.T) {
	t.Parallel()
	b := newProvider(t, withFedCM).browser()
	want := map[string]any{"accounts_endpoint": b.issuer + "/fedcm/accounts", "login_url": b.issuer + "/fedcm/login"}
	known := maps.Clone(want)
	known["provider_urls"] = []any{b.issuer + "/fedcm/config.json"}
	config := maps.Clone(want)
	config["client_metadata_endpoint"], config["id_assertion_endpoint"] = b.issuer+"/fedcm/client", b.issuer+"/fedcm/assert"
	config["disconnect_endpoint"] = b.issuer + "/fedcm/disconnect"
	for path, want := range map[string]map[string]any{"/.well-known/web-identity": known, "/fedcm/config.json": config} {
		r := b.send("GET", path, "")
		if got := r.json(t); r.header.Get("Content-Type") != "application/json" || !equalJSON(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	r := b.send("GET", "/fedcm/client?client_id=app", "", "Sec-Fetch-Dest", "webidentity", "Origin", appOrigin)
	if r.status != 200 || r.header.Get("Access-Control-Allow-Credentials") != "" || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("client: %d %v", r.status, r.header)
	}
	if told := r.json(t); len(told) != 1 || told["privacy_policy_url"] != "https://app.example.com/privacy" {
		t.Errorf("client: %v", told)
	}
	for _, query := range []string{"", "?client_id=nobody", "?client_id=%00", "?client_id=%zz"} {
		if r := b.send("GET", "/fedcm/client"+query, "", "Sec-Fetch-Dest", "webidentity"); r.status != 404 && r.status != 400 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// The cookie and the status follow the session, from the sign-in to the sign-out.
func TestFedCMFollowsTheSession(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.browser()
	if status, _ := b.accounts(); status != 401 {
		t.Errorf("accounts of nobody: %d", status)
	}
	r := b.sign()
	if r.header.Get("Set-Login") != "logged-in" {
		t.Errorf("%v", r.header)
	}
	for _, text := range r.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(text)
		must(t, err)
		switch c.Name {
		case "__Host-idp_fedcm":
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteNoneMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 7000 || c.MaxAge > 7200 {
				t.Errorf("%s", text)
			}
		case "__Host-idp_session":
			if c.SameSite != http.SameSiteLaxMode {
				t.Errorf("%s", text)
			}
		}
	}
	status, alice := b.accounts()
	want := map[string]any{"id": "alice.testnet", "name": "alice.testnet", "username": "alice.testnet", "login_hints": []any{"alice.testnet"}, "approved_clients": []any{}}
	if status != 200 || !equalJSON(alice, want) {
		t.Errorf("accounts: %d %v", status, alice)
	}
	if r := b.redeem(b.code(b.from(appOrigin).assert("app"))); r.status != 200 {
		t.Fatal(r.body)
	}
	if _, alice := b.accounts(); !equalJSON(alice["approved_clients"], []any{"app"}) {
		t.Errorf("after a sign-in: %v", alice)
	}
	out := b.postForm("/logout", url.Values{"decision": {"logout"}}, "Sec-Fetch-Site", "same-origin", "Origin", p.issuer)
	if out.header.Get("Set-Login") != "logged-out" || !slices.ContainsFunc(out.header.Values("Set-Cookie"), func(c string) bool {
		return strings.HasPrefix(c, "__Host-idp_fedcm=;") && strings.Contains(c, "Max-Age=0")
	}) {
		t.Errorf("sign-out: %d %v", out.status, out.header)
	}
	if status, _ := b.accounts(); status != 401 {
		t.Errorf("accounts after the sign-out: %d", status)
	}
}

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

func TestFedCMDisconnectTakesBackWhatWasGranted(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	app := b.from(appOrigin)
	tokens := b.redeem(b.code(app.assert("app"))).json(t)
	form := url.Values{"client_id": {"app"}, "account_hint": {"bob.testnet"}}
	refusedWith(t, "another account", app.post("/fedcm/disconnect", form), 403, "access_denied")
	form.Set("account_hint", "alice.testnet")
	refusedWith(t, "another page", b.from("https://third.example.com").post("/fedcm/disconnect", form), 403, "invalid_request")
	if r := app.post("/fedcm/disconnect", form); r.status != 200 || r.json(t)["account_id"] != "alice.testnet" || r.header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := b.send("GET", "/userinfo", "", "Authorization", "Bearer "+tokens["access_token"].(string)); r.status != 401 {
		t.Errorf("its token still works: %d", r.status)
	}
	if _, alice := b.accounts(); !equalJSON(alice["approved_clients"], []any{}) {
		t.Errorf("approved: %v", alice)
	}
}

// Access policies, blocks and disabled clients hold as for a redirect.
func TestFedCMHoldsToWhoMaySignIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	p.let(idp.AccessPolicy{Allow: []string{"bob.testnet"}})
	r := b.from(appOrigin).assert("app")
	refusedWith(t, "policy", r, 403, "access_denied")
	told := r.json(t)["error"].(map[string]any)
	where, _ := told["url"].(string)
	page := b.send("GET", where, "")
	if page.status != 403 || !strings.Contains(page.body, "alice.testnet") || !strings.Contains(page.body, "has no access") {
		t.Errorf("%q: %d %s", where, page.status, page.body)
	}
	if r := b.send("GET", "/fedcm/refused/nothing", ""); r.status != 404 {
		t.Errorf("another reason: %d", r.status)
	}
	p.access.Store(nothing(t))
	_, err := p.pool.Exec(t.Context(), `INSERT INTO account_blocks (network, account_id, reason) VALUES ('testnet', 'alice.testnet', 'test')`)
	must(t, err)
	refusedWith(t, "blocked", b.from(appOrigin).assert("app"), 401, "login_required")
	if status, _ := b.accounts(); status != 401 {
		t.Errorf("accounts of a blocked account: %d", status)
	}
}
