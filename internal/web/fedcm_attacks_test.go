package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/neartest"
)

// B01: a page elsewhere can make a browser send the cookie, but not this header.
func TestFedCMRequestsThatAPageMadeAreRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	for _, dest := range []string{"", "empty", "image", "document", "iframe", "WebIdentity", "webidentity, empty"} {
		for path, method := range map[string]string{"/fedcm/accounts": "GET", "/fedcm/client?client_id=app": "GET", "/fedcm/assert": "POST", "/fedcm/disconnect": "POST"} {
			header := []string{"Origin", appOrigin, "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded"}
			if dest != "" {
				header = append(header, "Sec-Fetch-Dest", dest)
			}
			r := b.send(method, path, assertion("app", fedCMParams()).Encode(), header...)
			refusedWith(t, dest+" "+path, r, 403, "invalid_request")
			if strings.Contains(r.body, "alice") || r.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s may be read: %v %s", dest, path, r.header, r.body)
			}
		}
	}
	accounts := b.send("GET", "/fedcm/accounts", "", "Sec-Fetch-Dest", "webidentity", "Origin", appOrigin)
	if accounts.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a page may read who is signed in: %v", accounts.header)
	}
	for _, path := range []string{"/fedcm/assert", "/fedcm/disconnect"} {
		if r := b.send("GET", path+"?"+assertion("app", fedCMParams()).Encode(), "", "Sec-Fetch-Dest", "webidentity", "Origin", appOrigin); r.status != 405 {
			t.Errorf("GET %s: %d", path, r.status)
		}
		if r := b.send("OPTIONS", path, "", "Origin", appOrigin, "Access-Control-Request-Method", "POST"); r.status != 405 || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS %s: %d %v", path, r.status, r.header)
		}
	}
}

// B02: the origin is compared whole: scheme, host and port.
func TestFedCMCodesGoToOriginsOfTheClientAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	for _, origin := range []string{
		"", "null", "https://app.example.evil", "https://app.example.com.evil.example", "https://evilapp.example.com", "https://evil.example/?https://app.example.com",
		"http://app.example.com", "https://app.example.com:8443", "https://app.example.com:443", "https://app.example.com/", "https://app.example.com/cb", "https://APP.example.com",
		"https://user@app.example.com", "https://third.example.com", "https://app.example.com https://evil.example", p.issuer,
	} {
		for _, path := range []string{"/fedcm/assert", "/fedcm/disconnect"} {
			form := assertion("app", fedCMParams())
			form.Set("account_hint", "alice.testnet")
			r := b.from(origin).post(path, form)
			refusedWith(t, path+" from "+origin, r, 403, "invalid_request")
			if r.header.Get("Access-Control-Allow-Origin") != "" || r.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%q may read the answer: %v", origin, r.header)
			}
		}
	}
	twice, err := http.NewRequestWithContext(t.Context(), "POST", p.issuer+"/fedcm/assert", strings.NewReader(assertion("app", fedCMParams()).Encode()))
	must(t, err)
	twice.Header = http.Header{"Origin": {appOrigin, "https://evil.example"}, "Sec-Fetch-Dest": {"webidentity"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	resp, err := b.client.Do(twice)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("two origins: %d", resp.StatusCode)
	}
	for client, why := range map[string]string{"third": "of another origin", "tv": "without redirect URIs", "nobody": "unknown", "": "missing", "a\x00b": "malformed"} {
		r := b.from(appOrigin).assert(client)
		if r.status != 403 && r.status != 400 || r.json(t)["token"] != nil || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("client %q, %s: %d %s", client, why, r.status, r.body)
		}
	}
	for name, redirect := range map[string]string{"another path": appOrigin + "/other", "another's": "https://third.example.com/cb", "elsewhere": "https://evil.example/cb", "a prefix": appURL + "&x=y"} {
		refusedWith(t, name, b.from(appOrigin).assert("app", "redirect_uri", redirect), 400, "invalid_request")
	}
}

func TestFedCMRefusesMalformedRequests(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	app := b.from(appOrigin)
	for name, params := range map[string]string{
		"nothing": "", "no object": "[]", "null": "null", "a text": `"x"`, "cut": `{"scope":"openid"`, "two": "{}{}", "empty": "{}", "not UTF-8": "{\"state\":\"\xff\"}",
		"a list": `{"response_type":["code"]}`, "deep": strings.Repeat("[", 4000),
	} {
		form := assertion("app", nil)
		form.Set("params", params)
		refusedWith(t, name, app.post("/fedcm/assert", form), 400, "invalid_request")
	}
	for _, change := range [][]string{
		{"response_type", ""}, {"response_type", "token"}, {"response_mode", "query"}, {"response_mode", "fedcm"}, {"request_uri", "https://evil.example"}, {"request", "e30."},
		{"code_challenge", ""}, {"code_challenge_method", "plain"}, {"code_challenge_method", ""}, {"code_challenge", "short"}, {"client_id", "third"},
		{"state", strings.Repeat("s", 4097)}, {"nonce", "a\x00b"}, {"max_age", "-1"}, {"prompt", "none login"}, {"resource", "https://files.example.com"}, {"id_token_hint", "e30.e30.e30"},
	} {
		r := app.assert("app", change...)
		told, _ := r.json(t)["error"].(map[string]any)
		if r.status != 400 || told["code"] == nil || told["code"] == "" || r.header.Get("Access-Control-Allow-Origin") != appOrigin {
			t.Errorf("%v: %d %s", change, r.status, r.body)
		}
	}
	refusedWith(t, "no PKCE", b.from("https://lax.example.com").assert("lax", "code_challenge", "", "code_challenge_method", ""), 400, "invalid_request")
	refusedWith(t, "not pushed", b.from("https://pushing.example.com").assert("pushing"), 400, "invalid_request")
	if r := app.assert("app", "state", strings.Repeat("s", 17<<10)); r.status != 413 {
		t.Errorf("huge: %d %s", r.status, r.body)
	}
	twice := assertion("app", fedCMParams())
	twice.Add("client_id", "third")
	refusedWith(t, "a field twice", app.post("/fedcm/assert", twice), 400, "invalid_request")
	if r := b.postJSON("/fedcm/assert", "{}", "Origin", appOrigin, "Sec-Fetch-Dest", "webidentity"); r.status != 415 {
		t.Errorf("JSON: %d", r.status)
	}
	if r := b.from("https://lax.example.com").assert("lax"); r.status != 200 || r.json(t)["token"] == nil {
		t.Errorf("a confidential client with PKCE: %d %s", r.status, r.body)
	}
}

// B05
func TestFedCMNeedsTheSessionOfTheAccount(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	app := b.from(appOrigin)
	for _, account := range []string{"", "bob.testnet", "Alice.testnet", "alice.testnet#2", "alice.testnet ", "alice.testnet\x00"} {
		form := assertion("app", fedCMParams())
		form.Set("account_id", account)
		refusedWith(t, "account "+account, app.post("/fedcm/assert", form), 403, "access_denied")
	}
	refusedWith(t, "no cookie", p.browser().from(appOrigin).assert("app"), 401, "login_required")
	// What was recorded is worth nothing once the session has ended; until then it gives its client codes of its own.
	first, second := b.code(app.assert("app")), b.code(app.assert("app"))
	if first == second {
		t.Error("the same code twice")
	}
	kept := b.keep()
	b.postForm("/logout", url.Values{"decision": {"logout"}}, "Sec-Fetch-Site", "same-origin", "Origin", p.issuer)
	refusedWith(t, "replayed after the sign-out", kept.from(appOrigin).assert("app"), 401, "login_required")
	if r := b.redeem(first); r.status != 400 {
		t.Errorf("a code of a session that ended: %d %s", r.status, r.body)
	}
}

// keep is a browser that holds the cookies which this one has now.
func (b *browser) keep() *browser {
	other, at := b.browser(), b.at()
	other.client.Jar.SetCookies(at, b.client.Jar.Cookies(at))
	return other
}

func (p *provider) at() *url.URL {
	at, err := url.Parse(p.issuer)
	must(p.t, err)
	return at
}

// held is the value of one of the browser's cookies.
func (b *browser) held(name string) string {
	for _, c := range b.client.Jar.Cookies(b.at()) {
		if c.Name == "__Host-"+name {
			return c.Value
		}
	}
	b.t.Fatalf("no cookie %s", name)
	return ""
}

// with is a browser with this cookie alone.
func (p *provider) with(name, value string) *browser {
	b := p.browser()
	b.client.Jar.SetCookies(p.at(), []*http.Cookie{{Name: "__Host-" + name, Value: value, Path: "/", Secure: true}})
	return b
}

// B03: the cookie that goes along from other sites opens nothing else, and no other cookie stands for it.
func TestFedCMCookieIsNoSessionCookie(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	fedCM, session := b.held("idp_fedcm"), b.held("idp_session")
	sid, mac, _ := strings.Cut(fedCM, ".")
	for _, secret := range []string{fedCM, sid, mac, sid + sid} {
		r := p.with("idp_session", secret).send("GET", "/account", "")
		if r.status != 303 || !strings.HasPrefix(r.header.Get("Location"), "/login/") {
			t.Errorf("%s opens the account page: %d", secret, r.status)
		}
	}
	bob := p.browser()
	bob.signAs(p.wallet("bob.testnet"))
	other, _, _ := strings.Cut(bob.held("idp_fedcm"), ".")
	for name, secret := range map[string]string{
		"the session's": session, "no MAC": sid, "an empty MAC": sid + ".", "another's MAC": other + "." + mac, "no session": strings.Repeat("A", 26) + "." + mac,
		"a forged MAC": sid + "." + strings.Repeat("A", 43), "another ending": fedCM[:len(fedCM)-1] + string(fedCM[len(fedCM)-1]^1), "more": fedCM + "A", "the browser's": b.held("idp_login"),
	} {
		if status, _ := p.with("idp_fedcm", secret).accounts(); status != 401 {
			t.Errorf("%s lists accounts: %d", name, status)
		}
	}
	if status, _ := p.with("idp_fedcm", fedCM).accounts(); status != 200 {
		t.Errorf("the cookie itself: %d", status)
	}
	if status, _ := p.with("idp_session", session).accounts(); status != 401 {
		t.Errorf("the session cookie alone: %d", status)
	}
	b.sign() // the session keeps its sid and changes its secret
	if status, _ := p.with("idp_fedcm", fedCM).accounts(); status != 401 || b.held("idp_fedcm") == fedCM {
		t.Errorf("the cookie of before the new sign-in: %d", status)
	}
}

// signAs is sign with another wallet.
func (b *browser) signAs(w *neartest.Wallet) {
	b.t.Helper()
	c := b.begin()
	if r := b.postJSON(c.path+"/verify", answer(w, c), "Sec-Fetch-Site", "same-origin"); r.status != 200 {
		b.t.Fatalf("sign in: %d %s", r.status, r.body)
	}
}

// B04: whoever could open a window's address in somebody else's window would be handed that
// person's code for a challenge of their own.
func TestFedCMWindowBelongsToTheSessionThatAsked(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b, mallory := p.signedIn(), p.browser()
	mallory.signAs(p.wallet("mallory.testnet"))
	form := assertion("app", fedCMParams("prompt", "consent"))
	form.Set("account_id", "mallory.testnet")
	lure, _ := mallory.from(appOrigin).post("/fedcm/assert", form).json(t)["continue_on"].(string)
	if r := b.send("GET", lure, ""); lure == "" || r.status != 403 || !strings.Contains(r.body, "wrong_browser") {
		t.Errorf("%q: %d %s", lure, r.status, r.body)
	}
	if r := p.browser().send("GET", lure, ""); r.status != 403 {
		t.Errorf("in a browser where nobody is signed in: %d", r.status)
	}
	own, err := url.Parse(lure)
	must(t, err)
	handle := own.Query().Get("request")
	for name, query := range map[string]url.Values{
		"another client": {"client_id": {"third"}, "request": {handle}}, "unknown": {"client_id": {"app"}, "request": {"nope"}}, "no handle": {"client_id": {"app"}},
	} {
		if r := mallory.send("GET", "/fedcm/continue?"+query.Encode(), ""); r.status != 410 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if r := mallory.send("GET", "/fedcm/continue?request="+handle, ""); r.status != 400 {
		t.Errorf("no client: %d", r.status)
	}
	// Neither kind of handle serves for the other.
	at := url.Values{"client_id": {"app"}, "request_uri": {"urn:ietf:params:oauth:request_uri:" + handle}}
	if r := mallory.send("GET", "/authorize?"+at.Encode(), ""); r.status != 400 || r.header.Get("Location") != "" {
		t.Errorf("at the authorization endpoint: %d %v", r.status, r.header)
	}
	pushed, _ := mallory.postForm("/par", request()).json(t)["request_uri"].(string)
	query := url.Values{"client_id": {"app"}, "request": {strings.TrimPrefix(pushed, "urn:ietf:params:oauth:request_uri:")}}
	if r := mallory.send("GET", "/fedcm/continue?"+query.Encode(), ""); pushed == "" || r.status != 410 {
		t.Errorf("a pushed request: %d", r.status)
	}
	if r := mallory.send("GET", lure, ""); r.status != 303 {
		t.Errorf("in its own browser: %d", r.status)
	}
}

// A link cannot make an ordinary request one whose code goes to the browser.
func TestFedCMIsNoParameterOfTheAuthorizationEndpoint(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	form := request("_fedcm", appURL, "_sid", "X", "response_mode", "")
	for _, path := range []string{"/authorize?" + form.Encode(), "/authorize?" + request("_fedcm", "https://third.example.com/cb").Encode()} {
		if to := b.send("GET", path, "").header.Get("Location"); !strings.HasPrefix(to, appURL+"&code=") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
	if r := b.send("GET", "/authorize?"+request("response_mode", "fedcm").Encode(), ""); !strings.Contains(r.header.Get("Location"), "error=invalid_request") {
		t.Errorf("%d %v", r.status, r.header)
	}
}

// B06
func TestFedCMOffIsNotThere(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	if r := b.sign(); r.header.Get("Set-Login") != "" || strings.Contains(strings.Join(r.header.Values("Set-Cookie"), "\n"), "fedcm") {
		t.Errorf("%v", r.header)
	}
	for _, path := range []string{"/.well-known/web-identity", "/fedcm/config.json", "/fedcm/accounts", "/fedcm/client?client_id=app", "/fedcm/login", "/fedcm/continue", "/fedcm/refused/access_denied"} {
		if r := b.send("GET", path, "", "Sec-Fetch-Dest", "webidentity"); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	for _, path := range []string{"/fedcm/assert", "/fedcm/disconnect"} {
		if r := b.from(appOrigin).post(path, assertion("app", fedCMParams())); r.status != 404 || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	out := b.postForm("/logout", url.Values{"decision": {"logout"}}, "Sec-Fetch-Site", "same-origin", "Origin", p.issuer)
	if out.header.Get("Set-Login") != "" || strings.Contains(strings.Join(out.header.Values("Set-Cookie"), "\n"), "fedcm") {
		t.Errorf("sign-out: %v", out.header)
	}
}

// What is refused is recorded with its client, and what is answered as a sign-in by the session.
func TestFedCMIsAuditedLikeARedirect(t *testing.T) {
	t.Parallel()
	p := newProvider(t, withFedCM)
	b := p.signedIn()
	b.code(b.from(appOrigin).assert("app"))
	var resumed int
	must(t, p.pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_events WHERE type = 'login.resumed' AND client_id = 'app' AND account_id = 'alice.testnet'`).Scan(&resumed))
	if resumed != 1 {
		t.Errorf("%d sign-ins", resumed)
	}
	b.from("https://evil.example").assert("app")
	if logged := p.log.String(); !strings.Contains(logged, `"route":"POST /fedcm/assert"`) || !strings.Contains(logged, `"reason":"origin_not_allowed"`) || strings.Contains(logged, b.held("idp_fedcm")) {
		t.Error(logged)
	}
}
