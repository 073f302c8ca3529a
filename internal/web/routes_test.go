package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// H05: 404 and 405 are told apart, with Allow, as a page or as JSON.
func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nope", 404, ""},
		{"GET", "/login", 404, ""},
		{"GET", "/login/" + testID + "/nope", 404, ""},
		{"GET", "/../etc/passwd", 404, ""},
		{"GET", "/static/nope.js", 404, ""},
		{"GET", "/static", 404, ""},
		{"GET", "/static/", 404, ""},
		{"GET", "/token", 405, "OPTIONS, POST"},
		{"GET", "/revoke", 405, "OPTIONS, POST"},
		{"GET", "/introspect", 405, "POST"},
		{"PUT", "/userinfo", 405, "GET, HEAD, OPTIONS, POST"},
		{"GET", "/login/" + testID + "/verify", 405, "POST"},
		{"BREW", "/", 405, "GET, HEAD"},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			w := s.send(tt.method, tt.path, "", header("Accept", accept))
			if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
				t.Errorf("%s %s: %d, Allow %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"))
			}
			if json.Valid(w.Body.Bytes()) != (accept == "application/json") && !strings.HasPrefix(tt.path, "/static/n") {
				t.Errorf("%s %s as %s: %s", tt.method, tt.path, accept, w.Body)
			}
		}
	}
}

// D01: discovery at the issuer with its path, in both forms.
func TestIssuerWithAPath(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Issuer = testIssuer + "/auth/v1" })
	s.login.ConsumedAt, s.login.CodeHash = testNow, []byte("hash")
	for path, status := range map[string]int{
		"/auth/v1": 200, "/auth/v1/": 200, "/": 404, "/authorize": 404, "/auth/v1/jwks": 200, "/auth/v1/healthz": 200, "/healthz": 200, "/readyz": 200,
		"/auth/v1/.well-known/openid-configuration":       200,
		"/auth/v1/.well-known/oauth-authorization-server": 200,
		"/.well-known/oauth-authorization-server/auth/v1": 200, // RFC 8414 section 3.1
		"/.well-known/openid-configuration/auth/v1":       200, // section 5
		"/.well-known/openid-configuration":               404,
		"/auth/v1/continue/" + testID:                     200,
		"/auth/v1/login/" + testID:                        303,
	} {
		w := s.send("GET", path, "", withCookie)
		if w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "/auth/v1/") {
			t.Errorf("%s leads to %s", path, to)
		}
	}
	page := s.send("GET", "/auth/v1/", "").Body.String()
	_, after, ok := strings.Cut(page, `href="/auth/v1/static/style.`)
	if !ok {
		t.Fatalf("no style sheet under the issuer's path: %s", page)
	}
	name, _, _ := strings.Cut(after, `"`)
	if w := s.send("GET", "/auth/v1/static/style."+name, ""); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("style sheet: %d %v", w.Code, w.Header())
	}
	w := s.send("GET", "/auth/v1/authorize?client_id=app", "")
	if c := cookieNamed(w, "__Host-idp_login"); c == nil || c.Path != "/" || w.Header().Get("Location") != "/auth/v1/login/"+testID {
		t.Errorf("%v", w.Header())
	}
}

// D03: the issuer is the operator's, whatever the Host header says.
func TestMetadataIgnoresTheHostHeader(t *testing.T) {
	t.Parallel()
	w := newSite(t).send("GET", "/.well-known/openid-configuration", "", func(r *http.Request) { r.Host = "evil.example" },
		header("X-Forwarded-Host", "evil.example"))
	if strings.Contains(w.Body.String(), "evil") || w.Header().Get("Cache-Control") != "public, max-age=300" || w.Header().Get("Pragma") != "" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func TestDocumentsAreRevalidated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	etag := s.send("GET", "/jwks", "").Header().Get("ETag")
	if w := s.send("GET", "/jwks", "", header("If-None-Match", etag)); etag == "" || w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("%q: %d", etag, w.Code)
	}
}

func TestReadyFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Ready = func(context.Context) error { return errors.New("down") } })
	if w := s.send("GET", "/readyz", ""); w.Code != 503 {
		t.Errorf("readyz: %d", w.Code)
	}
	if w := s.send("GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	s = newSite(t, func(o *Options) { o.Ready = func(context.Context) error { return ErrStopping } })
	if w := s.send("GET", "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "shutting down") {
		t.Errorf("readyz of a process that leaves: %d %s", w.Code, w.Body)
	}
}

func TestOptionsThatNoConfigurationCheckLetsThrough(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"", "id.example.com", "ftp://id.example.com", testIssuer + "/", testIssuer + "?a=b", testIssuer + "#f", "https://%zz"} {
		if _, err := New(Options{Issuer: issuer}); err == nil {
			t.Errorf("issuer %q was taken", issuer)
		}
	}
}
