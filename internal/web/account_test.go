package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var sameSite = []string{"Sec-Fetch-Site", "same-origin"}

// account returns the text of the account page, which the browser is signed in to.
func (b *browser) account() string {
	b.t.Helper()
	page := b.send("GET", "/account", "")
	if page.status != http.StatusOK {
		b.t.Fatalf("account: %d to %q %s", page.status, page.header.Get("Location"), page.body)
	}
	return html.UnescapeString(page.body)
}

// S08, K01: the owner of an account sees each application that may know of them and takes it
// back, with consent, refresh tokens, access tokens and codes.
func TestOwnerDisconnectsAnApplication(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	allowed := b.decide(b.signIn(third...), "allow")
	pending, err := url.Parse(allowed)
	must(t, err)
	own, err := url.Parse(b.signIn())
	must(t, err)
	tokens := b.redeem(own.Query().Get("code")).json(t)

	page := b.account()
	for _, want := range []string{"alice.testnet", "Third <b>Party</b>", "Example <App>", "Keep you signed in", "This browser"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	for _, client := range []string{"third", "app"} {
		r := b.postForm("/account/disconnect", url.Values{"client_id": {client}}, sameSite...)
		if r.status != http.StatusSeeOther || r.header.Get("Location") != "/account" {
			t.Fatalf("disconnect %s: %d %s", client, r.status, r.body)
		}
	}
	if page := b.account(); strings.Contains(page, "Third") || strings.Contains(page, "Example <App>") {
		t.Errorf("still there:\n%s", page)
	}
	if info := b.send("GET", "/userinfo", "", "Authorization", "Bearer "+tokens["access_token"].(string)); info.status != http.StatusUnauthorized {
		t.Errorf("the access token still works: %d", info.status)
	}
	refresh := b.postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}, "client_id": {"app"}})
	if refresh.status != http.StatusBadRequest || refresh.json(t)["error"] != "invalid_grant" {
		t.Errorf("the refresh token still works: %d %s", refresh.status, refresh.body)
	}
	late := b.postForm("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {pending.Query().Get("code")}, "client_id": {"third"},
		"redirect_uri": {"https://third.example.com/cb"}, "code_verifier": {verifier},
	})
	if late.status != http.StatusBadRequest {
		t.Errorf("a code from before still works: %d %s", late.status, late.body)
	}
	if got := b.authorize(third...); !strings.Contains(got.Path, "/consent/") {
		t.Errorf("the next sign-in is not asked about: %s", got)
	}
}

var sidField = regexp.MustCompile(`name="sid" value="([^"]+)"`)

// S08, S09: the owner sees each browser that is signed in, and signs it out.
func TestOwnerSignsOutAnotherBrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	here, lost := p.browser(), p.browser()
	lost.signIn()
	here.signIn()
	page := here.account()
	sids := sidField.FindAllStringSubmatch(page, -1)
	if len(sids) != 2 || strings.Count(page, "the other browser, signed in") != 1 {
		t.Fatalf("%d sessions:\n%s", len(sids), page)
	}
	// This browser comes first.
	if r := here.postForm("/account/sign-out", url.Values{"sid": {sids[1][1]}}, sameSite...); r.status != http.StatusSeeOther {
		t.Fatalf("sign out: %d %s", r.status, r.body)
	}
	if got := lost.authorize("prompt", "none"); got.Query().Get("error") != "login_required" {
		t.Errorf("the lost browser is still signed in: %s", got)
	}
	if got := here.authorize("prompt", "none"); got.Query().Get("code") == "" {
		t.Errorf("this browser is signed out: %s", got)
	}
	r := here.postForm("/account/sign-out", url.Values{"sid": {sids[0][1]}}, sameSite...)
	if r.status != http.StatusSeeOther || r.header.Get("Location") != "/logout" || !strings.Contains(r.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("signing this browser out: %d %v", r.status, r.header)
	}
	if again := here.send("GET", "/account", ""); !strings.HasPrefix(again.header.Get("Location"), "/login/") {
		t.Errorf("the account page without a session: %d %v", again.status, again.header)
	}
}

// S07, S08: nobody else sees or ends anything of the account: no other person, no other site.
func TestAccountIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	alice, bob := p.browser(), p.browser()
	alice.decide(alice.signIn(third...), "allow")
	w := p.wallet("bob.testnet")
	c := bob.begin()
	if r := bob.postJSON(c.path+"/verify", answer(w, c)); r.status != http.StatusOK {
		t.Fatalf("bob: %d %s", r.status, r.body)
	}
	if page := bob.account(); strings.Contains(page, "Third") || strings.Contains(page, "alice") {
		t.Errorf("bob sees:\n%s", page)
	}
	sid := sidField.FindStringSubmatch(alice.account())[1]
	bob.postForm("/account/sign-out", url.Values{"sid": {sid}}, sameSite...)
	bob.postForm("/account/disconnect", url.Values{"client_id": {"third"}}, sameSite...)
	alice.postForm("/account/sign-out", url.Values{"sid": {sid}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	alice.postForm("/account/disconnect", url.Values{"client_id": {"third"}}, "Origin", "https://evil.example")
	if got := alice.authorize(with(third, "prompt", "none")...); got.Query().Get("code") == "" {
		t.Errorf("somebody else's requests had effect: %s", got)
	}
	stranger := p.browser()
	for path, form := range map[string]url.Values{"/account/sign-out": {"sid": {sid}}, "/account/disconnect": {"client_id": {"third"}}} {
		if r := stranger.postForm(path, form, sameSite...); r.status != http.StatusForbidden {
			t.Errorf("%s without a session: %d", path, r.status)
		}
		for _, junk := range []string{"", "\x00", strings.Repeat("a", 65), "a b", "\xff"} {
			for field := range form {
				if r := alice.postForm(path, url.Values{field: {junk}}, sameSite...); r.status != http.StatusBadRequest {
					t.Errorf("%s with %q: %d", path, junk, r.status)
				}
			}
		}
	}
}
