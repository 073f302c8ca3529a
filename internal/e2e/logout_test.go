package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
)

const afterLogout = appOrigin + "/bye"

// An audience is a relying party's back-channel endpoint: it notes the logout
// tokens that it is sent, and refuses them while it is down.
type audience struct {
	*httptest.Server
	mu     sync.Mutex
	down   bool
	missed int
	heard  []string
}

func newAudience(t testing.TB) *audience {
	a := &audience{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.down {
			a.missed++
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		a.heard = append(a.heard, r.PostFormValue("logout_token"))
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *audience) set(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

func (a *audience) state() (missed int, heard []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.missed, append([]string(nil), a.heard...)
}

// told are clients that want to be told of logouts at these places.
func told(places ...string) string {
	var text strings.Builder
	for i, place := range places {
		fmt.Fprintf(&text, `  - {client_id: told%d, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: [%q], post_logout_redirect_uris: [%q], backchannel_logout_uri: %q}
`, i, redirectURI, afterLogout, place)
	}
	return text.String()
}

// signInTo signs the browser in to a client, or on from its session, and returns the tokens.
func (b *browser) signInTo(clientID string) reply {
	b.Helper()
	q := newRequest(clientID, "openid profile offline_access")
	to := b.send("GET", "/authorize?"+q.form().Encode(), "").header.Get("Location")
	if strings.HasPrefix(to, "/login/") {
		to = b.visit("/authorize?" + q.form().Encode()).String()
	}
	callback, err := url.Parse(to)
	if err != nil {
		b.Fatal(err)
	}
	tokens := b.postForm("/token", q.redeem(callback.Query().Get("code")))
	if tokens.status != http.StatusOK {
		b.Fatalf("token for %s: %d %s", to, tokens.status, tokens.body)
	}
	return tokens
}

func (b *browser) signOut(tokens reply) {
	b.Helper()
	r := b.send("GET", "/logout?"+url.Values{"id_token_hint": {tokens.text("id_token")}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}.Encode(), "")
	if r.status != http.StatusSeeOther || r.header.Get("Location") != afterLogout+"?state=s" {
		b.Fatalf("logout: %d %v %s", r.status, r.header, r.body)
	}
}

// L01, L03, L04, RT05: one logout at one replica ends what three applications
// have at any, and tells each of those that want to know once.
func TestLogoutReachesEveryApplicationOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	apps := []*audience{newAudience(t), newAudience(t)}
	s.more = told(apps[0].URL+"/bcl", apps[1].URL+"/bcl")
	a, b := s.serve(), s.serve()
	alice, elsewhere := a.browser(), b.browser()
	tokens := []reply{alice.signInTo("told0"), alice.at(b).signInTo("told1"), alice.signInTo("rs256")}
	other := elsewhere.signInTo("told0")
	alice.at(b).signOut(tokens[1])
	for i, r := range tokens {
		if info := alice.userInfo(r.text("access_token")); info.status != http.StatusUnauthorized {
			t.Errorf("userinfo %d: %d", i, info.status)
		}
		if again := alice.postForm("/token", refresh([]string{"told0", "told1", "rs256"}[i], r.text("refresh_token"))); again.text("error") != "invalid_grant" {
			t.Errorf("refresh %d: %d %s", i, again.status, again.body)
		}
		if r.text("session_state") != tokens[0].text("session_state") {
			t.Error("one browser, and several sessions")
		}
	}
	if to := alice.send("GET", "/authorize?prompt=none&"+newRequest("rs256", "openid").form().Encode(), "").header.Get("Location"); !strings.Contains(to, "error=login_required") {
		t.Errorf("after the logout: %s", to)
	}
	if info := elsewhere.userInfo(other.text("access_token")); info.status != http.StatusOK {
		t.Errorf("the other browser's token: %d", info.status)
	}
	provider, err := oidc.NewProvider(t.Context(), s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for i, app := range apps {
		eventually(t, "the application is told", 5*time.Second, func() bool { _, heard := app.state(); return len(heard) > 0 })
		_, heard := app.state()
		token, err := provider.Verifier(&oidc.Config{ClientID: fmt.Sprint("told", i)}).Verify(t.Context(), heard[0])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct{ Sid string }
		if err := token.Claims(&claims); err != nil || claims.Sid != tokens[0].text("session_state") || token.Subject != s.alice.AccountID {
			t.Errorf("%+v %s %v", claims, token.Subject, err)
		}
	}
	eventually(t, "the outbox is empty", 5*time.Second, func() bool { return count(t, s.dsn, "SELECT count(*) FROM logout_outbox") == 0 })
	for i, app := range apps {
		if _, heard := app.state(); len(heard) != 1 {
			t.Errorf("application %d was told %d times", i, len(heard))
		}
	}
}

// L01: the logout URL that openid-client builds of the discovery document.
func TestOpenIDClientSignsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = told(newAudience(t).URL + "/bcl")
	p := s.serve()
	got := node(t, p, "openid-client-logout.mjs", map[string]any{
		"issuer": p.issuer, "client_id": "told0", "client_secret": clientSecret, "redirect_uri": redirectURI, "post_logout_redirect_uri": afterLogout,
	})
	b := p.browser()
	if r := b.send("GET", got["end"].(string), ""); r.status != http.StatusSeeOther || r.header.Get("Location") != afterLogout+"?state=s" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	if info := b.userInfo(got["access"]); info.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", info.status)
	}
}

// S09, RT05: the operator signs an account out of every browser and application.
func TestOperatorEndsAllSessionsOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	app := newAudience(t)
	s.more = told(app.URL + "/bcl")
	p := s.serve()
	a, b := p.browser(), p.browser()
	one, two := a.signInTo("told0"), b.signInTo("rs256")
	if out := s.run("session", "end", s.alice.AccountID, "--config", p.config, "-o", "json"); !strings.Contains(out, `"ended": 2`) {
		t.Errorf("session end: %s", out)
	}
	for _, tokens := range []reply{one, two} {
		if info := a.userInfo(tokens.text("access_token")); info.status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d", info.status)
		}
	}
	if r := b.postForm("/token", refresh("rs256", two.text("refresh_token"))); r.text("error") != "invalid_grant" {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	if to := b.send("GET", "/authorize?prompt=none&"+newRequest("rs256", "openid").form().Encode(), "").header.Get("Location"); !strings.Contains(to, "error=login_required") {
		t.Errorf("the session goes on: %s", to)
	}
	eventually(t, "the application is told", 5*time.Second, func() bool { _, heard := app.state(); return len(heard) == 1 })
	if out := s.run("session", "end", s.alice.AccountID, "--config", p.config); !strings.Contains(out, "has no session") {
		t.Errorf("again: %s", out)
	}
}

// L05: neither an outage of the application nor the end of the process that
// tried first loses a logout.
func TestLogoutIsDeliveredAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	app := newAudience(t)
	app.set(true)
	s.more = told(app.URL + "/bcl")
	first := s.serve()
	alice := first.browser()
	alice.signOut(alice.signInTo("told0"))
	eventually(t, "it is tried", 5*time.Second, func() bool { missed, _ := app.state(); return missed > 0 })
	first.Stop()
	app.set(false)
	s.serve()
	eventually(t, "it is tried again", 20*time.Second, func() bool { _, heard := app.state(); return len(heard) == 1 })
	eventually(t, "the outbox is empty", 5*time.Second, func() bool { return count(t, s.dsn, "SELECT count(*) FROM logout_outbox") == 0 })
}

// L05: a provider that is public never talks to its own machine for a client,
// unless its operator allows it.
func TestLogoutTokenIsNeverSentToLoopbackUnlessAllowed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, more, allowed string }{
		{"by default", "", ""}, {"allowed", "outbound: {allow_private: [127.0.0.0/8]}\n", "allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, pgtest.DSN(t))
			canary := newAudience(t)
			s.more = told(canary.URL+"/bcl") + test.more
			s.issuer = "https://id.example.com"
			p := s.serve()
			conn, err := pgx.Connect(t.Context(), s.dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), `INSERT INTO logout_outbox (client_id, sid, subject) VALUES ('told0', 'S', 'alice.testnet')`); err != nil {
				t.Fatal(err)
			}
			outcome := "outbound.allow_private can allow it"
			if test.allowed != "" {
				outcome = "back-channel logout delivered"
			}
			eventually(t, outcome, 5*time.Second, func() bool { return strings.Contains(p.Written.String(), outcome) })
			if missed, heard := canary.state(); len(heard)+missed > 0 != (test.allowed != "") {
				t.Errorf("the canary heard %d", len(heard)+missed)
			}
		})
	}
}
