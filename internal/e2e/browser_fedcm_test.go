package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/fedcm"
	"github.com/chromedp/chromedp"
)

// fedCMSite knows, besides "spa", a client whose people are asked.
const fedCMSite = `
  - {client_id: asks, client_name: Asking Notes, token_endpoint_auth_method: none, redirect_uris: ["http://localhost/callback"], policy_uri: "https://notes.example.com/privacy"}
  - {client_id: club, client_name: The Club, token_endpoint_auth_method: none, first_party: true, access_policy: members, redirect_uris: ["http://localhost/callback"]}
access_policies:
  members: {allow: [member.testnet]}
fedcm: {enabled: true}
`

func fedCMProcess(t *testing.T) *process {
	s := newSite(t, pgtest.DSN(t))
	s.more = fedCMSite
	return s.serve()
}

// TestBrowserSignsInByItself is the life of a sign-in through FedCM in Chromium, with a page of another site.
func TestBrowserSignsInByItself(t *testing.T) {
	t.Parallel()
	m := mediated(t, fedCMProcess(t))

	q := m.request("spa")
	m.asks(q, "passive", "optional") // nobody is signed in, and so nobody is asked
	m.fails("NetworkError", "")

	q = m.request("spa")
	m.asks(q, "active", "optional")
	m.signsInHere()
	if shown := m.picks(); shown.Accounts[0].LoginState != fedcm.LoginStateSignUp {
		t.Errorf("a new application is shown as %+v", shown.Accounts[0])
	}
	m.isIn(q)

	q = m.request("spa")
	m.asks(q, "passive", "required")
	if shown := m.picks(); shown.Accounts[0].LoginState != fedcm.LoginStateSignIn {
		t.Errorf("a known application is shown as %+v", shown.Accounts[0])
	}
	access := m.isIn(q).text("access_token")

	gone := value[string](m.window, `IdentityCredential.disconnect({configURL: `+quoted(m.issuer+"/fedcm/config.json")+`, clientId: "spa", accountHint: `+quoted(m.signer.AccountID)+`}).then(() => "gone", String)`)
	if r := m.browser().send("GET", "/userinfo", "", "Authorization", "Bearer "+access); gone != "gone" || r.status != http.StatusUnauthorized {
		t.Errorf("disconnect: %s, then userinfo %d", gone, r.status)
	}
	q = m.request("spa")
	m.asks(q, "passive", "optional")
	if shown := m.picks(); shown.Accounts[0].LoginState != fedcm.LoginStateSignUp {
		t.Errorf("after the disconnect it is shown as %+v", shown.Accounts[0])
	}
	m.isIn(q)

	m.visit("/logout")
	m.click("form button")
	m.says("You are signed out")
	m.visit(m.app.origin + "/")
	m.at(m.app.origin)
	m.asks(m.request("spa"), "passive", "optional")
	m.fails("NetworkError", "")
}

// Chromium picks by itself where it keeps a history, which it does not for the profiles of the other tests.
func TestBrowserPicksTheAccountByItself(t *testing.T) {
	t.Parallel()
	m := newProfile(t, fedCMProcess(t)).attach(chromedp.WithNewWindow(true)).mediated()
	m.signsInAlone()
	q := m.request("spa")
	m.asks(q, "passive", "optional")
	m.picks()
	m.isIn(q)
	q = m.request("spa")
	m.asks(q, "passive", "optional")
	m.dialog(fedcm.DialogTypeAutoReauthn)
	if a := m.answered(); !a.Auto {
		t.Errorf("not picked by itself: %+v", a)
	}
	m.isIn(q)
}

func TestBrowserOpensAWindowForWhatItCannotAsk(t *testing.T) {
	t.Parallel()
	p := fedCMProcess(t)
	begin := func(t *testing.T) *mediator {
		t.Parallel()
		m := mediated(t, p)
		m.signsInAlone()
		return m
	}
	t.Run("consent", func(t *testing.T) {
		m := begin(t)
		q := m.request("asks")
		m.asks(q, "active", "required")
		if shown := m.picks(); shown.Accounts[0].PrivacyPolicyURL != "https://notes.example.com/privacy" {
			t.Errorf("the dialog names %+v", shown.Accounts[0])
		}
		w := m.opened(m.issuer + "/consent/")
		w.says("Asking Notes")
		w.click(`[value="allow"]`)
		w.vanishes()
		m.isIn(q)
	})
	t.Run("no consent", func(t *testing.T) {
		m := begin(t)
		m.asks(m.request("asks"), "active", "required")
		m.picks()
		w := m.opened(m.issuer + "/consent/")
		w.says("Asking Notes")
		w.click(`[value="deny"]`)
		w.vanishes()
		m.fails("NetworkError", "")
	})
	t.Run("another signature", func(t *testing.T) {
		m := begin(t)
		q := m.request("spa")
		m.asks(q, "active", "required", "prompt", "login")
		m.picks()
		m.signsInHere()
		m.isIn(q)
	})
	t.Run("no access", func(t *testing.T) {
		m := begin(t)
		m.asks(m.request("club"), "active", "required")
		m.picks()
		shown := m.dialog(fedcm.DialogTypeError)
		m.must(call(fedcm.ClickDialogButton, fedcm.ClickDialogButtonParams{DialogID: shown.DialogID, DialogButton: fedcm.DialogButtonErrorMoreDetails}))
		why := m.opened(m.issuer + "/fedcm/refused/")
		why.says(m.signer.AccountID + " may not sign in to this application")
		why.examine()
		why.close()
		if a := m.fails("IdentityCredentialError", "access_denied"); a.URL != m.issuer+"/fedcm/refused/access_denied" {
			t.Errorf("it is explained at %q", a.URL)
		}
	})
}

// B01: what a page elsewhere sends itself is refused, with the cookie in a real browser.
func TestPageOfAnotherSiteCannotAskInTheBrowsersName(t *testing.T) {
	t.Parallel()
	m := mediated(t, fedCMProcess(t))
	q := m.request("spa")
	m.asks(q, "active", "optional")
	m.signsInHere()
	m.picks()
	m.isIn(q)
	m.wanted = true // what the page tries is logged
	for name, script := range map[string]string{
		"accounts by fetch": `fetch(ISSUER + "/fedcm/accounts", {credentials: "include"}).then((r) => r.text(), () => "")`,
		"accounts unread":   `fetch(ISSUER + "/fedcm/accounts", {credentials: "include", mode: "no-cors"}).then((r) => r.text(), () => "")`,
		"with the header":   `fetch(ISSUER + "/fedcm/accounts", {credentials: "include", headers: {"Sec-Fetch-Dest": "webidentity"}}).then((r) => r.text(), () => "")`,
		"accounts as image": `new Promise((done) => { const i = new Image(); i.onload = () => done("loaded"); i.onerror = () => done(""); i.src = ISSUER + "/fedcm/accounts"; })`,
		"assert by fetch": `fetch(ISSUER + "/fedcm/assert", {method: "POST", credentials: "include", body: new URLSearchParams(FORM)})
			.then((r) => r.text()).then((text) => text.includes("token") ? text : "", () => "")`,
	} {
		form := url.Values{"client_id": {"spa"}, "account_id": {m.signer.AccountID}, "params": {fmt.Sprintf(`{"response_type":"code","scope":"openid","code_challenge":%q,"code_challenge_method":"S256"}`, q.challenge())}}
		script = strings.ReplaceAll(strings.ReplaceAll(script, "ISSUER", quoted(m.issuer)), "FORM", quoted(form.Encode()))
		if got := value[string](m.window, script); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The button and the provider agree on what goes through the browser.
func TestButtonSignsInByTheBrowsersDialog(t *testing.T) {
	t.Parallel()
	p := fedCMProcess(t)
	b := buttonPage{coop: "same-origin", element: `<near-signin-button client-id="spa" redirect-uri="/callback" mode="fedcm"></near-signin-button>`}.open(t, p)
	m := b.first.mediated()
	m.until("customElements.get('near-signin-button') && window.told")
	m.click("near-signin-button")
	m.signsInHere()
	m.picks()
	m.window.isIn()
}
