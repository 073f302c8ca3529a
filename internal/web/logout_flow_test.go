package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const afterLogout = appOrigin + "/bye"

// signedIn is a browser with a session, and the tokens of an application that it is signed in to.
func signedIn(p *provider) (*browser, map[string]any) {
	p.t.Helper()
	b := p.browser()
	to, err := url.Parse(b.signIn())
	must(p.t, err)
	return b, b.redeem(to.Query().Get("code")).json(p.t)
}

func logout(pairs ...string) string {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return "/logout?" + form.Encode()
}

// signedOn reports that the provider knows the browser.
func (b *browser) signedOn() bool {
	b.t.Helper()
	return b.authorize("prompt", "none").Query().Get("code") != ""
}

func (p *provider) count(sql string) (n int) {
	p.t.Helper()
	must(p.t, p.pool.QueryRow(p.t.Context(), sql).Scan(&n))
	return n
}

// L01, L03, RT05: an application that proves whose session it is ends it, and gets the person back.
func TestLogoutByTheApplication(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b, tokens := signedIn(p)
	hint, access, refresh := tokens["id_token"].(string), tokens["access_token"].(string), tokens["refresh_token"].(string)
	r := b.send("GET", logout("id_token_hint", hint, "post_logout_redirect_uri", afterLogout, "state", "st&te=é"), "")
	if want := afterLogout + "?state=st%26te%3D%C3%A9"; r.status != http.StatusSeeOther || r.header.Get("Location") != want {
		t.Fatalf("%d to %q, want %q: %s", r.status, r.header.Get("Location"), want, r.body)
	}
	if cookie := r.header.Get("Set-Cookie"); !strings.Contains(cookie, "__Host-idp_session=;") || !strings.Contains(cookie, "Max-Age=0") || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("cookie %q, %q", cookie, r.header.Get("Cache-Control"))
	}
	if b.signedOn() {
		t.Error("the session goes on")
	}
	if r := b.send("GET", "/userinfo", "", "Authorization", "Bearer "+access); r.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", r.status)
	}
	if r := b.postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"app"}}); r.json(t)["error"] != "invalid_grant" {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	if n := p.count(`SELECT count(*) FROM logout_outbox WHERE client_id = 'app' AND subject = 'alice.testnet'`); n != 1 {
		t.Errorf("%d clients are to be told", n)
	}
	// The same link again, and the back button.
	if r := b.send("GET", logout("id_token_hint", hint, "post_logout_redirect_uri", afterLogout), ""); r.header.Get("Location") != afterLogout {
		t.Errorf("again: %d %v", r.status, r.header)
	}
}

// L01: a form of the application's own page reaches the session, too.
func TestLogoutByAFormOfTheApplication(t *testing.T) {
	t.Parallel()
	b, tokens := signedIn(newProvider(t))
	form := url.Values{"id_token_hint": {tokens["id_token"].(string)}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}
	anonymous := &browser{b.provider, &http.Client{Transport: b.client.Transport, CheckRedirect: b.client.CheckRedirect}}
	r := anonymous.postForm("/logout", form, "Sec-Fetch-Site", "cross-site", "Origin", appOrigin) // without the Lax cookie
	to := r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/logout?") {
		t.Fatalf("%d to %q", r.status, to)
	}
	if r = b.send("GET", to, ""); r.header.Get("Location") != afterLogout+"?state=s" || b.signedOn() {
		t.Errorf("%d %v", r.status, r.header)
	}
	// One that comes with its cookies, or from a server, is answered by a page that leads on.
	again, tokens := signedIn(b.provider)
	form.Set("id_token_hint", tokens["id_token"].(string))
	r = again.postForm("/logout", form)
	if page := html.UnescapeString(r.body); r.status != http.StatusOK || !strings.Contains(page, `content="0; url=`+afterLogout+`?state=s"`) || again.signedOn() {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// L01: Keycloak calls from its server, with the hint alone and no cookies, and an expired hint is as good.
func TestLogoutWithoutABrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b, tokens := signedIn(p)
	p.ahead.Store(int64(3 * time.Hour)) // past the token's life, not past PostgreSQL's clock
	r := p.browser().send("GET", logout("state", "abc", "id_token_hint", tokens["id_token"].(string)), "")
	if r.status != http.StatusOK || b.signedOn() {
		t.Errorf("%d %s", r.status, r.body)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)"`)

// L02, S07: whoever proves less than whose session it is ends nothing and is sent
// nowhere; the person is asked, and confirms on our own page alone.
func TestLogoutAsksWhoeverProvesNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b, tokens := signedIn(p)
	hint := tokens["id_token"].(string)
	bob := p.wallet("bob.testnet")
	other := p.browser()
	c := other.begin()
	to, err := url.Parse(other.postJSON(c.path+"/verify", answer(bob, c)).json(t)["redirect_to"].(string))
	must(t, err)
	foreign := other.redeem(to.Query().Get("code")).json(t)["id_token"].(string)
	bad := afterLogout + "?next=https://evil.example"
	for name, request := range map[string]string{
		"no-params":                       logout(),
		"only-state":                      logout("state", "s"),
		"no-id-token-hint":                logout("post_logout_redirect_uri", afterLogout, "state", "s"),
		"no-id-token-hint with client_id": logout("post_logout_redirect_uri", afterLogout, "client_id", "app", "state", "<s>"),
		"bad-id-token-hint":               logout("id_token_hint", "x.y.z", "post_logout_redirect_uri", afterLogout),
		"modified-id-token-hint":          logout("id_token_hint", hint[:len(hint)-4]+"AAAA", "post_logout_redirect_uri", afterLogout),
		"bad-post-logout-redirect-uri":    logout("id_token_hint", hint, "post_logout_redirect_uri", bad),
		"another person's hint":           logout("id_token_hint", foreign, "post_logout_redirect_uri", afterLogout),
		"another client's hint":           logout("id_token_hint", hint, "client_id", "third", "post_logout_redirect_uri", afterLogout),
		"a decision in the query":         logout("decision", "logout"),
	} {
		r := b.send("GET", request, "")
		if r.status != http.StatusOK || r.header.Get("Location") != "" || !strings.Contains(r.body, "Sign out?") || !strings.Contains(r.body, "alice.testnet") || strings.Contains(r.body, "evil.example") {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.body)
		}
		// S05: nobody frames the button.
		if !strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || r.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", name, r.header)
		}
	}
	confirm := url.Values{"decision": {"logout"}}
	for name, headers := range map[string][]string{
		"cross-site":  {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"same-site":   {"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"},
		"old browser": {"Origin", "https://evil.example"},
	} {
		if r := b.postForm("/logout", confirm, headers...); r.status != http.StatusSeeOther || r.header.Get("Location") != "/logout?" {
			t.Errorf("%s: %d %v", name, r.status, r.header)
		}
	}
	if !b.signedOn() || !other.signedOn() {
		t.Fatal("a session ended unasked")
	}
	// What the page says, the person may do; the way to the application is a link.
	page := b.send("GET", logout("post_logout_redirect_uri", afterLogout, "client_id", "app", "state", `"s"`), "")
	for _, field := range hidden.FindAllStringSubmatch(page.body, -1) {
		confirm.Set(field[1], html.UnescapeString(field[2]))
	}
	r := b.postForm("/logout", confirm, "Sec-Fetch-Site", "same-origin", "Origin", "null") // no-referrer makes it null
	if text := html.UnescapeString(r.body); r.status != http.StatusOK || strings.Contains(text, "refresh") || !strings.Contains(text, `href="`+afterLogout+`?state=%22s%22"`) || !strings.Contains(text, "You are signed out") {
		t.Errorf("confirmed: %d %s", r.status, r.body)
	}
	if b.signedOn() {
		t.Error("confirmed, and still signed on")
	}
	if r := b.send("GET", logout(), ""); r.status != http.StatusOK || !strings.Contains(r.body, "You are signed out") {
		t.Errorf("signed out already: %d %s", r.status, r.body)
	}
	if !other.signedOn() {
		t.Error("somebody else's session ended")
	}
}

// A hint from before the person signed in again ends both.
func TestLogoutEndsTheBrowsersLaterSessionToo(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	_, tokens := signedIn(p)
	b, _ := signedIn(p)
	if r := b.send("GET", logout("id_token_hint", tokens["id_token"].(string), "post_logout_redirect_uri", afterLogout), ""); r.status != http.StatusSeeOther {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if n := p.count(`SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 0 || b.signedOn() {
		t.Errorf("%d sessions go on", n)
	}
}

// S02: the cookie of a session that has ended, kept by somebody, opens nothing,
// and a session that is new after a logout has a new secret and a new sid.
func TestEndedSessionCannotBeRevived(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b, tokens := signedIn(p)
	issuer, err := url.Parse(p.issuer)
	must(t, err)
	kept := b.client.Jar.Cookies(issuer)
	b.send("GET", logout("id_token_hint", tokens["id_token"].(string)), "")
	b.client.Jar.SetCookies(issuer, kept)
	if b.signedOn() {
		t.Error("a kept cookie is signed on")
	}
	to, err := url.Parse(b.signIn())
	must(t, err)
	again := b.redeem(to.Query().Get("code")).json(t)
	if again["session_state"] == tokens["session_state"] || again["session_state"] == nil {
		t.Errorf("the sid %v is used again", again["session_state"])
	}
}

// An outage ends nothing half: 503, and the same request works afterwards.
func TestLogoutWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b, tokens := signedIn(p)
	p.pool.Close()
	if r := b.send("GET", logout("id_token_hint", tokens["id_token"].(string)), ""); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v", r.status, r.header)
	}
}
