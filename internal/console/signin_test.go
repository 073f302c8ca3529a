package console_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/console"
)

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func TestSignInAsksForAFreshSignature(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asked := s.browser().begin()
	for name, want := range map[string]string{
		"client_id": "idp-admin", "redirect_uri": adminURL + "/callback", "response_type": "code", "scope": "openid",
		"code_challenge_method": "S256", "prompt": "login", "max_age": "0",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(asked.Get(name)) < 26 {
			t.Errorf("%s is %q", name, asked.Get(name))
		}
	}
}

// G01: nobody sees a page, or that there is one, without a sign-in.
func TestStrangersSeeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range every {
		s.browser().get(path).shut()
	}
	s.browser().post("/sign-out", nil).shut()
	for _, cookie := range []string{"", "x", "x.y", "e30.", base64URL([]byte(`{"sub":"alice.near","sid":"x","exp":9999999999}`)) + "." + base64URL(make([]byte, 32))} {
		b := s.browser()
		b.cookies["__Host-idp_admin"] = cookie
		b.get("/clients").shut()
	}
}

func TestAdministratorSignsInAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, sid := s.signIn(alice)
	b.get("/clients").want(http.StatusOK).says("Clients", "Signed in as alice.near")
	kept := b.cookies["__Host-idp_admin"]
	if got := b.post("/sign-out", nil).want(http.StatusSeeOther).location; got != "/sign-in?signed-out" {
		t.Errorf("sent to %q", got)
	}
	b.get("/sign-in?signed-out").want(http.StatusOK).says("You are signed out")
	// Whoever copied the cookie is out as well.
	b.cookies["__Host-idp_admin"] = kept
	b.get("/clients").shut()
	if _, err := s.store.SessionBySID(t.Context(), sid); err == nil {
		t.Error("the session of the provider lives on")
	}
}

func TestAccountThatIsNotListedIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, subject := range []string{"bob.near", "alice.near.evil.near", "alice.nea"} {
		b := s.browser()
		asked := b.begin()
		s.claims = s.token(asked, subject, s.session(subject, "mainnet"), nil)
		b.get(answer(asked)).want(http.StatusForbidden).says(subject + " is no administrator here")
		b.get("/clients").shut()
	}
}

// Whoever creates an account anew that was deleted is somebody else.
func TestLaterOwnerOfAListedAccountIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	former, _ := s.signIn(alice)
	b := s.browser()
	asked := b.begin()
	s.claims = s.token(asked, "alice.near#2", s.session("alice.near#2", "mainnet"), nil)
	b.get(answer(asked)).want(http.StatusForbidden).says("alice.near#2 is no administrator here")
	former.get("/clients").shut()

	s.admins = []string{"alice.near#2"}
	later, _ := s.signIn("alice.near#2")
	later.get("/clients").want(http.StatusOK)
}

func TestAccountOfAnotherNetworkIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	asked := b.begin()
	s.claims = s.token(asked, alice, s.session(alice, "testnet"), nil)
	b.get(answer(asked)).want(http.StatusBadRequest)
	b.get("/clients").shut()
}

// An answer that this browser did not ask for signs nobody in.
func TestForgedAnswersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sid := s.session(alice, "mainnet")
	forged := map[string]func(b *browser, asked url.Values) string{
		"another state": func(b *browser, asked url.Values) string { asked.Set("state", "x"); return answer(asked) },
		"no state":      func(b *browser, asked url.Values) string { asked.Del("state"); return answer(asked) },
		"no attempt":    func(b *browser, asked url.Values) string { clear(b.cookies); return answer(asked) },
		"a forged attempt": func(b *browser, asked url.Values) string {
			b.cookies["__Host-idp_admin_attempt"] += "A"
			return answer(asked)
		},
		"another issuer": func(b *browser, asked url.Values) string {
			return strings.Replace(answer(asked), "id.example", "evil.example", 1)
		},
		"no issuer": func(b *browser, asked url.Values) string { return "/callback?code=code&state=" + asked.Get("state") },
		"no code": func(b *browser, asked url.Values) string {
			return strings.Replace(answer(asked), "code=code", "code=", 1)
		},
		"a query that is none": func(b *browser, asked url.Values) string { return "/callback?%zz" },
		"too late": func(b *browser, asked url.Values) string {
			s.now = s.now.Add(time.Hour)
			return answer(asked)
		},
		"a code of another browser": func(b *browser, asked url.Values) string {
			victim := s.browser()
			theirs := victim.begin()
			s.claims = s.token(theirs, alice, sid, nil)
			return answer(asked)
		},
	}
	for name, forge := range forged {
		b := s.browser()
		asked := b.begin()
		s.claims = s.token(asked, alice, sid, nil)
		if r := b.get(forge(b, asked)); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.status, r.text())
		}
		b.get("/clients").shut()
	}
}

func TestIDTokenOfSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sid := s.session(alice, "mainnet")
	for name, edit := range map[string]func(map[string]any){
		"another issuer":    func(c map[string]any) { c["iss"] = "https://evil.example" },
		"another client":    func(c map[string]any) { c["aud"] = "grafana" },
		"another sign-in":   func(c map[string]any) { c["nonce"] = "x" },
		"no nonce":          func(c map[string]any) { delete(c, "nonce") },
		"expired":           func(c map[string]any) { c["exp"] = s.now.Unix() },
		"an old signature":  func(c map[string]any) { c["auth_time"] = s.now.Add(-time.Hour).Unix() },
		"no session":        func(c map[string]any) { delete(c, "sid") },
		"an unknown sid":    func(c map[string]any) { c["sid"] = "x" },
		"nobody":            func(c map[string]any) { delete(c, "sub") },
		"somebody else":     func(c map[string]any) { c["sub"] = "bob.near" },
		"several audiences": func(c map[string]any) { c["aud"] = []string{"idp-admin", "grafana"} },
	} {
		b := s.browser()
		asked := b.begin()
		s.claims = s.token(asked, alice, sid, edit)
		if r := b.get(answer(asked)); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.status, r.text())
		}
		b.get("/clients").shut()
	}
}

func TestAnswerIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	asked := b.begin()
	s.claims = s.token(asked, alice, s.session(alice, "mainnet"), nil)
	b.get(answer(asked)).want(http.StatusSeeOther)
	b.get(answer(asked)).want(http.StatusBadRequest)
}

func TestCancellingSignsNobodyIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	asked := b.begin()
	b.get("/callback?error=access_denied&iss=" + issuer + "&state=" + asked.Get("state")).want(http.StatusOK).says("You cancelled")
	asked = b.begin()
	b.get("/callback?error=invalid_scope&error_description=no+such+%3Cb%3E&iss="+issuer+"&state="+asked.Get("state")).want(http.StatusBadRequest).
		says("The provider refused", "no such <b>")
	b.get("/clients").shut()
}

func TestSessionThatEndedElsewhereEndsHere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, sid := s.signIn(alice)
	b.get("/clients").want(http.StatusOK)
	if _, err := s.store.EndSessions(t.Context(), true, sid); err != nil {
		t.Fatal(err)
	}
	b.get("/clients").shut()
}

// An administrator who was blocked is one no more.
func TestBlockedAccountIsOutAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	s.exec(`INSERT INTO account_blocks (network, account_id, reason) VALUES ('mainnet', $1, '')`, alice)
	b.get("/clients").shut()
}

func TestAccountTakenOffTheListIsOutAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	s.admins = []string{"bob.near"}
	b.get("/clients").shut()
	s.admins = nil
	b.get("/clients").shut()
	b.get("/sign-in").want(http.StatusOK).says("Nobody may sign in yet", "accounts: [alice.near]").hides("Sign in with NEAR")
	b.get("/sign-in/start").shut()
}

func TestSignInEndsByItself(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	s.now = s.now.Add(8*time.Hour - time.Minute)
	b.get("/clients").want(http.StatusOK)
	s.now = s.now.Add(2 * time.Minute)
	b.get("/clients").shut()
}

// S07: a page elsewhere cannot have an administrator's browser change anything.
func TestPostOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"},
		{"Sec-Fetch-Site", "", "Origin", "http://admin.example.com"},
	} {
		b.post("/sign-out", nil, headers...).want(http.StatusForbidden)
	}
	b.get("/sign-out").want(http.StatusNotFound)
	b.get("/clients").want(http.StatusOK)
}

func TestSignInNeverLeadsElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "clients", ""} {
		b := s.browser()
		asked, err := url.Parse(b.get("/sign-in/start?" + url.Values{"to": {to}}.Encode()).location)
		if err != nil {
			t.Fatal(err)
		}
		s.claims = s.token(asked.Query(), alice, s.session(alice, "mainnet"), nil)
		if got := b.get(answer(asked.Query())).location; got != "/clients" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	b := s.browser()
	b.get("/clients?q=a").shut()
	asked, err := url.Parse(b.get("/sign-in/start?to=%2Fclients%3Fq%3Da").location)
	if err != nil {
		t.Fatal(err)
	}
	s.claims = s.token(asked.Query(), alice, s.session(alice, "mainnet"), nil)
	if got := b.get(answer(asked.Query())).location; got != "/clients?q=a" {
		t.Errorf("sent to %q", got)
	}
}

func TestCookiesStayHere(t *testing.T) {
	t.Parallel()
	for address, prefix := range map[string]string{adminURL: "__Host-", "http://admin.localhost:8083": ""} {
		s := newSite(t, func(o *console.Options) { o.URL = address })
		rec := httptest.NewRecorder()
		s.server.ServeHTTP(rec, httptest.NewRequest("GET", "/sign-in/start", nil))
		c := rec.Result().Cookies()[0]
		if c.Name != prefix+"idp_admin_attempt" || !c.HttpOnly || c.Secure != (prefix != "") || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: %+v", address, c)
		}
	}
}

// S06: no page needs an exception from the policy, and none is framed or kept.
func TestPagesHaveAStrictPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	for _, path := range append([]string{"/sign-in", "/nothing", "/callback", "/clients/"}, every...) {
		h := b.get(path).header
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'", "form-action 'self'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
	}
}
