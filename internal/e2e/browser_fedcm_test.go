package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/fedcm"
	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc"
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

// A mediator is Chromium with its FedCM dialogs in the test's hands, on a page of an application.
type mediator struct {
	*window
	dialogs chan *fedcm.EventDialogShown
}

// mediated opens the application in a new profile.
func mediated(t testing.TB, p *process) *mediator {
	t.Helper()
	return newProfile(t, p).first.mediated()
}

// mediated puts the dialogs of a window into the test's hands. What Chromium logs of refusals
// the tests look at themselves.
func (w *window) mediated() *mediator {
	w.Helper()
	w.mutters = append(w.mutters, "fetching the", "The provider's accounts list fetch", "Not signed in with the identity provider", "Provider is unable to issue a token",
		"The 'code' attribute of IdentityCredentialError", "Error retrieving a token", "User closed the pop-up")
	m := &mediator{w, make(chan *fedcm.EventDialogShown, 8)}
	err := chromedp.Listen(m.ctx, func(event any) {
		if shown, ok := event.(*fedcm.EventDialogShown); ok {
			m.dialogs <- shown
		}
	})
	if err != nil {
		w.Fatal(err)
	}
	// Refusals are late by design, so that a page cannot tell who is signed in nowhere.
	atOnce := true
	m.must(call(fedcm.Enable, fedcm.EnableParams{DisableRejectionDelay: &atOnce}))
	m.visit(m.app.origin + "/")
	m.at(m.app.origin)
	return m
}

// dialog waits for Chromium to ask.
func (m *mediator) dialog(kind fedcm.DialogType) *fedcm.EventDialogShown {
	m.Helper()
	select {
	case shown := <-m.dialogs:
		if shown.DialogType != kind {
			m.Fatalf("the dialog %s, want %s", shown.DialogType, kind)
		}
		return shown
	case <-time.After(patience):
		m.Fatalf("no dialog %s: %s", kind, value[string](m.window, `window.answer ?? "no answer either"`))
		return nil
	}
}

// picks chooses the account that Chromium offers, which is the person's.
func (m *mediator) picks() *fedcm.EventDialogShown {
	m.Helper()
	shown := m.dialog(fedcm.DialogTypeAccountChooser)
	if len(shown.Accounts) != 1 || shown.Accounts[0].AccountID != m.signer.AccountID || shown.Accounts[0].Name != m.signer.AccountID {
		m.Fatalf("offered are %+v", shown.Accounts)
	}
	m.must(call(fedcm.SelectAccount, fedcm.SelectAccountParams{DialogID: shown.DialogID}))
	return shown
}

// asks has the page ask for a sign-in; in a click, if mode is active.
func (m *mediator) asks(q request, mode, mediation string, more ...string) {
	m.Helper()
	params := map[string]string{}
	for name, values := range q.form() {
		if name != "client_id" && name != "redirect_uri" {
			params[name] = values[0]
		}
	}
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	options, err := json.Marshal(map[string]any{"mediation": mediation, "identity": map[string]any{
		"mode": mode, "providers": []any{map[string]any{"configURL": m.issuer + "/fedcm/config.json", "clientId": q.clientID, "params": params}},
	}})
	if err != nil {
		m.Fatal(err)
	}
	m.must(chromedp.Evaluate[chromedp.Void](`window.answer = undefined;
		document.body.innerHTML = "<button id=ask>Sign in</button>";
		document.querySelector("#ask").onclick = () => {
			navigator.credentials.get(` + string(options) + `).then(
				(c) => { window.answer = JSON.stringify({token: c.token, auto: c.isAutoSelected}); },
				(e) => { window.answer = JSON.stringify({name: e.name, error: e.error, url: e.url}); });
		}`))
	if mode == "active" {
		m.click("#ask")
		return
	}
	m.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("#ask").onclick()`))
}

// A fedCMAnswer is what the page's promise became.
type fedCMAnswer struct {
	Token            string
	Auto             bool
	Name, Error, URL string
}

func (m *mediator) answered() (a fedCMAnswer) {
	m.Helper()
	m.until("window.answer")
	if err := json.Unmarshal([]byte(value[string](m.window, "window.answer")), &a); err != nil {
		m.Fatal(err)
	}
	return a
}

// isIn redeems the code that the page was handed, and holds the ID token to the request.
func (m *mediator) isIn(q request) (tokens reply) {
	m.Helper()
	var got struct{ Code, Iss, State string }
	a := m.answered()
	if err := json.Unmarshal([]byte(a.Token), &got); err != nil || got.Iss != m.issuer || got.State != q.state {
		m.Fatalf("the page has %+v", a)
	}
	form := q.redeem(got.Code)
	form.Del("client_secret")
	tokens = m.browser().postForm("/token", form)
	provider, err := oidc.NewProvider(m.Context(), m.issuer)
	if err != nil {
		m.Fatal(err)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: q.clientID}).Verify(m.Context(), tokens.text("id_token"))
	if err != nil || id.Subject != m.signer.AccountID || id.Nonce != q.nonce {
		m.Fatalf("token: %d %s, %+v %v", tokens.status, tokens.body, id, err)
	}
	return tokens
}

func (m *mediator) fails(name, code string) (a fedCMAnswer) {
	m.Helper()
	if a = m.answered(); a.Name != name || a.Error != code || a.Token != "" {
		m.Fatalf("the page has %+v, want %s %s", a, name, code)
	}
	return a
}

func (m *mediator) request(client string) request {
	q := newRequest(client, "openid profile")
	q.redirectURI = m.app.origin + "/callback"
	return q
}

// signsInHere brings about a session, by the window that the browser opens.
func (m *mediator) signsInHere() {
	m.Helper()
	w := m.opened(m.issuer + "/login/")
	w.signsIn()
	w.vanishes()
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

// signsInAlone is a sign-in on the login page for the browser's windows, in a window that it does not close.
func (m *mediator) signsInAlone() {
	m.Helper()
	m.mutters = append(m.mutters, "IdentityProvider")
	m.visit("/fedcm/login")
	m.shows("choose")
	m.signsIn()
	m.says("This window closes by itself")
	m.examine()
	m.picture("fedcm")
	m.visit(m.app.origin + "/")
	m.at(m.app.origin)
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
