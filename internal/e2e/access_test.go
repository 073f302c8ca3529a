package e2e

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

const (
	staffClient = `  - {client_id: wiki, client_name: Wiki, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], access_policy: staff}
`
	aliceIn  = "access_policies: {staff: {allow: [alice.testnet, \"*.corp.testnet\", \"group:guests\"]}}\ngroups: {guests: [guest.testnet]}\n"
	aliceOut = "access_policies: {staff: {allow: [\"*.corp.testnet\"], deny: [evil.corp.testnet]}}\n"
)

// join gives the site an account with a wallet, and returns what signs as it.
func (s *site) join(account string) *site {
	as := *s
	as.alice = neartest.NewWallet(account)
	s.chain.AddKey(account, as.alice.PublicKey(), neartest.FullAccess)
	return &as
}

// as is the same browser with another wallet in it.
func (b *browser) as(s *site) *browser {
	p := *b.process
	p.site = s
	return &browser{&p, b.http}
}

// U03, S09: one sign-on opens every application but the one whose policy keeps the account
// out, at every replica that has read the policy; and what it had there is over.
func TestAccessPolicyUnderSingleSignOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = staffClient + aliceIn
	before := s.serve()
	s.more = staffClient + aliceOut
	after := s.serve()

	alice := before.browser()
	held := alice.signInTo("wiki")
	alice.at(after).signInTo("rs256") // the same sign-on, an application for everybody
	page := alice.at(after).send("GET", "/authorize?"+newRequest("wiki", "openid").form().Encode(), "")
	for _, want := range []string{"This account may not sign in to Wiki", "alice.testnet", "Use another account", "Cancel and return to <bdi>Wiki"} {
		if page.status != http.StatusForbidden || !strings.Contains(page.body, want) {
			t.Errorf("%d, without %q: %s", page.status, want, page.body)
		}
	}
	q := newRequest("wiki", "openid")
	silent, err := url.Parse(alice.at(after).send("GET", "/authorize?prompt=none&"+q.form().Encode(), "").header.Get("Location"))
	if err != nil || silent.Query().Get("error") != "access_denied" || silent.Query().Get("state") != q.state || silent.Query().Get("iss") != s.issuer {
		t.Errorf("a silent request: %s, %v", silent, err)
	}
	if r := alice.at(after).postForm("/token", refresh("wiki", held.text("refresh_token"))); r.text("error") != "invalid_grant" || !strings.Contains(r.text("error_description"), "may not sign in") {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	if r := alice.postForm("/token", refresh("wiki", held.text("refresh_token"))); r.text("error") != "invalid_grant" {
		t.Errorf("the grant lives at the other replica: %d %s", r.status, r.body)
	}
	// On the page of the refusal another account signs in, and one that is denied does not.
	id := strings.SplitN(strings.SplitN(page.body, `action="/login/`, 2)[1], "/", 2)[0]
	var c challenge
	evil := alice.at(after).as(s.join("evil.corp.testnet"))
	c = evil.challengeAt("/login/" + id)
	if r := evil.postJSON(c.path()+"/verify", evil.answer(c)); r.status != http.StatusForbidden || r.text("error") != "access_denied" {
		t.Errorf("deny does not win: %d %s", r.status, r.body)
	}
	dev := alice.at(after).as(s.join("dev.corp.testnet"))
	if to := dev.approve(c); to.Query().Get("code") == "" || to.Query().Get("iss") != s.issuer {
		t.Errorf("another account: %s", to)
	}
	// Names that look like the policy's, and the parent of its glob.
	for _, account := range []string{"corp.testnet", "evilcorp.testnet", "guest.testnet"} {
		b := after.browser().as(s.join(account))
		c := b.authorize("/authorize?" + newRequest("wiki", "openid").form().Encode())
		if r := b.postJSON(c.path()+"/verify", b.answer(c)); r.text("error") != "access_denied" {
			t.Errorf("%s: %d %s", account, r.status, r.body)
		}
	}
	guest := before.browser().as(s.join("guest.testnet"))
	guest.signInTo("wiki")
	// Going back tells the application.
	r := alice.at(after).send("GET", "/authorize?"+newRequest("wiki", "openid").form().Encode(), "")
	if r.status == http.StatusForbidden {
		t.Errorf("dev.corp.testnet is signed in now: %d", r.status)
	}
	refused := before.browser().at(after)
	c = refused.authorize("/authorize?" + q.form().Encode())
	refused.postJSON(c.path()+"/verify", refused.answer(c))
	gone := refused.postForm(c.path()+"/cancel", nil, "Origin", after.issuer)
	next := html.UnescapeString(refused.send("GET", gone.header.Get("Location"), "").body)
	if !strings.Contains(next, "error=access_denied") || !strings.Contains(next, "state="+q.state) {
		t.Errorf("going back: %d %s", gone.status, next)
	}
}

// The policies of a running provider follow its configuration: who is taken off a list is out
// with the next request, and a list that is taken out altogether lets nobody in until it is back.
func TestPoliciesChangeWhileItRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	const extra = "  shop: {allow: [alice.testnet]}\n"
	s.more = staffClient + "access_policies:\n  staff: {allow: [alice.testnet]}\n" + extra
	p := s.serve()
	secret := filepath.Join(s.dir, "secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("client", "create", "Shop", "--id", "shop", "--redirect-uri", redirectURI, "--first-party", "--secret-file", secret, "--access-policy", "shop", "--local", "--config", p.config)
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	applied := 0
	change := func(old, with string) {
		t.Helper()
		if err := os.WriteFile(p.config, []byte(strings.Replace(string(text), old, with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		applied++
		eventually(t, "the change is in force", 15*time.Second, func() bool { return strings.Count(p.Written.String(), "configuration applied") >= applied })
	}
	alice := p.browser()
	wiki, shop := alice.signInTo("wiki"), alice.signInTo("shop")
	change(extra, "")
	if r := alice.postForm("/token", refresh("shop", shop.text("refresh_token"))); r.status != http.StatusServiceUnavailable || r.text("error") != "temporarily_unavailable" {
		t.Errorf("a refresh without the policy: %d %s", r.status, r.body)
	}
	if to := alice.send("GET", "/authorize?prompt=none&"+newRequest("shop", "openid").form().Encode(), "").header.Get("Location"); !strings.Contains(to, "error=access_denied") {
		t.Errorf("single sign-on without the policy: %s", to)
	}
	if logged := p.Written.String(); !strings.Contains(logged, `access_policy \"shop\" is not known`) {
		t.Error("the log does not tell of the policy that is missing")
	}
	change("staff: {allow: [alice.testnet]}", "staff: {allow: [bob.testnet]}")
	shop = alice.postForm("/token", refresh("shop", shop.text("refresh_token")))
	if shop.status != http.StatusOK {
		t.Errorf("a refresh with the policy back: %d %s", shop.status, shop.body)
	}
	if r := alice.postForm("/token", refresh("wiki", wiki.text("refresh_token"))); r.text("error") != "invalid_grant" {
		t.Errorf("a refresh of who was taken off: %d %s", r.status, r.body)
	}
	if r := alice.send("GET", "/authorize?"+newRequest("wiki", "openid").form().Encode(), ""); r.status != http.StatusForbidden {
		t.Errorf("single sign-on of who was taken off: %d", r.status)
	}
}

// S09, U02: a block ends everything everywhere at once and keeps the account out.
func TestBlockedAccountIsOutEverywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	app := newAudience(t)
	s.more = told(app.URL + "/bcl")
	p := s.serve()
	alice := p.browser()
	tokens := alice.signInTo("told0")
	store, err := postgres.Open(t.Context(), postgres.Options{URL: s.dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	admin := account.Admin{Store: store, Network: s.network}
	if ended, err := admin.Block(t.Context(), "alice.testnet", "stolen phone"); err != nil || ended != 1 {
		t.Fatalf("%d, %v", ended, err)
	}
	if info := alice.userInfo(tokens.text("access_token")); info.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", info.status)
	}
	if r := alice.postForm("/token", refresh("told0", tokens.text("refresh_token"))); r.text("error") != "invalid_grant" {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	if to := alice.send("GET", "/authorize?prompt=none&"+newRequest("told0", "openid").form().Encode(), "").header.Get("Location"); !strings.Contains(to, "error=login_required") {
		t.Errorf("single sign-on: %s", to)
	}
	eventually(t, "the application is told", 5*time.Second, func() bool { _, heard := app.state(); return len(heard) > 0 })
	c := alice.authorize("/authorize?" + newRequest("told0", "openid").form().Encode())
	if r := alice.postJSON(c.path()+"/verify", alice.answer(c)); r.status != http.StatusForbidden || r.text("error") != "account_blocked" ||
		!strings.Contains(r.text("error_description"), "alice.testnet cannot sign in here") || strings.Contains(r.body, "stolen") {
		t.Errorf("a new signature: %d %s", r.status, r.body)
	}
	if err := admin.Unblock(t.Context(), "alice.testnet"); err != nil {
		t.Fatal(err)
	}
	if info := alice.userInfo(tokens.text("access_token")); info.status != http.StatusUnauthorized {
		t.Errorf("an old token revives: %d", info.status)
	}
	alice.approve(c)
}
