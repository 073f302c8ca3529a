package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/login"
)

// wallets.md section 7.2, written out again so that no edit of the table passes unseen.
var wantPageHeaders = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin-allow-popups",
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), usb=(), hid=(), bluetooth=(), identity-credentials-get=()",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Strict-Transport-Security":    "max-age=31536000",
}

// pages are all the routes that answer with HTML, and the failures that do.
var pages = []struct {
	name, method, path, body string
	status                   int
	change                   func(*site)
	edits                    []edit
}{
	{name: "home", method: "GET", path: "/", status: 200},
	{name: "authorize", method: "GET", path: "/authorize?client_id=app", status: 303},
	{name: "authorize by post", method: "POST", path: "/authorize", body: "client_id=app", status: 303, edits: []edit{asForm}},
	{name: "bad authorize", method: "GET", path: "/authorize?a=%zz", status: 400},
	{name: "login", method: "GET", path: "/login/" + testID, status: 200},
	{name: "expired login", method: "GET", path: "/login/" + testID, status: 200, change: func(s *site) { s.login.ExpiresAt = testNow }},
	{name: "ended login", method: "GET", path: "/login/" + testID, status: 303, change: func(s *site) { s.login.ConsumedAt = testNow }},
	{name: "unknown login", method: "GET", path: "/login/nope", status: 404, change: func(s *site) { s.findErr = &login.Refusal{Reason: login.NotFound} }},
	{name: "callback", method: "GET", path: "/login/" + testID + "/cb", status: 200},
	{name: "paste", method: "POST", path: "/login/" + testID + "/paste", body: "output=%7B%22signature%22%3A%22x%22%7D", status: 303, edits: []edit{asForm}},
	{name: "refused paste", method: "POST", path: "/login/" + testID + "/paste", body: "output=nothing", status: 400, edits: []edit{asForm}},
	{name: "renew", method: "POST", path: "/login/" + testID + "/renew", status: 303},
	{name: "cancel", method: "POST", path: "/login/" + testID + "/cancel", status: 303},
	{name: "consent", method: "GET", path: "/consent/" + testID, status: 200, change: func(s *site) {
		s.login.ConsumedAt, s.login.Proof = testNow, &idp.Proof{AccountID: "alice.testnet"}
	}},
	{name: "continue", method: "GET", path: "/continue/" + testID, status: 200, change: func(s *site) { s.login.ConsumedAt, s.login.CodeHash = testNow, []byte("hash") }},
	{name: "signed in here", method: "GET", path: "/continue/" + testID, status: 200, change: func(s *site) {
		s.login.ConsumedAt, s.login.ClientID, s.login.Proof = testNow, "", &idp.Proof{AccountID: "alice.testnet"}
	}},
	{name: "cancelled here", method: "GET", path: "/continue/" + testID, status: 200, change: func(s *site) {
		s.login.ConsumedAt, s.login.ClientID, s.login.Denied = testNow, "", true
	}},
	{name: "redeemed", method: "GET", path: "/continue/" + testID, status: 409, change: func(s *site) {
		s.login.ConsumedAt, s.login.CodeHash, s.respErr = testNow, []byte("hash"), idp.ErrUsed
	}},
	{name: "device", method: "GET", path: "/device?user_code=bcdfghjk", status: 200},
	{name: "user code", method: "POST", path: "/device", body: "user_code=bcdf+ghjk", status: 303, edits: []edit{asForm}},
	{name: "wrong user code", method: "POST", path: "/device", body: "user_code=%3Cscript%3E", status: 404, edits: []edit{asForm}},
	{name: "device asks", method: "GET", path: "/device/" + testID, status: 200, change: func(s *site) { s.forDevice() }},
	{name: "no device asks", method: "GET", path: "/device/" + testID, status: 404},
	{name: "device consent", method: "GET", path: "/consent/" + testID, status: 200, change: func(s *site) {
		s.forDevice()
		s.login.ConsumedAt, s.login.Proof = testNow, &idp.Proof{AccountID: "alice.testnet"}
	}},
	{name: "device end", method: "GET", path: "/continue/" + testID, status: 200, change: func(s *site) {
		s.forDevice()
		s.login.ConsumedAt, s.login.CodeHash = testNow, []byte("hash")
	}},
	{name: "outage", method: "GET", path: "/login/" + testID, status: 503, change: func(s *site) { s.findErr = idp.ErrUnavailable }},
	{name: "defect", method: "GET", path: "/login/" + testID, status: 500, change: func(s *site) { s.findErr = errors.New("boom") }},
	{name: "panic", method: "GET", path: "/authorize", status: 500, change: func(s *site) { s.panics = true }},
	{name: "no such page", method: "GET", path: "/nope", status: 404},
	{name: "wrong method", method: "DELETE", path: "/authorize", status: 405},
	{name: "unclean path", method: "GET", path: "//authorize", status: 404},
	{name: "trailing slash", method: "POST", path: "/token/", status: 404},
}

// S05, S06, R07: no page can be framed, failures included.
func TestEveryPageCarriesExactlyTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	incidental := "Content-Type Content-Length Location Set-Cookie Vary X-Request-Id Retry-After Allow"
	for _, tt := range pages {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if tt.change != nil {
				tt.change(s)
			}
			w := s.send(tt.method, tt.path, tt.body, append([]edit{withCookie}, tt.edits...)...)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			for name, want := range wantPageHeaders {
				if got := strings.Join(w.Header().Values(name), "\n"); got != want {
					t.Errorf("%s:\n got %q\nwant %q", name, got, want)
				}
			}
			for name := range w.Header() {
				if _, security := wantPageHeaders[name]; !security && !strings.Contains(incidental, name) {
					t.Errorf("unexpected header %s: %s", name, w.Header().Get(name))
				}
			}
			if w.Body.Len() > 0 && w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
			}
			if w.Code == http.StatusTemporaryRedirect {
				t.Error("a 307 posts credentials on")
			}
		})
	}
}

func TestErrorPagesShowTheRequestID(t *testing.T) {
	t.Parallel()
	for _, tt := range pages {
		if tt.status < 400 {
			continue
		}
		s := newSite(t)
		if tt.change != nil {
			tt.change(s)
		}
		w := s.send(tt.method, tt.path, tt.body, append([]edit{withCookie}, tt.edits...)...)
		if id := w.Header().Get("X-Request-Id"); id == "" || !strings.Contains(w.Body.String(), id) {
			t.Errorf("%s: the page does not show the request id %q", tt.name, id)
		}
	}
}

// T05, S05: what carries tokens is stored nowhere and shown in no frame.
func TestAPIsAreNeverStoredNorFramed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/token", "grant_type=x"}, {"POST", "/device_authorization", "client_id=app"}, {"POST", "/revoke", "token=x"}, {"POST", "/introspect", "token=x"}, {"GET", "/userinfo", ""}, {"POST", "/api/auth/initiate-login", ""},
		{"POST", "/login/" + testID + "/verify", "{}"}, {"GET", "/readyz", ""}, {"GET", "/healthz", ""},
	} {
		w := s.send(tt.method, tt.path, tt.body, asForm)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff",
			"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %s: %s = %q, want %q", tt.method, tt.path, name, got, want)
			}
		}
	}
}

func TestLoopbackIssuerSendsNoTransportSecurity(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Issuer = "http://localhost:8080" })
	if got := s.send("GET", "/", "").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS on http: %q", got)
	}
}
