package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// An apache is Debian's web server with mod_auth_openidc, a relying party and
// resource server that others wrote.
type apache struct {
	*site
	base string
	log  trial.Buffer
}

const apacheModules = "/usr/lib/apache2/modules/"

// requireApache skips where the system does not package the module, and fails
// where it does: a test that runs nowhere proves nothing.
func requireApache(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("mod_auth_openidc is taken from Debian's packages")
	}
	if _, err := os.Stat(apacheModules + "mod_auth_openidc.so"); err != nil {
		t.Fatal("this test needs apache2 and libapache2-mod-auth-openidc, run: make deps test")
	}
}

// newApache starts a server whose /app needs a sign-in at the provider, and
// whose /api needs an access token that the provider vouches for.
func newApache(s *site, port int, introspection string) *apache {
	s.Helper()
	a := &apache{site: s, base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	dir := openDir(s)
	for _, path := range []string{"app", "api", "bye"} {
		if err := os.MkdirAll(filepath.Join(dir, "www", path), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "www", path, "index.html"), []byte(path), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	var text strings.Builder
	for _, module := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc"} {
		fmt.Fprintf(&text, "LoadModule %s_module %smod_%s.so\n", module, apacheModules, module)
	}
	fmt.Fprintf(&text, `
ServerName 127.0.0.1
Listen 127.0.0.1:%d
PidFile %[2]s/pid
DefaultRuntimeDir %[2]s
Mutex sem
ErrorLog /dev/stderr
LogLevel warn auth_openidc:info
DocumentRoot %[2]s/www
DirectoryIndex index.html
DirectorySlash Off

OIDCProviderMetadataURL %[3]s/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret %[4]s
OIDCRedirectURI %[5]s/app/cb
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCScope "openid profile"
OIDCPKCEMethod S256
OIDCSessionType server-cache
OIDCRemoteUserClaim sub
OIDCOAuthIntrospectionEndpoint %[6]s
OIDCOAuthClientID apache
OIDCOAuthClientSecret %[4]s
OIDCOAuthSSLValidateServer Off
OIDCOAuthTokenIntrospectionInterval -1
OIDCOAuthRemoteUserClaim sub

<Location /app>
  AuthType openid-connect
  Require valid-user
  Header always set X-User "expr=%%{REMOTE_USER}"
</Location>
<Location /api>
  AuthType oauth20
  Require valid-user
  Header always set X-User "expr=%%{REMOTE_USER}"
</Location>
<Location /bye>
  Require all granted
</Location>
`, port, dir, s.issuer, clientSecret, a.base, introspection)
	if os.Geteuid() == 0 { // it serves as somebody else
		fmt.Fprintf(&text, "User www-data\nGroup www-data\n")
	}
	file := filepath.Join(dir, "httpd.conf")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), "/usr/sbin/apache2", "-f", file, "-DFOREGROUND")
	cmd.Stderr = &a.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended since
		_ = cmd.Wait()
		if s.Failed() {
			s.Logf("log of Apache:\n%s", tail(a.log.String(), 30))
		}
	})
	eventually(s, "Apache answers", 10*time.Second, func() bool {
		r, err := http.Get(a.base + "/bye/")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
	return a
}

// openDir is a temporary directory that Apache's own user may enter, too.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "idp-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// enter signs the browser in to /app, and returns who Apache says it is.
func (a *apache) enter(b *browser) string {
	b.Helper()
	r := b.send("GET", a.base+"/app/", "", "Accept", "text/html")
	to := r.header.Get("Location")
	if r.status != http.StatusFound || !strings.HasPrefix(to, a.issuer+"/authorize?") {
		b.Fatalf("/app without a session: %d to %q", r.status, to)
	}
	r = b.send("GET", b.visit(to).String(), "")
	if r.status != http.StatusFound || r.header.Get("Location") != a.base+"/app/" {
		b.Fatalf("callback: %d %v %s", r.status, r.header, r.body)
	}
	return a.user(b)
}

// user is who Apache says that the browser is, "" if it must sign in.
func (a *apache) user(b *browser) string {
	b.Helper()
	r := b.send("GET", a.base+"/app/", "", "Accept", "text/html")
	if r.status != http.StatusOK || strings.TrimSpace(r.body) != "app" {
		return ""
	}
	return r.header.Get("X-User")
}

// L01, L03, L04, I01: mod_auth_openidc signs in, signs out, is told of a logout
// that another application began, and asks about access tokens.
func TestModAuthOpenIDC(t *testing.T) {
	t.Parallel()
	requireApache(t)
	s := newSite(t, pgtest.DSN(t))
	port := freePort(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	s.more = fmt.Sprintf(`  - {client_id: apache, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["%[1]s/app/cb", %[2]q], post_logout_redirect_uris: ["%[1]s/bye/"], backchannel_logout_uri: "%[1]s/app/cb?logout=backchannel"}
`, base, redirectURI)
	p := s.serve()
	// It insists on https for introspection.
	issuer, err := url.Parse(s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	introspection := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(issuer))
	t.Cleanup(introspection.Close)
	a := newApache(s, port, introspection.URL+"/introspect")

	b := p.browser()
	if who := a.enter(b); who != s.alice.AccountID {
		t.Fatalf("signed in as %q", who)
	}
	// Its own logout: through the provider, and back.
	r := b.send("GET", a.base+"/app/cb?logout="+url.QueryEscape(a.base+"/bye/"), "")
	to := r.header.Get("Location")
	if r.status != http.StatusFound || !strings.HasPrefix(to, s.issuer+"/logout?") || !strings.Contains(to, "id_token_hint=") {
		t.Fatalf("logout at Apache: %d to %q %s", r.status, to, r.body)
	}
	if r = b.send("GET", to, ""); r.status != http.StatusSeeOther || r.header.Get("Location") != a.base+"/bye/" {
		t.Fatalf("logout at the provider: %d %v %s", r.status, r.header, r.body)
	}
	if who := a.user(b); who != "" {
		t.Errorf("after the logout: %q", who)
	}
	a.enter(b) // asks for a signature, or visit would fail

	// Another application's logout: Apache is told.
	other, elsewhere := b.signInTo("rs256"), p.browser()
	a.enter(elsewhere)
	if r := b.send("GET", "/logout?id_token_hint="+other.text("id_token"), ""); r.status != http.StatusOK {
		t.Fatalf("logout of another application: %d %s", r.status, r.body)
	}
	eventually(t, "Apache ends its session", 10*time.Second, func() bool { return a.user(b) == "" })
	if who := a.user(elsewhere); who != s.alice.AccountID {
		t.Errorf("the other browser is %q", who)
	}

	// As a resource server.
	tokens := elsewhere.signInTo("apache")
	call := func(token string) reply {
		return elsewhere.send("GET", a.base+"/api/", "", "Authorization", "Bearer "+token)
	}
	if r := call(tokens.text("access_token")); r.status != http.StatusOK || r.header.Get("X-User") != s.alice.AccountID {
		t.Errorf("/api: %d %v", r.status, r.header)
	}
	for what, token := range map[string]string{"an ID token": tokens.text("id_token"), "garbage": "x.y.z"} {
		if r := call(token); r.status != http.StatusUnauthorized {
			t.Errorf("/api with %s: %d", what, r.status)
		}
	}
	elsewhere.send("GET", "/logout?id_token_hint="+tokens.text("id_token"), "")
	if r := call(tokens.text("access_token")); r.status != http.StatusUnauthorized {
		t.Errorf("/api after the logout: %d", r.status)
	}
}
