package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/oauth"
)

// The operator reads what a client has to change, in the nearest of what is registered.
func TestExplanationNamesTheNearestAndWhatDiffers(t *testing.T) {
	e := setup(t)
	e.clients["two"].RedirectURIs = []string{"https://wiki.example.com/oauth/callback", "https://grafana.example.com:8443/login/generic_oauth?tenant=1"}
	for given, want := range map[string]string{
		"https://wiki.example.com/oauth/callback/":                        "differs in its trailing slash",
		"http://wiki.example.com/oauth/callback":                          "differs in its scheme",
		"https://wiki.example.com/oauth/callback?next=hunter2":            "is https://wiki.example.com/oauth/callback, which differs in its query",
		"https://wiki.example.org/oauth/callback":                         "differs in its host",
		"https://grafana.example.com/login/generic_oauth?tenant=1":        "is https://grafana.example.com:8443/login/generic_oauth, which differs in its port",
		"https://grafana.example.com:8443/login/GENERIC_OAUTH?tenant=1":   "differs in its path",
		"https://admin:hunter2@wiki.example.com/oauth/callback":           "redirect_uri https://wiki.example.com/oauth/callback is not registered",
		"https://wiki.example.com/oauth/callback#hunter2":                 "differs in its fragment",
		"hunter2hunter2hunter2hunter2hunter2hunter2":                      "redirect_uri (42 bytes) is not registered",
		"com.example.app:/callback?x=hunter2":                             "redirect_uri com.example.app:/callback is not registered",
		"\x00https://wiki.example.com/hunter2hunter2hunter2hunter2hunter": "bytes) is not registered",
	} {
		_, err := e.Authorize(t.Context(), request("client_id", "two", "redirect_uri", given))
		refused := e.refused(err, "invalid_request")
		if refused.ClientID != "two" || !strings.Contains(refused.Why.Cause, want) || strings.Contains(refused.Why.Cause, "hunter2") {
			t.Errorf("%q of client %q: %s", given, refused.ClientID, refused.Why.Cause)
		}
		if strings.Contains(refused.Description, "example.com") {
			t.Errorf("the caller is told: %s", refused.Description)
		}
	}
}

// Whoever puts a secret, a code or a token into another field does not find it in the audit log.
func TestExplanationShowsNoSecretInTheWrongField(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	for _, field := range []string{"client_id", "redirect_uri", "response_type", "response_mode", "code_challenge_method", "resource"} {
		for _, value := range []string{secret, code, verifier} {
			_, err := e.Authorize(t.Context(), request(field, value))
			refused, ok := err.(*oauth.Error)
			if !ok {
				t.Fatalf("%s=%s: %v", field, value, err)
			}
			if why := refused.Why; strings.Contains(why.Cause+why.Expected+why.Given+why.Nearest, value) {
				t.Errorf("%s shows %s: %+v", field, value, why)
			}
		}
	}
	for _, field := range []string{"client_id", "redirect_uri", "grant_type", "code_verifier", "resource", "scope", "code"} {
		for _, value := range []string{secret, "nac_" + verifier} {
			_, err := e.Token(t.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: codeForm(code, field, value)})
			if refused, ok := err.(*oauth.Error); ok {
				if why := refused.Why; strings.Contains(why.Cause+why.Expected+why.Given+why.Nearest, value) {
					t.Errorf("%s of a token request shows %s: %+v", field, value, why)
				}
			}
		}
	}
}

// The operator reads why a code or a refresh token was refused; its sender is told the same of each.
func TestExplanationTellsWhyACodeWasRefused(t *testing.T) {
	e := setup(t)
	code := func() string { return e.signIn(request()).Get("code") }
	expired := code()
	e.exec(`UPDATE logins SET code_expires_at = now() - interval '1 second'`)
	ended := code()
	e.exec(`UPDATE sessions SET ended_at = now()`)
	revoked := e.tokens(codeForm(code())).RefreshToken
	e.exec(`UPDATE grants SET revoked_at = now()`)
	late := e.tokens(codeForm(code())).RefreshToken
	e.exec(`UPDATE grants SET expires_at = now() - interval '1 second'`)
	theirs := e.tokens(codeForm(code())).RefreshToken
	descriptions := map[string]bool{}
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"expired":        {codeForm(expired), "the code has expired"},
		"session ended":  {codeForm(ended), "session that it came of has ended"},
		"other client":   {codeForm(code(), "client_id", "other"), "issued to another client"},
		"redirect":       {codeForm(code(), "redirect_uri", redirect+"/"), "redirect_uri is not the one"},
		"no verifier":    {codeForm(code(), "code_verifier", ""), "code_verifier is missing"},
		"wrong verifier": {codeForm(code(), "code_verifier", strings.Repeat("v", 43)), "code_verifier does not match"},
		"forged":         {codeForm("nac_" + strings.Repeat("A", 80)), "none of this provider's"},
		"revoked":        {refreshForm(revoked), "revoked, or long over"},
		"late":           {refreshForm(late), "expired at"},
		"their token":    {refreshForm(theirs, "client_id", "other"), "issued to another client, web"},
	} {
		_, err := e.post(c.form)
		refused := e.refused(err, "invalid_grant")
		if !strings.Contains(refused.Why.Cause, c.want) || refused.ClientID == "" {
			t.Errorf("%s, client %q: %+v", name, refused.ClientID, refused.Why)
		}
		descriptions[refused.Description] = true
	}
	if len(descriptions) != 1 {
		t.Errorf("senders can tell the causes apart: %v", descriptions)
	}
}
