package web

import (
	"net/http"
	"strings"
	"testing"

	"near-idp/internal/oauth"
)

// T06: what is in the query of a token request does not count.
func TestTokenReadsTheBodyAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", "/token?scope=admin", "grant_type=x&code=y", asForm)
	if w.Code != 200 || s.tokenForm.Has("scope") || s.tokenForm.Get("code") != "y" {
		t.Errorf("%d %v", w.Code, s.tokenForm)
	}
	if !strings.Contains(w.Body.String(), `"access_token":"T0KEN"`) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s", w.Body)
	}
	for _, query := range []string{"client_secret=x", "code=x", "refresh_token=x", "grant_type=x", "code_verifier=x", "client_assertion=x", "a=%zz"} {
		if w := s.send("POST", "/token?"+query, "grant_type=x", asForm); w.Code != 400 || !strings.Contains(w.Body.String(), `"invalid_request"`) {
			t.Errorf("%s in the URL: %d %s", query, w.Code, w.Body)
		}
	}
}

// I01, I02: the token to revoke or to ask about is in the body alone, since URLs end up in logs.
func TestRevocationAndIntrospectionReadTheBodyAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, want := range map[string]string{"/revoke": "", "/introspect": `{"active":true}`} {
		if w := s.send("POST", path, "token=T0KEN", asForm); w.Code != 200 || w.Body.String() != want || s.tokenForm.Get("token") != "T0KEN" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, query := range []string{"token=x", "client_secret=x", "a=%zz"} {
			if w := s.send("POST", path+"?"+query, "token=x", asForm); w.Code != 400 {
				t.Errorf("%s with %s in the URL: %d", path, query, w.Code)
			}
		}
		if w := s.send("POST", path, `{"token":"x"}`, header("Content-Type", "application/json")); w.Code != 415 {
			t.Errorf("%s with JSON: %d", path, w.Code)
		}
	}
}

// T05: an error has its status, its challenge, and is not stored.
func TestTokenErrorsAreThoseOfRFC6749(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.tokenErr = &oauth.Error{Status: 401, Code: "invalid_client", Description: "Client authentication failed.", Authenticate: `Basic realm="token"`}
	w := s.send("POST", "/token", "grant_type=x", asForm)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Basic realm="token"` || w.Header().Get("Cache-Control") != "no-store" ||
		w.Header().Get("Pragma") != "no-cache" || !strings.Contains(w.Body.String(), `"error":"invalid_client","error_description":"Client authentication failed."`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// U01: the access token comes in the header or the form, once, and never in the query.
// F02: who uses DPoP is told the next nonce with every answer, and pages elsewhere can read it.
func TestNonceIsOfferedWhereAProofCame(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/token", "/par", "/userinfo"} {
		s := newSite(t)
		authorized := header("Authorization", "DPoP T")
		if path != "/userinfo" {
			authorized = asForm
		}
		if w := s.send("POST", path, "grant_type=x", authorized); w.Header().Get("DPoP-Nonce") != "" {
			t.Errorf("%s without a proof: %q", path, w.Header().Get("DPoP-Nonce"))
		}
		w := s.send("POST", path, "grant_type=x", authorized, header("DPoP", "P"), header("Origin", testOrigin))
		if w.Header().Get("DPoP-Nonce") != "N0NCE" || w.Code >= 300 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if path != "/par" && !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
			t.Errorf("%s hides the nonce from pages", path)
		}
	}
	s := newSite(t)
	s.tokenErr = &oauth.Error{Status: 400, Code: "use_dpop_nonce", Description: "Use it.", Nonce: "FRESH"}
	w := s.send("POST", "/token", "grant_type=x", asForm)
	if w.Code != 400 || w.Header().Get("DPoP-Nonce") != "FRESH" || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), `"use_dpop_nonce"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestUserInfoTakesTheTokenOnce(t *testing.T) {
	t.Parallel()
	const long = 20000
	for _, tt := range []struct {
		name, method, query, body string
		authorization             []string
		status                    int
		authenticate              string
	}{
		{"header", "GET", "", "", []string{"Bearer T"}, 200, ""},
		{"header by post", "POST", "", "", []string{"bearer  T"}, 200, ""},
		{"bound", "GET", "", "", []string{"DPoP T"}, 200, ""},
		{"form", "POST", "", "access_token=T", nil, 200, ""},
		{"none", "GET", "", "", nil, 401, `Bearer, DPoP algs="`},
		{"empty", "GET", "", "", []string{"Bearer "}, 401, "Bearer"},
		{"form in a GET", "GET", "", "access_token=T", nil, 401, "Bearer"},
		{"query", "GET", "?access_token=T", "", nil, 400, `Bearer error="invalid_request"`},
		{"query beside the header", "GET", "?access_token=T", "", []string{"Bearer T"}, 400, `Bearer error="invalid_request"`},
		{"header and form", "POST", "", "access_token=T", []string{"Bearer T"}, 400, `Bearer error="invalid_request"`},
		{"twice in the form", "POST", "", "access_token=T&access_token=T", nil, 400, `Bearer error="invalid_request"`},
		{"two headers", "GET", "", "", []string{"Bearer T", "Bearer U"}, 400, `Bearer error="invalid_request"`},
		{"basic", "GET", "", "", []string{"Basic dDp0"}, 401, `Bearer error="invalid_token"`},
		{"far too long", "GET", "", "", []string{"Bearer " + strings.Repeat("x", long)}, 401, `Bearer error="invalid_token"`},
	} {
		s := newSite(t)
		w := s.send(tt.method, "/userinfo"+tt.query, tt.body, asForm, func(r *http.Request) { r.Header["Authorization"] = tt.authorization })
		if w.Code != tt.status || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), tt.authenticate) {
			t.Errorf("%s: %d %q", tt.name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if tt.status == 200 && s.bearer != "T" {
			t.Errorf("%s: token %q", tt.name, s.bearer)
		}
	}
}
