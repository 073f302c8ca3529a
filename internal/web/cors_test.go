package web

import (
	"net/http"
	"strings"
	"testing"
)

// A11, D04: everybody reads discovery and keys, registered origins token and userinfo, nobody
// the pages.
func TestCORS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, path, origin string
		status               int
		allowed              string
	}{
		{"GET", "/.well-known/openid-configuration", "https://anyone.example", 200, "*"},
		{"GET", "/.well-known/oauth-authorization-server", "https://anyone.example", 200, "*"},
		{"GET", "/jwks", "null", 200, "*"},
		{"GET", "/jwks", "", 200, "*"},
		{"OPTIONS", "/jwks", "https://anyone.example", 204, "*"},
		{"POST", "/token", testOrigin, 200, testOrigin},
		{"POST", "/token", "https://evil.example", 200, ""},
		{"OPTIONS", "/token", testOrigin, 204, testOrigin},
		{"OPTIONS", "/token", "https://evil.example", 403, ""},
		{"OPTIONS", "/token", testOrigin + ".evil.example", 403, ""},
		{"OPTIONS", "/token", "null", 403, ""},
		{"POST", "/revoke", testOrigin, 200, testOrigin},
		{"POST", "/revoke", "https://evil.example", 200, ""},
		{"OPTIONS", "/revoke", testOrigin, 204, testOrigin},
		{"OPTIONS", "/revoke", "https://evil.example", 403, ""},
		{"POST", "/introspect", testOrigin, 200, ""}, // pages have no secret to ask with
		{"OPTIONS", "/introspect", testOrigin, 405, ""},
		{"GET", "/userinfo", testOrigin, 401, testOrigin},
		{"OPTIONS", "/userinfo", testOrigin, 204, testOrigin},
		{"OPTIONS", "/api/auth/initiate-login", testOrigin, 204, testOrigin},
		{"OPTIONS", "/api/auth/verify-login", "https://evil.example", 403, ""},
		{"GET", "/authorize?client_id=app", testOrigin, 303, ""},
		{"GET", "/login/" + testID, testOrigin, 200, ""},
		{"GET", "/login/" + testID + "/cb", testOrigin, 200, ""},
		{"OPTIONS", "/authorize", testOrigin, 405, ""},
		{"GET", "/device", testOrigin, 200, ""},
		{"GET", "/consent/" + testID, testOrigin, 303, ""},
		{"OPTIONS", "/device", testOrigin, 405, ""},
		{"POST", "/device_authorization", testOrigin, 200, ""},
		{"OPTIONS", "/login/" + testID + "/verify", testOrigin, 405, ""},
		{"POST", "/login/" + testID + "/verify", testOrigin, 403, ""},
	} {
		s := newSite(t)
		w := s.send(tt.method, tt.path, "", header("Origin", tt.origin), asForm, withCookie, func(r *http.Request) {
			if tt.origin == "" {
				r.Header.Del("Origin")
			}
		})
		if w.Code != tt.status || w.Header().Get("Access-Control-Allow-Origin") != tt.allowed {
			t.Errorf("%s %s from %q: %d, allowed %q; want %d, %q", tt.method, tt.path, tt.origin,
				w.Code, w.Header().Get("Access-Control-Allow-Origin"), tt.status, tt.allowed)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s: credentials are allowed", tt.method, tt.path)
		}
		if tt.allowed == testOrigin && !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Origin") {
			t.Errorf("%s %s: Vary %q", tt.method, tt.path, w.Header().Values("Vary"))
		}
	}
}

func TestPreflightNamesMethodsAndHeaders(t *testing.T) {
	t.Parallel()
	w := newSite(t).send("OPTIONS", "/userinfo", "", header("Origin", testOrigin), header("Access-Control-Request-Headers", "authorization"))
	if got := w.Header().Get("Access-Control-Allow-Methods"); got != "GET, POST" {
		t.Errorf("methods %q", got)
	}
	if got := w.Header().Get("Access-Control-Allow-Headers"); got != "Authorization, Content-Type, DPoP" {
		t.Errorf("headers %q", got)
	}
}

// TestOtherSitesCannotActForThePerson: forced cancel, login CSRF and the like.
func TestOtherSitesCannotActForThePerson(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"verify", "paste", "renew", "cancel"} {
		for _, tt := range []struct {
			name  string
			edits []edit
			want  bool
		}{
			{"cross-site", []edit{crossed, header("Origin", "https://evil.example")}, false},
			{"sibling", []edit{header("Sec-Fetch-Site", "same-site"), header("Origin", "https://evil.id.example.com")}, false},
			{"registered client", []edit{crossed, header("Origin", testOrigin)}, false},
			{"old browser", []edit{header("Origin", "https://evil.example")}, false},
			{"sandboxed frame", []edit{crossed, header("Origin", "null")}, false},
			{"own form under no-referrer", []edit{header("Sec-Fetch-Site", "same-origin"), header("Origin", "null")}, true},
			{"own page", []edit{header("Sec-Fetch-Site", "same-origin"), header("Origin", testIssuer)}, true},
			{"old browser, own page, Host changed by a proxy", []edit{header("Origin", testIssuer)}, true},
			{"command line", nil, true},
		} {
			s := newSite(t)
			s.login.BrowserHash = []byte("A")
			edits := append([]edit{withCookie, asForm}, tt.edits...)
			body := "output=%7B%22signature%22%3A%22x%22%7D"
			if path == "verify" {
				edits, body = append(edits, asJSON), "{}"
			}
			w := s.send("POST", "/login/"+testID+"/"+path, body, edits...)
			if allowed := w.Code < 400; allowed != tt.want {
				t.Errorf("%s by %s: %d %s", path, tt.name, w.Code, w.Body)
			}
		}
	}
}

func TestUnregisteredOriginsCannotSignTheirVisitorsIn(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/auth/initiate-login", "/api/auth/verify-login"} {
		for name, edits := range map[string][]edit{
			"unregistered": {header("Origin", "https://evil.example"), crossed},
			"opaque":       {header("Origin", "null"), crossed},
			"no origin":    {crossed},
			"old browser":  {header("Origin", "https://evil.example")},
		} {
			s := newSite(t)
			s.login.BrowserHash = nil
			w := s.send("POST", path, `{"authToken":"x"}`, append(edits, asJSON)...)
			if w.Code != 403 || !strings.Contains(w.Body.String(), `"success":false`) || len(w.Result().Cookies()) != 0 {
				t.Errorf("%s, %s: %d %s", path, name, w.Code, w.Body)
			}
		}
	}
}

// The code of an embedded login goes to the caller, so a page of one client
// must not collect those of another.
func TestEmbeddedLoginBelongsToTheClientsOwnPages(t *testing.T) {
	t.Parallel()
	const request = `{"client_id":"app","redirect_uri":"` + callback + `","code_challenge":"x","code_challenge_method":"S256"}`
	for origin, want := range map[string]int{testOrigin: 200, "https://other.example.com": 403} {
		s := newSite(t)
		s.login.BrowserHash = nil
		edits := []edit{asJSON, crossed, header("Origin", origin)}
		if w := s.send("POST", "/api/auth/initiate-login", request, edits...); w.Code != want {
			t.Errorf("initiate from %s: %d %s", origin, w.Code, w.Body)
		}
		if w := s.send("POST", "/api/auth/verify-login", `{"authToken":"x"}`, edits...); w.Code != want {
			t.Errorf("verify from %s: %d %s", origin, w.Code, w.Body)
		}
	}
}
