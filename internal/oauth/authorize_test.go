package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// A06: state is echoed byte for byte, whatever its length, and may be absent.
func TestStateIsEchoedByteExact(t *testing.T) {
	e := setup(t)
	for name, state := range map[string]string{
		"missing": "", "one byte": "x", "4 KiB": strings.Repeat("0123456789abcdef", 256),
		"special": `a b+c%20&d="e'<f>/?#[]`, "unicode": "żółw—漢字", "padded base64url": "YWJjZA==",
	} {
		t.Run(name, func(t *testing.T) {
			got := e.signIn(request("state", state))
			if got.Get("state") != state || got.Has("state") != (state != "") {
				t.Errorf("state %q came back as %q", state, got["state"])
			}
			if got.Get("iss") != issuer { // A05, RFC 9207
				t.Errorf("iss = %q", got.Get("iss"))
			}
		})
	}
}

// A06: a state of more than 4 KiB is refused, and still sent back.
func TestOversizedParametersAreRefused(t *testing.T) {
	e := setup(t)
	for name, value := range map[string]string{
		"state": strings.Repeat("a", 4097), "nonce": strings.Repeat("a", 1025), "scope": "openid " + strings.Repeat("a", 2048),
		"prompt": strings.Repeat("a", 101), "login_hint": strings.Repeat("a", 257), "max_age": strings.Repeat("1", 21),
	} {
		_, err := e.Authorize(t.Context(), request(name, value))
		if got := e.refused(err, "invalid_request"); !strings.HasPrefix(got.RedirectTo, redirect+"?") {
			t.Errorf("%s: answered at %q", name, got.RedirectTo)
		}
	}
}

// R01, R03: until client and redirect URI belong together, nothing redirects.
func TestUntrustedClientOrRedirectNeverRedirects(t *testing.T) {
	e := setup(t)
	for name, form := range map[string]url.Values{
		"no client":        request("client_id", ""),
		"unknown client":   request("client_id", "nobody"),
		"disabled client":  request("client_id", "gone"),
		"prefix":           request("redirect_uri", redirect+"/more"),
		"query":            request("redirect_uri", redirect+"?x=1"),
		"other host":       request("redirect_uri", "https://app.example.com.evil.test/cb"),
		"userinfo":         request("redirect_uri", "https://app.example.com@evil.test/cb"),
		"case":             request("redirect_uri", "https://app.example.com/CB"),
		"fragment":         request("redirect_uri", redirect+"#x"),
		"encoded":          request("redirect_uri", "https://app.example.com/%63b"),
		"dot segments":     request("redirect_uri", "https://app.example.com/x/../cb"),
		"script":           request("redirect_uri", "javascript:alert(1)"),
		"missing":          request("redirect_uri", ""),
		"missing, several": request("client_id", "two", "redirect_uri", "", "scope", "profile"), // R04
		"doubled client":   {"client_id": {"web", "other"}, "redirect_uri": {redirect}, "response_type": {"code"}},
		"doubled redirect": {"client_id": {"web"}, "redirect_uri": {redirect, "https://evil.test"}, "response_type": {"code"}},
	} {
		_, err := e.Authorize(t.Context(), form)
		if got := e.refused(err, "invalid_request"); got.RedirectTo != "" || got.Status != 400 {
			t.Errorf("%s: status %d, redirects to %q", name, got.Status, got.RedirectTo)
		}
	}
}

// A01, A02, A07, A09, A13, A15, P02, P03, P06: what is wrong is told to the client, with state and issuer.
func TestBadRequestsAreToldToTheClient(t *testing.T) {
	e := setup(t)
	double := request()
	double["nonce"] = []string{"a", "b"}
	unknownDouble := request()
	unknownDouble["whatever"] = []string{"a", "b"}
	for name, c := range map[string]struct {
		form url.Values
		code string
	}{
		"no response type":        {request("response_type", ""), "invalid_request"},
		"implicit":                {request("response_type", "token"), "unsupported_response_type"},
		"hybrid":                  {request("response_type", "code id_token"), "unsupported_response_type"},
		"fragment":                {request("response_mode", "fragment"), "invalid_request"},
		"duplicate":               {double, "invalid_request"},
		"duplicate unknown":       {unknownDouble, "invalid_request"},
		"request object":          {request("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
		"request_uri":             {request("request_uri", "http://127.0.0.1:1/canary"), "request_uri_not_supported"},
		"registration":            {request("registration", "{}"), "registration_not_supported"},
		"prompt none and login":   {request("prompt", "none login"), "invalid_request"},
		"max_age word":            {request("max_age", "abc"), "invalid_request"},
		"max_age negative":        {request("max_age", "-1"), "invalid_request"},
		"no PKCE":                 {request("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"no PKCE, public":         {request("client_id", "spa", "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"plain PKCE":              {request("code_challenge_method", "plain"), "invalid_request"},
		"PKCE without method":     {request("code_challenge_method", ""), "invalid_request"},
		"method without PKCE":     {request("client_id", "lax", "code_challenge", ""), "invalid_request"},
		"short challenge":         {request("code_challenge", "abc"), "invalid_request"},
		"long challenge":          {request("code_challenge", strings.Repeat("a", 44)), "invalid_request"},
		"control character":       {request("nonce", "a\r\nSet-Cookie: x"), "invalid_request"},
		"zero byte":               {request("state", "a\x00b"), "invalid_request"},
		"not UTF-8":               {request("state", "a\xffb"), "invalid_request"},
		"control in unused param": {request("login_hint", "\x01"), "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Authorize(t.Context(), c.form)
			got := e.refused(err, c.code)
			u, parseErr := url.Parse(got.RedirectTo)
			if parseErr != nil || !strings.HasPrefix(got.RedirectTo, redirect+"?") {
				t.Fatalf("answered at %q", got.RedirectTo)
			}
			q := u.Query()
			if q.Get("error") != c.code || q.Get("iss") != issuer || q.Get("state") != c.form.Get("state") || q.Has("code") {
				t.Errorf("response %v", q)
			}
			if strings.ContainsFunc(q.Get("error_description"), func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
				t.Errorf("description %q", q.Get("error_description"))
			}
		})
	}
}

// A03, A12: unknown parameters and scopes are ignored and never granted; so is the
// email of a client whose policy has none.
func TestUnknownScopesAndParametersAreIgnored(t *testing.T) {
	e := setup(t)
	q := e.signIn(request("scope", "openid address email user:email profile admin", "approval_prompt", "force", "claims", `{"id_token":{"email":null}}`, "prompt", "create"))
	got := e.tokens(codeForm(q.Get("code")))
	if got.Scope != "openid profile" || got.RefreshToken != "" {
		t.Errorf("granted %q, refresh token %q", got.Scope, got.RefreshToken)
	}
	q = e.signIn(request("client_id", "noscope"))
	if got := e.tokens(codeForm(q.Get("code"), "client_id", "noscope")); got.Scope != "openid" {
		t.Errorf("a client registered for openid was granted %q", got.Scope)
	}
}

// OpenID Connect Core 3.1.2.1: without openid it is plain OAuth, and there is no ID token.
func TestWithoutOpenIDNoIDToken(t *testing.T) {
	e := setup(t)
	q := e.signIn(request("scope", "profile", "redirect_uri", ""))
	got := e.tokens(codeForm(q.Get("code"), "redirect_uri", ""))
	if got.IDToken != "" || got.AccessToken == "" {
		t.Errorf("got %+v", got)
	}
	_, err := e.UserInfo(t.Context(), got.AccessToken)
	if refusal := e.refused(err, "insufficient_scope"); refusal.Status != 403 {
		t.Errorf("status %d", refusal.Status)
	}
}

// The registered query of a redirect URI stays (RFC 6749 section 3.1.2).
func TestRedirectURIKeepsItsQuery(t *testing.T) {
	e := setup(t)
	e.clients["web"].RedirectURIs = []string{redirect + "?tenant=a%20b"}
	l := &idp.Login{ID: "x", ClientID: "web", Params: request("redirect_uri", redirect+"?tenant=a%20b").Encode(), Denied: true}
	got, err := e.Response(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if want := redirect + "?tenant=a%20b&error=access_denied&"; !strings.HasPrefix(got.RedirectTo, want) || got.Code != "" {
		t.Errorf("got %+v, want %s…", got, want)
	}
}
