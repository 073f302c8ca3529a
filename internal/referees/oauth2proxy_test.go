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

// A proxy is oauth2-proxy in front of an application that shows the headers it gets.
type proxy struct {
	base  string
	email func(account string) string // that it takes for an account's
}

func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	const module = "github.com/oauth2-proxy/oauth2-proxy/v7"
	r := call(t, "oauth2-proxy")
	program := r.build("oauth2proxy", module)
	r.version = moduleVersion(r, "oauth2proxy", module)
	s := newSite(r, "")
	staff := newProxy(r, address)
	staff.start(r, program, s.register("staff", "oauth2-proxy", "--url", staff.base, "--admin-group", "staff"))
	// Whose policy gives no address is known by the account id.
	anybody := newProxy(r, func(account string) string { return account })
	anybody.start(r, program, s.register("anybody", "oauth2-proxy", "--url", anybody.base, "--claim-policy", "default"), `oidc_email_claim = "sub"`)
	for _, k := range []kind{ordinary, implicit, punctuated} {
		r.try(k, func(t *testing.T) { staff.signIn(s.person(t, k)) })
	}
	r.try(noEmail, func(t *testing.T) {
		anybody.signIn(s.person(t, noEmail))
		staff.refuses(s.person(t, noEmail))
	})
	r.try(rotation, func(t *testing.T) {
		p := s.person(t, rotation)
		before := staff.signIn(p)
		s.rotate()
		staff.refresh(p, before)
		staff.signIn(s.person(t, rotation))
		staff.signOut(p)
	})
}

func newProxy(t testing.TB, email func(string) string) proxy {
	return proxy{fmt.Sprintf("http://127.0.0.1:%d", trial.FreePort(t)), email}
}

// echo shows a request's headers.
func echo(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(r.Header) // who does not get it fails on it
}

// start runs the proxy with the file that the registration gives, and what the
// recipe says to add to it.
func (x proxy) start(r *referee, program string, g registration, more ...string) {
	r.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(echo))
	r.Cleanup(upstream.Close)
	at, err := url.Parse(x.base)
	if err != nil {
		r.Fatal(err)
	}
	text := g.set(g.paste("/etc/oauth2-proxy.cfg"), "cookie_secret", `"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="`)
	text = g.set(text, "cookie_refresh", `"1s"`) // so that nobody has to wait for it
	text += strings.Join(append(more,
		fmt.Sprintf("http_address = %q", at.Host), fmt.Sprintf("upstreams = [%q]", upstream.URL),
		"cookie_secure = false", "pass_access_token = true", "skip_provider_button = true"), "\n")
	file := filepath.Join(r.TempDir(), "oauth2-proxy.cfg")
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
	account := p.wallet.AccountID
	for name, want := range map[string]string{
		"X-Forwarded-User": account, "X-Forwarded-Preferred-Username": account, "X-Forwarded-Email": x.email(account),
		"X-Forwarded-Groups": strings.Join(p.groups(), ","),
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
	if !p.signed(at) {
		p.Errorf("nothing had to be signed: %q", at.trail)
	}
	return x.shown(p, at)
}

// refuses turns a person away who is in none of the groups, now and later.
func (x proxy) refuses(p *person) {
	p.Helper()
	for range 2 {
		if at := p.open(x.base + "/reports"); at.StatusCode != http.StatusForbidden || !strings.HasPrefix(at.Request.URL.String(), x.base) {
			p.Errorf("%s: %s %s", at.Request.URL, at.Status, at.body)
		}
	}
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
