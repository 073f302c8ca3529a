package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/postgres"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"

// signInWith signs in with these headers, and says where that leads.
func (b *browser) signInWith(c challenge, header ...string) string {
	b.t.Helper()
	r := b.postJSON(c.path+"/verify", answer(b.alice, c), header...)
	if r.status != http.StatusOK {
		b.t.Fatalf("verify: %d %s", r.status, r.body)
	}
	return r.json(b.t)["redirect_to"].(string)
}

// page returns the text of a page of the account.
func (b *browser) page(path string) string {
	b.t.Helper()
	r := b.send("GET", path, "")
	if r.status != http.StatusOK {
		b.t.Fatalf("%s: %d to %q %s", path, r.status, r.header.Get("Location"), r.body)
	}
	return html.UnescapeString(r.body)
}

// press sends a form of a page of the account, as that page does.
func (b *browser) pressOwn(path string, form url.Values) reply {
	b.t.Helper()
	return b.postForm(path, form, sameSite...)
}

func (b *browser) exported() map[string]any {
	b.t.Helper()
	r := b.pressOwn("/account/export", nil)
	if r.status != http.StatusOK {
		b.t.Fatalf("export: %d to %q %s", r.status, r.header.Get("Location"), r.body)
	}
	return r.json(b.t)
}

// A person sees with what and where they are signed in, what happened, and what they signed.
func TestAccountPagesTellWhatIsKept(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	c := b.begin(third...)
	b.decide(b.signInWith(c, "User-Agent", firefox), "allow")
	wrong := b.begin()
	b.postJSON(wrong.path+"/verify", answer(b.alice, c)) // signed for another request
	for path, said := range map[string][]string{
		"/account":          {"alice.testnet", "Third <b>Party</b>", "third.example.com", "Keep you signed in", "Firefox on Linux", "127.0.0.0/24", "This browser", "Disconnect"},
		"/account/activity": {"You signed in to Third <b>Party</b> with your wallet", "You allowed Third <b>Party</b> to use your account", "A sign-in to Example <App> was refused", "The signature does not match", "127.0.0.0/24"},
		"/account/proof":    {c.Message, c.Nonce, recipient, b.alice.PublicKey(), answer(b.alice, c)["signature"].(string)},
		"/account/data":     {"A copy of your data", "Download", "alice.testnet"},
	} {
		text := strings.NewReplacer("<bdi>", "", "</bdi>", "").Replace(b.page(path))
		for _, want := range said {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", path, want, text)
			}
		}
		if strings.Contains(b.send("GET", path, "").body, "<b>Party") {
			t.Errorf("%s: the client's name is not escaped", path)
		}
	}
	if r := b.send("GET", "/account/activity?page=0", ""); r.status != http.StatusBadRequest {
		t.Errorf("page 0: %d", r.status)
	}
	if text := b.page("/account/activity?page=50"); !strings.Contains(text, "Newer") || strings.Contains(text, "Older") {
		t.Errorf("page 50:\n%s", text)
	}
}

// Whoever is signed out is led back to the page that they asked for, once their wallet has signed.
func TestAccountPageComesAfterSigningIn(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	for _, path := range []string{"/account", "/account/activity", "/account/proof", "/account/data", "/account/proof.json"} {
		if r := b.send("GET", path, ""); r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/login/") {
			t.Errorf("%s: %d to %q", path, r.status, r.header.Get("Location"))
		}
	}
	c := b.challengeOf(strings.TrimPrefix(b.send("GET", "/account/activity", "").header.Get("Location"), "/login/"))
	to := strings.TrimPrefix(b.signInWith(c), b.issuer)
	if r := b.send("GET", to, ""); r.status != http.StatusSeeOther || r.header.Get("Location") != "/account/activity" {
		t.Errorf("signed in, and led to %q by %s: %d", r.header.Get("Location"), to, r.status)
	}
}

// Y03: what a browser calls itself is neither stored nor shown, and an address counts only if a
// trusted proxy says so.
func TestAgentAndForwardedAddressAreNotBelieved(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signInWith(b.begin(), "User-Agent", "<script>alert(1)</script> \u202eFirefox/1 Windows "+strings.Repeat("A", 4096),
		"X-Forwarded-For", "198.51.100.7", "Forwarded", "for=198.51.100.7", "X-Real-IP", "198.51.100.7")
	text := b.page("/account") + b.page("/account/activity")
	if strings.Contains(text, "alert(1)") || strings.Contains(text, "\u202e") || strings.Contains(text, "AAAA") || strings.Contains(text, "198.51.100") {
		t.Errorf("the page says:\n%s", text)
	}
	if !strings.Contains(text, "Firefox on Windows") || !strings.Contains(text, "127.0.0.0/24") {
		t.Errorf("the page does not say:\n%s", text)
	}
	var stored string
	must(t, p.pool.QueryRow(t.Context(), "SELECT browser || '|' || system || '|' || place FROM sessions").Scan(&stored))
	if stored != "Firefox|Windows|127.0.0.0/24" {
		t.Errorf("stored %q", stored)
	}
}

// S08, Y01: whoever comes to own the name of an account that was deleted sees nothing of who had it
// before, and who had it before is signed out.
func TestNextOwnerOfANameSeesNothingOfTheFormer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	former := p.browser()
	c := former.begin(third...)
	former.decide(former.signInWith(c, "User-Agent", firefox), "allow")
	refused := former.begin()
	former.postJSON(refused.path+"/verify", answer(p.alice, c))
	must(t, postgres.New(p.pool).CloseSubject(t.Context(), "testnet", "alice.testnet"))
	next := p.browser()
	next.signInWith(next.begin())
	for _, path := range []string{"/account", "/account/activity", "/account/proof", "/account/data"} {
		if text := next.page(path); strings.Contains(text, "Third") || strings.Contains(text, "Firefox") || path == "/account/activity" && strings.Contains(text, "was refused") || strings.Contains(text, c.Message) {
			t.Errorf("%s tells of the former owner:\n%s", path, text)
		}
	}
	all := next.exported()
	text, err := json.Marshal(all)
	must(t, err)
	if all["sub"] != "alice.testnet#2" || strings.Contains(string(text), "third") || strings.Contains(string(text), "bad_signature") || len(all["sessions"].([]any)) != 1 {
		t.Errorf("exported %s", text)
	}
	if r := former.pressOwn("/account/export", nil); r.status != http.StatusForbidden || strings.Contains(r.body, "alice.testnet") {
		t.Errorf("the former owner's export: %d %s", r.status, r.body)
	}
	r := former.send("GET", "/account", "")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "/login/") || !strings.Contains(strings.Join(r.header.Values("Set-Cookie"), " "), "idp_session=;") {
		t.Errorf("the former owner's page: %d %v", r.status, r.header)
	}
}

// Y04: what an administrator did is told without who did it, from where and why.
func TestOperatorIsNotNamed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	b.signIn()
	must(t, postgres.New(p.pool).AppendEvents(t.Context(), []idp.Event{
		{Type: "session.ended", Outcome: idp.OutcomeDone, AccountID: "alice.testnet", Subject: "alice.testnet", SID: "S", Actor: "account:root.testnet", Address: "192.0.2.99", RequestID: "req-operator"},
		{Type: "login.refused", Outcome: idp.OutcomeRefused, Reason: "account_blocked", AccountID: "alice.testnet", Address: "192.0.2.98", Details: map[string]any{"cause": "looks like a bot"}},
	}))
	page := b.page("/account/activity")
	export := b.pressOwn("/account/export", nil).body
	if !strings.Contains(page, "By the operator of this service") || !strings.Contains(page, "192.0.2.0/24") || !strings.Contains(export, `"by_operator": true`) {
		t.Errorf("page:\n%s\nexport:\n%s", page, export)
	}
	for _, secret := range []string{"root.testnet", "192.0.2.99", "192.0.2.98", "req-operator", "looks like a bot"} {
		if strings.Contains(page, secret) || strings.Contains(export, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}

// S07, S08, Y02: a copy of everything needs a wallet's signature of a moment ago, is a file that no cache
// keeps, and is recorded.
func TestExport(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	if r := b.pressOwn("/account/export", nil); r.status != http.StatusForbidden || r.header.Get("Content-Disposition") != "" {
		t.Errorf("signed out: %d %s", r.status, r.body)
	}
	to, err := url.Parse(b.signIn())
	must(t, err)
	tokens := b.redeem(to.Query().Get("code")).json(t)
	for name, r := range map[string]reply{
		"cross-site": b.postForm("/account/export", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
		"same-site":  b.postForm("/account/export", nil, "Sec-Fetch-Site", "same-site"),
		"old":        b.postForm("/account/export", nil, "Origin", "https://evil.example"),
	} {
		if r.status != http.StatusForbidden || strings.Contains(r.body, "alice.testnet") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	r := b.pressOwn("/account/export", nil)
	if r.status != http.StatusOK || r.header.Get("Content-Disposition") != `attachment; filename="near-account.json"` ||
		r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("export: %d %v", r.status, r.header)
	}
	all := r.json(t)
	var members []string
	for name := range all {
		members = append(members, name)
	}
	slices.Sort(members)
	if got := strings.Join(members, " "); got != "account_id consents created_at events events_omitted exported_at grants issuer last_login_at last_sign_in network sessions sub version" {
		t.Errorf("members %s", got)
	}
	if all["issuer"] != b.issuer || all["account_id"] != "alice.testnet" || len(all["grants"].([]any)) != 1 || len(all["events"].([]any)) < 3 {
		t.Errorf("exported %s", r.body)
	}
	for _, secret := range []string{tokens["access_token"].(string), tokens["refresh_token"].(string), to.Query().Get("code"), `"hash"`} {
		if strings.Contains(r.body, secret) {
			t.Errorf("the file holds %q", secret)
		}
	}
	if text := b.page("/account/activity"); !strings.Contains(text, "You took a copy of your data") {
		t.Errorf("not recorded:\n%s", text)
	}
	p.ahead.Store(int64(16 * time.Minute))
	if r := b.pressOwn("/account/export", nil); r.status != http.StatusSeeOther || r.header.Get("Location") != "/account/data" {
		t.Errorf("16 minutes after the signature: %d %s", r.status, r.body)
	}
	if text := b.page("/account/data"); !strings.Contains(text, "Sign with your wallet first") {
		t.Errorf("the page offers:\n%s", text)
	}
	login := b.pressOwn("/account/confirm", nil).header.Get("Location")
	if text := b.page(login); !strings.Contains(text, "Use the account") || !strings.Contains(text, "alice.testnet") {
		t.Errorf("the login page:\n%s", text)
	}
	done := b.signInWith(b.challengeOf(strings.TrimPrefix(login, "/login/")))
	if r := b.send("GET", strings.TrimPrefix(done, b.issuer), ""); r.header.Get("Location") != "/account/data" {
		t.Errorf("signed again, and led to %q", r.header.Get("Location"))
	}
	b.exported()
}

// S07, S08: one press ends what is meant and nothing of anybody else, and a second one is no error.
func TestSignOutOthersAndEverywhere(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	here, there, bob := p.browser(), p.browser(), p.browser()
	to, err := url.Parse(there.signIn())
	must(t, err)
	there.redeem(to.Query().Get("code"))
	w := p.wallet("bob.testnet")
	c := bob.begin()
	bob.postJSON(c.path+"/verify", answer(w, c))
	here.signIn()
	for path, foreign := range map[string][]string{
		"/account/sign-out-others": {"Sec-Fetch-Site", "cross-site"}, "/account/sign-out-everywhere": {"Origin", "https://evil.example"},
	} {
		if r := here.postForm(path, nil, foreign...); r.status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, r.status)
		}
		if r := p.browser().pressOwn(path, nil); r.status != http.StatusForbidden {
			t.Errorf("%s without a session: %d", path, r.status)
		}
	}
	silent := func(b *browser) bool { return b.authorize("prompt", "none").Query().Get("code") != "" }
	if !silent(here) || !silent(there) || !silent(bob) {
		t.Fatal("a refused press had effect")
	}
	for range 2 {
		if r := here.pressOwn("/account/sign-out-others", nil); r.status != http.StatusSeeOther {
			t.Fatalf("others: %d %s", r.status, r.body)
		}
	}
	if !silent(here) || silent(there) || !silent(bob) {
		t.Errorf("after the others: here %v, there %v, bob %v", silent(here), silent(there), silent(bob))
	}
	mine, err := url.Parse(here.signIn())
	must(t, err)
	refresh := here.redeem(mine.Query().Get("code")).json(t)["refresh_token"].(string)
	if text := here.page("/account/sign-out-everywhere"); !strings.Contains(text, "Every browser is signed out") {
		t.Errorf("the question:\n%s", text)
	}
	r := here.pressOwn("/account/sign-out-everywhere", nil)
	if r.status != http.StatusSeeOther || r.header.Get("Location") != "/logout" || !strings.Contains(strings.Join(r.header.Values("Set-Cookie"), " "), "idp_session=;") {
		t.Errorf("everywhere: %d %v", r.status, r.header)
	}
	if text := here.page("/logout"); !strings.Contains(text, "You are signed out") {
		t.Errorf("after it:\n%s", text)
	}
	if silent(here) || !silent(bob) {
		t.Errorf("here %v, bob %v", silent(here), silent(bob))
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"app"}}
	if r := here.postForm("/token", form); r.status != http.StatusBadRequest {
		t.Errorf("offline access goes on: %d %s", r.status, r.body)
	}
	var told int
	must(t, p.pool.QueryRow(t.Context(), "SELECT count(*) FROM logout_outbox WHERE subject = 'alice.testnet'").Scan(&told))
	if told == 0 {
		t.Error("no client is told")
	}
	if r := here.pressOwn("/account/sign-out-everywhere", nil); r.status != http.StatusForbidden {
		t.Errorf("again, signed out: %d", r.status)
	}
}
