package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

const scopeOffline = "openid profile offline_access"

// RT07, L03: every way of losing the key ends the sign-in at the next refresh, on any replica, and
// the person's other applications are told.
func TestRefreshAfterTheKeyIsLostOnChain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(s *site){
		"deleted": func(s *site) { s.chain.RemoveKey(s.alice.AccountID, s.alice.PublicKey()) },
		"demoted": func(s *site) {
			s.chain.AddKey(s.alice.AccountID, s.alice.PublicKey(), neartest.FunctionCall("app.testnet"))
		},
		"account gone": func(s *site) { s.chain.DeleteAccount(s.alice.AccountID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, pgtest.DSN(t))
			app := newAudience(t)
			s.more = told(app.URL + "/bcl")
			alice := s.serve().browser()
			tokens := alice.signInTo("rs256").json()
			alice.signInTo("told0")
			lose(s)
			b := s.serve().browser() // one that has not asked about the key in the last seconds
			r := b.postForm("/token", refresh("rs256", tokens["refresh_token"]))
			if r.status != http.StatusBadRequest || r.text("error") != "invalid_grant" {
				t.Errorf("refresh: %d %s", r.status, r.body)
			}
			if info := b.userInfo(tokens["access_token"]); info.status != http.StatusUnauthorized {
				t.Errorf("userinfo: %d", info.status)
			}
			if got := b.postForm("/introspect", shown("rs256", tokens["access_token"])); strings.TrimSpace(got.body) != `{"active":false}` {
				t.Errorf("introspection: %s", got.body)
			}
			if live := count(t, s.dsn, "SELECT count(*) FROM sessions WHERE ended_at IS NULL"); live != 0 {
				t.Errorf("%d sessions live on", live)
			}
			eventually(t, "the other application is told", 20*time.Second, func() bool { _, heard := app.state(); return len(heard) == 1 })
			open := count(t, s.dsn, "SELECT count(*) FROM subjects WHERE closed_at IS NULL")
			if gone := name == "account gone"; gone != (open == 0) {
				t.Errorf("%d open incarnations", open)
			}
		})
	}
}

// RT07: an RPC outage signs nobody out for a day, and loses no token after it.
func TestRefreshWhileTheRPCIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	tokens := s.serve().signIn("rs256", scopeOffline)
	b := s.serve().browser()
	s.chain.SetMode(neartest.Down500)
	r := b.postForm("/token", refresh("rs256", tokens["refresh_token"]))
	if r.status != http.StatusOK {
		t.Fatalf("within the grace: %d %s", r.status, r.body)
	}
	execute(t, s.dsn, "UPDATE grants SET key_checked_at = now() - interval '25 hours'")
	form := refresh("rs256", r.text("refresh_token"))
	for range 2 {
		if r := b.postForm("/token", form); r.status != http.StatusServiceUnavailable || r.text("error") != "temporarily_unavailable" || r.header.Get("Retry-After") == "" {
			t.Errorf("after it: %d %v %s", r.status, r.header, r.body)
		}
	}
	s.chain.SetMode(neartest.OK)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) { // providers that failed are left out for a while
		if r = b.postForm("/token", form); r.status == http.StatusOK {
			return
		}
		if r.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			t.Fatalf("after the outage: %d %s", r.status, r.body)
		}
	}
}

// G03, S09: a client that is disabled or deleted is at its end at once, on every replica: code
// exchange, refresh, revocation and userinfo.
func TestClientThatIsSwitchedOffIsStoppedEverywhere(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]func(p *process){
		"disabled": func(p *process) { execute(t, p.dsn, "UPDATE clients SET disabled_at = now() WHERE id = 'soon-off'") },
		"deleted":  func(p *process) { p.run("client", "delete", "soon-off", "--yes", "--config", p.config) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newSite(t, pgtest.DSN(t)).serve()
			p.run("client", "create", "App", "--id", "soon-off", "--public", "--redirect-uri", redirectURI, "--first-party", "--config", p.config)
			stopped(t, p, off)
		})
	}
}

func stopped(t *testing.T, p *process, off func(p *process)) {
	t.Helper()
	b, q := p.browser(), newRequest("soon-off", scopeOffline)
	eventually(t, "the client is known", 20*time.Second, func() bool {
		return b.send("GET", "/authorize?"+q.form().Encode(), "").status == http.StatusSeeOther
	})
	public := func(form url.Values) url.Values {
		form.Del("client_secret")
		return form
	}
	tokens := b.postForm("/token", public(q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code"))))
	if tokens.status != http.StatusOK {
		t.Fatalf("token: %d %s", tokens.status, tokens.body)
	}
	code := p.browser().visit("/authorize?" + q.form().Encode()).Query().Get("code")
	other := b.at(p.serve())
	off(p)
	for _, b := range []*browser{b, other} {
		eventually(t, "userinfo stops", 20*time.Second, func() bool { return b.userInfo(tokens.text("access_token")).status == http.StatusUnauthorized })
		for what, r := range map[string]reply{
			"code":    b.postForm("/token", public(q.redeem(code))),
			"refresh": b.postForm("/token", public(refresh("soon-off", tokens.text("refresh_token")))),
			"revoke":  b.postForm("/revoke", public(shown("soon-off", tokens.text("refresh_token")))),
		} {
			if r.status != http.StatusUnauthorized || r.text("error") != "invalid_client" {
				t.Errorf("%s: %d %s", what, r.status, r.body)
			}
		}
	}
}

// RT04: lifetimes of a client's own, from the configuration file to the tokens.
func TestLifetimesOfAClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = `  - {client_id: brief, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"],
     lifetimes: {code: 2s, access_token: 2s, id_token: 3s, refresh_idle: 3s, refresh_absolute: 4s, refresh_grace: 1s}}
`
	p := s.serve()
	b, began := p.browser(), time.Now()
	tokens := p.signIn("brief", scopeOffline)
	if tokens["expires_in"] != float64(2) {
		t.Errorf("expires_in %v", tokens["expires_in"])
	}
	q := newRequest("brief", "openid")
	code := p.browser().visit("/authorize?" + q.form().Encode()).Query().Get("code")

	time.Sleep(2500 * time.Millisecond)
	if r := b.postForm("/token", q.redeem(code)); r.text("error") != "invalid_grant" {
		t.Errorf("a code of 2s: %d %s", r.status, r.body)
	}
	if r := b.userInfo(tokens["access_token"]); r.status != http.StatusUnauthorized {
		t.Errorf("an access token of 2s: %d", r.status)
	}
	if r := b.postForm("/token", refresh("brief", tokens["refresh_token"])); r.status == http.StatusOK {
		tokens = r.json()
	} else if time.Since(began) < 2900*time.Millisecond { // else the machine was too slow for three seconds
		t.Errorf("a refresh token of 3s: %d %s", r.status, r.body)
	}
	time.Sleep(2 * time.Second) // within refresh_idle of the second, past refresh_absolute of the grant
	if r := b.postForm("/token", refresh("brief", tokens["refresh_token"])); r.text("error") != "invalid_grant" {
		t.Errorf("a grant of 4s: %d %s", r.status, r.body)
	}
}

func execute(t testing.TB, dsn, sql string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
