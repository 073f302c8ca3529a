package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fedcm"
	"github.com/chromedp/chromedp"
	"github.com/coreos/go-oidc/v3/oidc"
)

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
