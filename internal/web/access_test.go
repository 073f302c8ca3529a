package web_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/postgres"
)

var nobodyButBob = idp.AccessPolicy{Allow: []string{"bob.testnet", "*.bob.testnet"}}

// Single sign-on does not carry an account into an application that it has no access to:
// the person is told so where they can use another one or go back.
func TestDeniedAccountIsStoppedUnderSingleSignOn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	p.let(nobodyButBob)
	r := b.send("GET", "/authorize?"+request().Encode(), "")
	for _, want := range []string{"This account may not sign in to Example &lt;App&gt;", "alice.testnet may not sign in to this application", "Use another account", "Cancel and return to <bdi>Example &lt;App&gt;"} {
		if r.status != http.StatusForbidden || !strings.Contains(r.body, want) {
			t.Errorf("%d, without %q: %s", r.status, want, r.body)
		}
	}
	// Back to the application, which hears of it.
	_, after, _ := strings.Cut(r.body, `action="/login/`)
	id, _, _ := strings.Cut(after, "/")
	gone := b.postForm("/login/"+id+"/cancel", nil, "Sec-Fetch-Site", "same-origin")
	next := html.UnescapeString(b.send("GET", gone.header.Get("Location"), "").body)
	if !strings.Contains(next, appURL+"&error=access_denied") || !strings.Contains(next, url.QueryEscape("st&te=é")) || !strings.Contains(next, "iss="+url.QueryEscape(p.issuer)) {
		t.Errorf("going back: %s", next)
	}
	// Another account.
	bob := p.wallet("bob.testnet")
	r = b.send("GET", "/authorize?"+request().Encode(), "")
	_, after, _ = strings.Cut(r.body, `action="/login/`)
	id, _, _ = strings.Cut(after, "/")
	c := b.challengeOf(id)
	if r := b.postJSON(c.path+"/verify", answer(bob, c)); r.status != http.StatusOK || !strings.Contains(r.body, "code=") {
		t.Errorf("bob: %d %s", r.status, r.body)
	}
	if logged := p.log.String(); !strings.Contains(logged, `does not allow alice.testnet`) {
		t.Errorf("the log does not say why: %s", logged)
	}
}

// A policy that is gone lets nobody in, and the operator is told.
func TestVanishedPolicyLetsNobodyIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	p.access.Store(nothing(t))
	if got := b.authorize("prompt", "none"); got.Query().Get("error") != "access_denied" {
		t.Errorf("%s", got)
	}
	if logged := p.log.String(); !strings.Contains(logged, `the access policy \"members\" is not in the configuration`) {
		t.Errorf("log: %s", logged)
	}
}

// An application that wants nobody to be asked hears of it at once.
func TestSilentRequestOfADeniedAccountIsAnswered(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	p.let(idp.AccessPolicy{Deny: []string{"alice.testnet"}})
	got := b.authorize("prompt", "none").Query()
	if got.Get("error") != "access_denied" || got.Get("state") != "st&te=é" || got.Get("iss") != p.issuer || got.Has("code") {
		t.Errorf("%v", got)
	}
}

// Neither a signature, nor "Continue as", nor the guide's endpoints lead around the policy.
func TestNoWayAroundTheAccessPolicy(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	p.let(nobodyButBob)
	c := b.begin()
	r := b.postJSON(c.path+"/verify", answer(b.alice, c))
	if r.status != http.StatusForbidden || r.json(t)["error"] != "access_denied" || strings.Contains(r.body, "code=") {
		t.Errorf("signed: %d %s", r.status, r.body)
	}
	chosen := b.authorize("prompt", "select_account").Path
	if r := b.postForm(chosen+"/session", nil, "Sec-Fetch-Site", "same-origin"); r.status != http.StatusForbidden || !strings.Contains(r.body, "Use another account") {
		t.Errorf("continue as: %d %s", r.status, r.body)
	}
	form := request()
	embedded := b.postJSON("/api/auth/initiate-login", map[string]string{
		"client_id": "app", "redirect_uri": appURL, "code_challenge": form.Get("code_challenge"), "code_challenge_method": "S256", "scope": "openid",
	}).json(t)
	own := b.challengeOf(embedded["login_id"].(string))
	body := answer(b.alice, own)
	body["login_id"] = own.LoginID
	if r := b.postJSON("/api/auth/verify-login", body); r.status != http.StatusUnauthorized || r.json(t)["error"] != "access_denied" || r.json(t)["code"] != nil {
		t.Errorf("verify-login: %d %s", r.status, r.body)
	}
	// Applications without a policy take her as before.
	if got := b.authorize("client_id", "lax", "redirect_uri", "https://lax.example.com/cb"); got.Query().Get("code") == "" {
		t.Errorf("another application: %s", got)
	}
}

// Who is taken off the list while the consent page is open does not get in by pressing Allow, and
// does not end there either.
func TestConsentOfAnAccountThatWasDeniedMeanwhile(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	at := b.signIn("prompt", "consent login")
	p.let(nobodyButBob)
	path := strings.TrimPrefix(at, p.issuer)
	r := b.postForm(path, url.Values{"decision": {"allow"}}, "Sec-Fetch-Site", "same-origin")
	if r.status != http.StatusForbidden || !strings.Contains(r.body, "has no access") || !strings.Contains(html.UnescapeString(r.body), `href="/authorize?`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := b.send("GET", path, ""); r.status != http.StatusForbidden {
		t.Errorf("the page: %d", r.status)
	}
}

func TestDeviceOfADeniedAccountGetsNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	// Denied before signing in.
	d := p.device("tv", "openid")
	person := p.browser()
	p.let(nobodyButBob)
	id := strings.TrimPrefix(person.enter(d.userCode), "/device/")
	c := person.challengeOf(id)
	if r := person.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != http.StatusForbidden || r.json(t)["error"] != "access_denied" {
		t.Errorf("verify: %d %s", r.status, r.body)
	}
	d.refused("authorization_pending")
	// Denied between signing in and allowing.
	p.let(idp.AccessPolicy{})
	d = p.device("tv", "openid")
	consent := person.signInFor(d.userCode)
	p.let(nobodyButBob)
	if r := person.press(consent, url.Values{"decision": {"allow"}}); !strings.Contains(r.body, "The device was refused") {
		t.Errorf("allow: %d %s", r.status, r.body)
	}
	d.refused("access_denied")
	// Denied between allowing and the device's next poll.
	p.let(idp.AccessPolicy{})
	d, person = p.device("tv", "openid offline_access"), p.browser()
	person.press(person.signInFor(d.userCode), url.Values{"decision": {"allow"}})
	p.let(nobodyButBob)
	d.refused("access_denied")
	p.let(idp.AccessPolicy{})
	d.refused("invalid_grant")
	// A session of such an account is no way in either: a wallet has to sign.
	p.let(nobodyButBob)
	d = p.device("tv", "openid")
	if page := person.send("GET", person.enter(d.userCode), ""); page.status != http.StatusOK || strings.Contains(page.body, `value="allow"`) {
		t.Errorf("with a session: %d %s", page.status, page.body)
	}
}

// A blocked account is told so, on the page without JavaScript too, and not why; the operator is.
func TestBlockedAccountIsToldSo(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	_, err := postgres.New(p.pool).Block(t.Context(), "testnet", "alice.testnet", "a stolen phone")
	must(t, err)
	if got := b.authorize("prompt", "none").Query().Get("error"); got != "login_required" {
		t.Errorf("single sign-on: %s", got)
	}
	if page := b.send("GET", "/account", ""); page.status != http.StatusSeeOther {
		t.Errorf("the account page: %d", page.status)
	}
	c := b.begin()
	out := `{"accountId":"alice.testnet","publicKey":"` + p.alice.PublicKey() + `","signature":"` + p.alice.SignBase58(c.Message, c.NonceBytes, c.Recipient, nil) + `"}`
	r := b.postForm(c.path+"/paste", url.Values{"output": {out}})
	for _, want := range []string{"alice.testnet cannot sign in here", "Use another account", "Cancel and return to <bdi>Example &lt;App&gt;"} {
		if r.status != http.StatusForbidden || !strings.Contains(r.body, want) || strings.Contains(r.body, "stolen") {
			t.Errorf("%d, without %q: %s", r.status, want, r.body)
		}
	}
	if logged := p.log.String(); !strings.Contains(logged, "alice.testnet is blocked: a stolen phone") {
		t.Errorf("log: %s", logged)
	}
}
