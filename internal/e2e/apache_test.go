package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"testing"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// requireApache skips where the system does not package mod_auth_openidc, and fails
// where it does: a test that runs nowhere proves nothing.
func requireApache(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("mod_auth_openidc is taken from Debian's packages")
	}
	if !trial.HasApache() {
		t.Fatal("this test needs apache2 and libapache2-mod-auth-openidc, run: make deps test")
	}
}

// I01: mod_auth_openidc, a resource server that others wrote, asks about access tokens.
func TestModAuthOpenIDCAsksAboutAccessTokens(t *testing.T) {
	t.Parallel()
	requireApache(t)
	p := newSite(t, pgtest.DSN(t)).serve()
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	introspection := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(issuer)) // it insists on https
	t.Cleanup(introspection.Close)
	port := trial.FreePort(t)
	trial.Apache(t, port, fmt.Sprintf(`
OIDCOAuthIntrospectionEndpoint %s/introspect
OIDCOAuthClientID rs256
OIDCOAuthClientSecret %s
OIDCOAuthSSLValidateServer Off
OIDCOAuthTokenIntrospectionInterval -1
OIDCOAuthRemoteUserClaim sub
<Location /api>
  AuthType oauth20
  Require valid-user
  Header always set X-User "expr=%%{REMOTE_USER}"
</Location>
`, introspection.URL, clientSecret))

	b := p.browser()
	tokens := b.signInTo("rs256")
	call := func(token string) reply {
		return b.send("GET", fmt.Sprintf("http://127.0.0.1:%d/api/", port), "", "Authorization", "Bearer "+token)
	}
	if r := call(tokens.text("access_token")); r.status != http.StatusOK || r.header.Get("X-User") != p.alice.AccountID {
		t.Errorf("/api: %d %v", r.status, r.header)
	}
	for what, token := range map[string]string{"an ID token": tokens.text("id_token"), "garbage": "x.y.z"} {
		if r := call(token); r.status != http.StatusUnauthorized {
			t.Errorf("/api with %s: %d", what, r.status)
		}
	}
	b.send("GET", "/logout?id_token_hint="+tokens.text("id_token"), "")
	if r := call(tokens.text("access_token")); r.status != http.StatusUnauthorized {
		t.Errorf("/api after the logout: %d", r.status)
	}
}
