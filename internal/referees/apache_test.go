package referees

import (
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// An apache is Debian's web server with mod_auth_openidc: whoever comes to /app/ must
// sign in, and the answer says as whom. /staff/ is for members of that group.
type apache struct {
	base  string
	email func(account string) string
}

// L01, L03, L04: mod_auth_openidc signs in, signs out, and is told of a logout that
// another application began.
func TestModAuthOpenIDC(t *testing.T) {
	t.Parallel()
	r := call(t, "mod_auth_openidc")
	if !trial.HasApache() {
		r.absent("apache2 and libapache2-mod-auth-openidc are not installed")
	}
	if version, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", "libapache2-mod-auth-openidc").Output(); err == nil {
		r.version = string(version)
	}
	ports := map[string]int{"email": trial.FreePort(r), "default": trial.FreePort(r)} // by claim policy
	var clients strings.Builder
	for policy, port := range ports {
		fmt.Fprintf(&clients, `  - {client_id: apache-%[1]d, claim_policy: %[2]s, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["http://127.0.0.1:%[1]d/app/cb"], post_logout_redirect_uris: ["http://127.0.0.1:%[1]d/bye/"], backchannel_logout_uri: "http://127.0.0.1:%[1]d/app/cb?logout=backchannel"}
`, port, policy)
	}
	s := newSite(r, "clients:\n"+clients.String())
	a, b := newApache(r, s, ports["email"], address), newApache(r, s, ports["default"], func(string) string { return "" })
	for _, k := range []kind{ordinary, implicit, punctuated} {
		r.try(k, func(t *testing.T) { a.signIn(s.person(t, k)) })
	}
	r.try(noEmail, func(t *testing.T) { b.signIn(s.person(t, noEmail)) })
	r.try(rotation, func(t *testing.T) {
		a.signIn(s.person(t, rotation))
		s.rotate()
		p := s.person(t, rotation)
		a.signIn(p)
		a.signOut(p)
		a.isTold(p, b)
	})
}

func newApache(r *referee, s *site, port int, email func(string) string) apache {
	r.Helper()
	a := apache{fmt.Sprintf("http://127.0.0.1:%d", port), email}
	trial.Apache(r, port, fmt.Sprintf(`
OIDCProviderMetadataURL %s/.well-known/openid-configuration
OIDCClientID apache-%d
OIDCClientSecret %s
OIDCRedirectURI %s/app/cb
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCSessionType server-cache
OIDCRemoteUserClaim sub
<Location /app>
  AuthType openid-connect
  Require valid-user
  Header always set X-User "expr=%%{REMOTE_USER}"
  Header always set X-Email "expr=%%{reqenv:OIDC_CLAIM_email}"
</Location>
<Location /staff>
  AuthType openid-connect
  Require claim groups:staff
</Location>
`, s.issuer, port, clientSecret, a.base))
	return a
}

// knows reports whether a page is that of /app/, and of the person.
func (a apache) knows(p *person, at *page) bool {
	return at.Request.URL.String() == a.base+"/app/" && at.StatusCode == http.StatusOK && strings.TrimSpace(at.body) == "app" &&
		at.Header.Get("X-User") == p.wallet.AccountID && at.Header.Get("X-Email") == a.email(p.wallet.AccountID)
}

// signIn signs a person in who has no session anywhere.
func (a apache) signIn(p *person) {
	p.Helper()
	at := p.open(a.base + "/app/")
	if !a.knows(p, at) {
		p.Fatalf("%s: %s %v %s", at.Request.URL, at.Status, at.Header, at.body)
	}
	if !p.signed(at) {
		p.Errorf("nothing had to be signed: %q", at.trail)
	}
	at = p.send(http.MethodGet, a.base+"/staff/", "")
	if in := at.StatusCode == http.StatusOK && strings.TrimSpace(at.body) == "staff"; in != slices.Contains(p.groups(), "staff") {
		p.Errorf("a member of %q at /staff/: %s %s", p.groups(), at.Status, at.body)
	}
}

// signOut leads through the provider, and leaves no session anywhere.
func (a apache) signOut(p *person) {
	p.Helper()
	at := p.open(a.base + "/app/cb?logout=" + url.QueryEscape(a.base+"/bye/"))
	if at.Request.URL.String() != a.base+"/bye/" || !strings.Contains(strings.Join(at.trail, " "), "id_token_hint=") {
		p.Errorf("signing out ends at %s by %q", at.Request.URL, at.trail)
	}
	a.signIn(p)
}

// isTold has the person sign out at another application: the session here ends, and
// only that one.
func (a apache) isTold(p *person, other apache) {
	p.Helper()
	elsewhere := p.site.person(p.T, rotation)
	a.signIn(elsewhere)
	if at := p.open(other.base + "/app/"); !other.knows(p, at) {
		p.Fatalf("the other application: %s %s", at.Request.URL, at.Status)
	}
	p.open(other.base + "/app/cb?logout=" + url.QueryEscape(other.base+"/bye/"))
	trial.Eventually(p, "the session ends", 10*time.Second, func() bool {
		return !a.knows(p, p.send(http.MethodGet, a.base+"/app/", ""))
	})
	if !a.knows(elsewhere, elsewhere.send(http.MethodGet, a.base+"/app/", "")) {
		p.Error("the session of another browser ended, too")
	}
}
