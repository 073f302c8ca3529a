package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAuthorizeBindsTheBrowser(t *testing.T) {
	t.Parallel()
	for issuer, name := range map[string]string{testIssuer: "__Host-idp_login", "http://127.0.0.1:8080": "idp_login"} {
		s := newSite(t, func(o *Options) { o.Issuer = issuer })
		w := s.send("GET", "/authorize?client_id=app&state=s", "")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login/"+testID {
			t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
		}
		c := cookieNamed(w, name)
		if c == nil {
			t.Fatalf("%s: no cookie %s: %v", issuer, name, w.Header())
		}
		secure := strings.HasPrefix(issuer, "https")
		if c.Value != s.began.Browser || len(c.Value) != 43 || !c.HttpOnly || c.Secure != secure || c.Path != "/" || c.Domain != "" ||
			c.SameSite != http.SameSiteLaxMode || c.MaxAge != 86400 {
			t.Errorf("cookie %+v", c)
		}
	}
}

func TestSecondTabKeepsTheBindingOfTheFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("GET", "/authorize?client_id=app", "", withCookie)
	if s.began.Browser != browserA || cookieNamed(w, "__Host-idp_login").Value != browserA {
		t.Errorf("the binding changed to %q", s.began.Browser)
	}
}

func TestMalformedLoginCookieIsReplaced(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"short", browserA + "A", strings.Repeat("é", 43), browserA[:42] + "=", ""} {
		s := newSite(t)
		s.send("GET", "/authorize?client_id=app", "", header("Cookie", "__Host-idp_login="+bad))
		if s.began.Browser == bad || len(s.began.Browser) != 43 {
			t.Errorf("%q was taken: %q", bad, s.began.Browser)
		}
	}
}

// On https the plain name could be planted by a sibling host or over http.
func TestUnprefixedCookieIsIgnoredOnHTTPS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.send("GET", "/authorize?client_id=app", "", header("Cookie", "idp_login="+browserA))
	if s.began.Browser == browserA {
		t.Error("a planted cookie binds the browser")
	}
}

// A POST from another site carries no Lax cookie; answering it with a new one
// would cut off the logins of the browser's other tabs.
func TestCrossSitePostToAuthorizeSetsNoCookie(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", "/authorize", "client_id=app&state=a%2Bb%20c", asForm, crossed, header("Origin", testOrigin))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/authorize?client_id=app&state=a%2Bb+c" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	if len(w.Result().Cookies()) != 0 || s.began.Client != nil {
		t.Errorf("began a login: %v", w.Header())
	}
	w = s.send("GET", w.Header().Get("Location"), "", withCookie)
	if w.Header().Get("Location") != "/login/"+testID || s.began.State != "a+b c" || s.began.Browser != browserA {
		t.Errorf("%v, %+v", w.Header(), s.began)
	}
	s.send("POST", "/authorize", "client_id=app&state="+strings.Repeat("x", maxRedirectedQuery), asForm)
	if s.began.Browser == "" {
		t.Error("a request too long for a query did not begin at once")
	}
}

// S02: the session cookie carries the __Host- prefix and its attributes.
func TestVerifyStartsTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", "/login/"+testID+"/verify", `{"account_id":"alice.testnet"}`, asJSON, withCookie)
	c := cookieNamed(w, "__Host-idp_session")
	if c == nil || c.Value != "S3SSION" || !c.HttpOnly || !c.Secure || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 3600 {
		t.Fatalf("%v %s", c, w.Body)
	}
	s.outcome.SessionSecret = ""
	w = s.send("POST", "/login/"+testID+"/verify", `{"account_id":"alice.testnet"}`, asJSON, withCookie)
	if w.Code != 200 || cookieNamed(w, "__Host-idp_session") != nil {
		t.Errorf("a repeated proof touched the session: %d %v", w.Code, w.Header())
	}
}

func TestOnlyTheRightCallerGetsASessionFromTheAPI(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		clientID string
		edits    []edit
		want     bool
	}{
		{"command line", "", nil, true},
		{"our own page", "", []edit{header("Origin", testIssuer), header("Sec-Fetch-Site", "same-origin")}, true},
		{"registered page elsewhere", "", []edit{header("Origin", testOrigin), crossed}, false},
		{"login of a client", "app", nil, false},
	} {
		s := newSite(t)
		s.login.BrowserHash, s.login.ClientID = nil, tt.clientID
		w := s.send("POST", "/api/auth/verify-login", `{"authToken":"x"}`, append(tt.edits, asJSON)...)
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		if got := cookieNamed(w, "__Host-idp_session") != nil; got != tt.want {
			t.Errorf("%s: session cookie %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSessionCookieEndsWithTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Now = func() time.Time { return testNow.Add(59 * time.Minute) } })
	s.login.ExpiresAt = testNow.Add(2 * time.Hour)
	w := s.send("POST", "/login/"+testID+"/verify", `{}`, asJSON, withCookie)
	if c := cookieNamed(w, "__Host-idp_session"); c == nil || c.MaxAge != 60 {
		t.Errorf("%v", c)
	}
}
