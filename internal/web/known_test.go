package web_test

import (
	"crypto/rand"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/neartest"
)

// knownCookie is the one that names accounts, as a browser without a domain's prefix sends it.
const knownCookie = "__Host-idp_accounts"

// knows are the accounts that the browser holds the names of.
func (b *browser) knows() (value string, accounts []string) {
	b.t.Helper()
	u, err := url.Parse(b.issuer)
	must(b.t, err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == knownCookie {
			_, list, _ := strings.Cut(c.Value, ".")
			return c.Value, strings.Split(list, "|")
		}
	}
	return "", nil
}

func (b *browser) setKnown(value string) {
	b.t.Helper()
	u, err := url.Parse(b.issuer)
	must(b.t, err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: knownCookie, Value: value, Path: "/", Secure: true}})
}

// as signs in with this wallet.
func (b *browser) as(w *neartest.Wallet) {
	b.t.Helper()
	c := b.begin()
	if r := b.postJSON(c.path+"/verify", answer(w, c)); r.status != http.StatusOK {
		b.t.Fatalf("verify: %d %s", r.status, r.body)
	}
}

// chooser asks for a choice of accounts and returns the path and text of the page.
func (b *browser) chooser(change ...string) (path, text string) {
	b.t.Helper()
	path = b.authorize(append([]string{"prompt", "select_account"}, change...)...).Path
	return path, b.page(path)
}

func (b *browser) pick(path, account string) string {
	b.t.Helper()
	r := b.pressOwn(path+"/account", url.Values{"account": {account}})
	if r.status != http.StatusSeeOther {
		b.t.Fatalf("pick %s: %d %s", account, r.status, r.body)
	}
	return r.header.Get("Location")
}

// The browser remembers who has signed in in it: the last five, the last one first; one is
// offered to go on, the others to sign, and each can be forgotten.
func TestBrowserRemembersItsAccounts(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a2"} {
		b.as(p.wallet(name + ".testnet"))
	}
	if _, got := b.knows(); strings.Join(got, " ") != "a2.testnet a6.testnet a5.testnet a4.testnet a3.testnet" {
		t.Errorf("remembered %v", got)
	}
	path, text := b.chooser()
	if !strings.Contains(text, "Continue as <bdi>a2.testnet") || strings.Count(text, "Signed out") != 4 || strings.Contains(text, "a1.testnet") {
		t.Errorf("offered:\n%s", text)
	}
	if r := b.pressOwn(path+"/forget", url.Values{"account": {"a6.testnet"}}); r.header.Get("Location") != path {
		t.Errorf("forget: %d %v", r.status, r.header)
	}
	if text := b.page(path); strings.Contains(text, "a6.testnet") || !strings.Contains(text, "a5.testnet") {
		t.Errorf("after forgetting one:\n%s", text)
	}
	if r := b.postForm("/account/forget", url.Values{"account": {""}}, "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden {
		t.Errorf("another site makes it forget: %d", r.status)
	}
	b.pressOwn("/account/forget", url.Values{"account": {""}})
	if value, got := b.knows(); value != "" {
		t.Errorf("after forgetting all: %v", got)
	}
	if _, text := b.chooser(); !strings.Contains(text, "Continue as <bdi>a2.testnet") || strings.Contains(text, "Signed out") {
		t.Errorf("after forgetting all:\n%s", text)
	}
	if text := b.page(b.authorize("prompt", "login").Path); strings.Contains(text, "Continue as") {
		t.Error("a choice is offered where none was asked for")
	}
}

// Y05: signing out leaves the name, unless the person wants the browser to forget it, too.
func TestSignOutCanForgetTheBrowser(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	b.signIn()
	b.pressOwn("/logout", url.Values{"decision": {"logout"}})
	if _, text := b.chooser(); !strings.Contains(text, "Signed out") || strings.Contains(text, "Continue as") {
		t.Errorf("signed out:\n%s", text)
	}
	b.signIn()
	if text := b.page("/logout"); !strings.Contains(text, "forget this browser") {
		t.Errorf("the question:\n%s", text)
	}
	if r := b.postForm("/logout", url.Values{"decision": {"forget"}}, "Sec-Fetch-Site", "cross-site"); r.status == http.StatusOK {
		t.Errorf("another site signs out: %d", r.status)
	}
	if value, _ := b.knows(); value == "" {
		t.Error("another site made the browser forget")
	}
	b.pressOwn("/logout", url.Values{"decision": {"forget"}})
	if value, _ := b.knows(); value != "" {
		t.Errorf("remembered: %s", value)
	}
	if got := b.authorize("prompt", "none"); got.Query().Get("error") != "login_required" {
		t.Errorf("still signed in: %s", got)
	}
}

// S04, Y05: a name in the list is a hint and no more: it never signs in without a signature of its own
// account, whether it was remembered, made up, or is the session's where a new signature is asked for.
func TestListedAccountNeedsItsWallet(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	bob := p.wallet("bob.testnet")
	b.signIn()
	b.as(bob)
	state := strings.Repeat("é&=+ %\"'<", 409) + "sixsix"
	path, _ := b.chooser("state", state)
	if r := b.pressOwn(path+"/account", url.Values{"account": {"carol.testnet"}}); r.header.Get("Location") != path {
		t.Errorf("an account that is not listed: %v", r.header)
	}
	chosen := b.pick(path, "alice.testnet")
	text := b.page(chosen)
	if chosen == path || !strings.Contains(text, "Use the account") || strings.Contains(text, "Continue as") || strings.Contains(text, "Signed out") {
		t.Errorf("after the choice, %s:\n%s", chosen, text)
	}
	if r := b.pressOwn(chosen+"/session", nil); r.header.Get("Location") != chosen {
		t.Errorf("bob's session stands in for alice's: %v", r.header)
	}
	c := b.challengeOf(strings.TrimPrefix(chosen, "/login/"))
	if r := b.postJSON(c.path+"/verify", answer(bob, c)); r.status != http.StatusForbidden || r.json(t)["error"] != "wrong_account" {
		t.Errorf("bob signs where alice was chosen: %d %s", r.status, r.body)
	}
	to, err := url.Parse(b.signInWith(c))
	must(t, err)
	if got := to.Query().Get("state"); got != state || to.Query().Get("code") == "" {
		t.Errorf("state of %d bytes came back as %d: %s", len(state), len(got), to)
	}
	if claims := payload(t, b.redeem(to.Query().Get("code")).json(t)["id_token"].(string)); claims["sub"] != "alice.testnet" {
		t.Errorf("signed in as %v", claims["sub"])
	}
	for _, change := range [][]string{{"prompt", "select_account login"}, {"max_age", "0"}, {"max_age", "100000"}} {
		path, text := b.chooser(change...)
		if strings.Contains(text, "Continue as") || !strings.Contains(text, "alice.testnet") {
			t.Errorf("%v offers:\n%s", change, text)
		}
		if r := b.pressOwn(path+"/session", nil); r.header.Get("Location") != path {
			t.Errorf("%v: a session stood in: %v", change, r.header)
		}
	}
	path, _ = b.chooser()
	other := html.UnescapeString(b.send("GET", b.pick(path, "bob.testnet"), "").body)
	_, link, _ := strings.Cut(other, `<a href="`)
	link, _, _ = strings.Cut(link, `"`)
	if again := b.send("GET", link, "").header.Get("Location"); !strings.HasPrefix(again, "/login/") || !strings.Contains(b.page(again), "Continue as") {
		t.Errorf("another account than the chosen one: %q leads to %q", link, again)
	}
}

// S04, Y05: what the provider has not written is not listed, and breaks nothing; nor is what another
// provider wrote.
func TestForgedListOfAccountsShowsNothing(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	b.pressOwn("/logout", url.Values{"decision": {"logout"}})
	genuine, _ := b.knows()
	if genuine == "" {
		t.Fatal("nothing is remembered")
	}
	mac, _, _ := strings.Cut(genuine, ".")
	other := newProvider(t).browser()
	other.signIn()
	elsewhere, _ := other.knows()
	for name, value := range map[string]string{
		"another name":     mac + ".evil.testnet",
		"one more name":    genuine + "|evil.testnet",
		"no MAC":           ".evil.testnet",
		"random":           base64.RawURLEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32]) + ".evil.testnet",
		"another provider": elsewhere,
		"markup":           mac + ".<b>evil",
		"empty":            "",
		"dots":             "....",
		"long":             mac + "." + strings.Repeat("evil.testnet|", 250),
	} {
		b.setKnown(value)
		path, text := b.chooser()
		if strings.Contains(text, "Signed out") || strings.Contains(text, "evil") {
			t.Errorf("%s: listed:\n%s", name, text)
		}
		if got := b.pick(path, "evil.testnet"); got != path {
			t.Errorf("%s: picked, and led to %s", name, got)
		}
		if r := b.pressOwn(path+"/forget", url.Values{"account": {"evil.testnet"}}); r.status != http.StatusSeeOther {
			t.Errorf("%s: forget: %d", name, r.status)
		}
	}
	b.setKnown(genuine)
	if _, text := b.chooser(); !strings.Contains(text, "Signed out") {
		t.Error("the genuine list is not shown")
	}
	for _, c := range b.send("GET", "/account", "").header.Values("Set-Cookie") {
		if strings.HasPrefix(c, knownCookie) {
			t.Errorf("set without need: %s", c)
		}
	}
	b.signIn()
	c := b.begin()
	set := b.postJSON(c.path+"/verify", answer(p.alice, c)).header.Values("Set-Cookie")
	if all := strings.Join(set, "\n"); !strings.Contains(all, knownCookie+"=") || strings.Count(all, "; HttpOnly; Secure; SameSite=Lax") != 2 {
		t.Errorf("cookies %s", all)
	}
}

// A pushed request is chosen for without being shown to the browser.
func TestAccountIsChosenForAPushedRequest(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	b.pressOwn("/logout", url.Values{"decision": {"logout"}})
	form := request("client_id", "pushing", "redirect_uri", "https://pushing.example.com/cb", "prompt", "select_account")
	pushed := b.postForm("/par", form).json(t)
	r := b.send("GET", "/authorize?"+url.Values{"client_id": {"pushing"}, "request_uri": {pushed["request_uri"].(string)}}.Encode(), "")
	chosen := b.pick(r.header.Get("Location"), "alice.testnet")
	if !strings.HasPrefix(chosen, "/login/") || chosen == r.header.Get("Location") {
		t.Fatalf("chosen: %s", chosen)
	}
	if text := b.page(chosen); strings.Contains(text, "code_challenge") || !strings.Contains(text, chosen+"/again") {
		t.Errorf("the page:\n%s", text)
	}
	if to := b.signInWith(b.challengeOf(strings.TrimPrefix(chosen, "/login/"))); !strings.Contains(to, "/consent/") {
		t.Errorf("led to %s", to)
	}
}
