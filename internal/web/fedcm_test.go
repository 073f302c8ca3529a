package web_test

import (
	"encoding/json"
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
