package referees

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// A proxy is oauth2-proxy in front of an application that shows the headers it
// gets.
type proxy struct {
	base string
}

func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	const module = "github.com/oauth2-proxy/oauth2-proxy/v7"
	r := call(t, "oauth2-proxy")
	program := r.build("oauth2proxy", module)
	r.version = moduleVersion(r, "oauth2proxy", module)
	staff, anybody := newProxy(r), newProxy(r)
	s := newSite(r, fmt.Sprintf(`clients:
  - {client_id: staff, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["%s/oauth2/callback"]}
  - {client_id: anybody, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["%s/oauth2/callback"]}
`, staff.base, anybody.base))
	staff.start(r, s, program, "staff", `oidc_email_claim = "sub"`)
	anybody.start(r, s, program, "anybody", `oidc_email_claim = "sub"`)
	for _, k := range []kind{ordinary, implicit, punctuated} {
		r.try(k, func(t *testing.T) { staff.signIn(s.person(t, k)) })
	}
	r.try(noEmail, func(t *testing.T) { anybody.signIn(s.person(t, noEmail)) })
	r.try(rotation, func(t *testing.T) {
		p := s.person(t, rotation)
		before := staff.signIn(p)
		s.rotate()
		staff.refresh(p, before)
		staff.signIn(s.person(t, rotation))
		staff.signOut(p)
	})
}

func newProxy(t testing.TB) proxy {
	return proxy{fmt.Sprintf("http://127.0.0.1:%d", trial.FreePort(t))}
}

// echo shows a request's headers.
func echo(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(r.Header) // who does not get it fails on it
}

func (x proxy) start(r *referee, s *site, program, clientID, more string) {
	r.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(echo))
	r.Cleanup(upstream.Close)
	address, err := url.Parse(x.base)
	if err != nil {
		r.Fatal(err)
	}
	file := filepath.Join(r.TempDir(), "oauth2-proxy.cfg")
	text := fmt.Sprintf(`provider = "oidc"
oidc_issuer_url = %q
client_id = %q
client_secret = %q
redirect_url = "%s/oauth2/callback"
scope = "openid profile offline_access"
code_challenge_method = "S256"
oidc_groups_claim = "groups"
email_domains = ["*"]
backend_logout_url = "%[1]s/logout?id_token_hint={id_token}"
cookie_refresh = "1s"
cookie_secret = "0123456789abcdef0123456789abcdef"
cookie_secure = false
http_address = %[5]q
upstreams = [%[6]q]
pass_access_token = true
skip_provider_button = true
%[7]s
`, s.issuer, clientID, clientSecret, x.base, address.Host, upstream.URL, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	trial.Start(r, exec.CommandContext(context.Background(), program, "--config", file), time.Minute, trial.Answers(http.DefaultClient, x.base+"/ping"))
}

// shown is the headers that reach the application for a person who has signed in.
func (x proxy) shown(p *person, at *page) http.Header {
	p.Helper()
	var header http.Header
	if err := json.Unmarshal([]byte(at.body), &header); err != nil || at.StatusCode != http.StatusOK {
		p.Fatalf("%s: %s %s", at.Request.URL, at.Status, at.body)
	}
	for name, want := range map[string]string{
		"X-Forwarded-User": p.wallet.AccountID, "X-Forwarded-Preferred-Username": p.wallet.AccountID, "X-Forwarded-Email": p.wallet.AccountID,
	} {
		if got := strings.Join(header.Values(name), ","); got != want {
			p.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	return header
}

// signIn signs a person in, who is sent there because nobody is signed in.
func (x proxy) signIn(p *person) http.Header {
	p.Helper()
	at := p.open(x.base + "/reports")
	if !strings.Contains(strings.Join(at.trail, " "), p.site.issuer+"/login/") {
		p.Errorf("nothing had to be signed: %q", at.trail)
	}
	return x.shown(p, at)
}

// refresh comes back later: the proxy has renewed the tokens by then.
func (x proxy) refresh(p *person, before http.Header) {
	p.Helper()
	const access = "X-Forwarded-Access-Token"
	trial.Eventually(p, "the proxy renews its tokens", 10*time.Second, func() bool {
		return x.shown(p, p.open(x.base+"/reports")).Get(access) != before.Get(access)
	})
}

// signOut leaves neither the proxy nor the provider with a session.
func (x proxy) signOut(p *person) {
	p.Helper()
	if at := p.open(x.base + "/oauth2/sign_out?rd=/ping"); at.StatusCode != http.StatusOK {
		p.Errorf("signing out: %s %s %s", at.Request.URL, at.Status, at.body)
	}
	x.signIn(p)
}
