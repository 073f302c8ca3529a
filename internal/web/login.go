package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// What is looked up for an account page: client ids and session ids.
var accountFieldSyntax = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// Ids are made by us of these characters. Others never reach the database,
// where a NUL would be an error of ours instead of an unknown login.
var idSyntax = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// find returns the login that the path names, if it belongs to the browser.
func (s *server) find(r *http.Request) (*idp.Login, error) {
	id := r.PathValue("id")
	if !idSyntax.MatchString(id) {
		return nil, &login.Refusal{Reason: login.NotFound}
	}
	l, err := s.Logins.Find(r.Context(), id, s.browser(r))
	return noted(r, l, err)
}

// recall is find for a program that asks for a challenge or, with take, answers it.
func (s *server) recall(r *http.Request, take bool) (*idp.Login, error) {
	id := r.PathValue("id")
	if !idSyntax.MatchString(id) {
		return nil, &login.Refusal{Reason: login.NotFound}
	}
	l, err := s.Logins.Recall(r.Context(), id, s.browser(r), take)
	return noted(r, l, err)
}

func noted(r *http.Request, l *idp.Login, err error) (*idp.Login, error) {
	if err != nil {
		return nil, err
	}
	entryOf(r).clientID = l.ClientID
	return l, nil
}

// findInBrowser is find for what a person does on our pages. A login begun through the
// API has none: it belongs to whoever knows its id, who could send it to a victim to
// approve here and then collect the code.
func (s *server) findInBrowser(r *http.Request) (*idp.Login, error) {
	l, err := s.find(r)
	if err == nil && l.BrowserHash == nil {
		return nil, &login.Refusal{Reason: login.WrongBrowser, Login: l}
	}
	return l, err
}

// formInBrowser reads a form of a page about a login, and finds the login as findInBrowser does.
func (s *server) formInBrowser(w http.ResponseWriter, r *http.Request) (url.Values, *idp.Login, error) {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return nil, nil, err
	}
	l, err := s.findInBrowser(r)
	return form, l, err
}

// loginPage shows a login to a person, or its challenge to a program.
func (s *server) loginPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	if wantsJSON(r) {
		return s.challenge(w, r)
	}
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if !l.ConsumedAt.IsZero() {
		redirect(w, s.base+"/continue/"+l.ID)
		return nil
	}
	over, err := s.nothingToProve(r, l)
	if err != nil {
		return err
	}
	if over {
		redirect(w, s.base+"/continue/"+l.ID)
		return nil
	}
	view, err := s.loginView(r, l)
	if err != nil {
		return err
	}
	offered, err := s.choices(r, l)
	if err != nil {
		return err
	}
	view.SessionAccount, view.KnownAccounts = offered.session, offered.others
	if !s.Now().Before(l.ExpiresAt) {
		view.Panel = templates.PanelExpired
	}
	s.Metrics.Step(stepPage)
	return renderLogin(w, r, http.StatusOK, view)
}

// A challengeBody is the public contract of architecture.md, section 3.
type challengeBody struct {
	LoginID     string    `json:"login_id"`
	Message     string    `json:"message"`
	Nonce       string    `json:"nonce"`
	NonceBytes  [32]byte  `json:"nonce_bytes"` // an array, and so numbers in JSON
	Recipient   string    `json:"recipient"`
	State       string    `json:"state"`
	CallbackURL string    `json:"callback_url"`
	Network     string    `json:"network"`
	ExpiresAt   time.Time `json:"expires_at"`
}

func (s *server) challenge(w http.ResponseWriter, r *http.Request) error {
	l, err := s.recall(r, false)
	if err != nil {
		return err
	}
	if !l.ConsumedAt.IsZero() {
		return &login.Refusal{Reason: login.Used, Login: l}
	}
	if !s.Now().Before(l.ExpiresAt) {
		return &login.Refusal{Reason: login.Expired, Login: l}
	}
	return writeJSON(w, http.StatusOK, challengeBody{
		LoginID: l.ID, Message: l.Message, Nonce: base64.StdEncoding.EncodeToString(l.Nonce[:]), NonceBytes: l.Nonce,
		Recipient: l.Recipient, State: l.State, CallbackURL: l.CallbackURL, Network: s.Network, ExpiresAt: l.ExpiresAt.UTC(),
	})
}

// callbackPage is where a redirect wallet delivers its answer, in the fragment. It is
// shown for a login that has ended, too: wallets deliver twice, and the
// same proof leads to the same place.
func (s *server) callbackPage(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	app, err := s.application(r.Context(), l)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templates.CallbackPage(templates.Callback{
		Page:       s.view(r, entryOf(r).reader().T("Signing in"), "cb.js"),
		LoginID:    l.ID,
		ClientName: app.name,
		IssuerHost: l.Recipient,
		Network:    s.Network,
		LoginURL:   s.base + "/login/" + l.ID,
		VerifyURL:  s.base + "/login/" + l.ID + "/verify",
		RenewURL:   s.base + "/login/" + l.ID + "/renew",
		CancelURL:  s.base + "/login/" + l.ID + "/cancel",
	}))
}

// renew replaces a login that ran out of time by a fresh one for the same request.
func (s *server) renew(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	if _, err := s.find(r); err != nil {
		return err
	}
	l, err := s.Logins.Renew(r.Context(), r.PathValue("id"), s.browser(r))
	if err != nil {
		return err
	}
	to := s.base + "/login/" + l.ID
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, map[string]string{"location": to})
	}
	redirect(w, to)
	return nil
}

// cancel ends the login by the person's wish; the client is told access_denied.
func (s *server) cancel(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if oauth.DeviceOf(l) != "" {
		return s.refuseDevice(w, r, l)
	}
	l, err = s.Logins.Deny(r.Context(), r.PathValue("id"), s.browser(r))
	if err != nil {
		return err
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

// continuePage leads from a login that has ended to the client. It is a page
// and no redirect, because browsers hold a form's whole redirect chain to form-action.
func (s *server) continuePage(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if l.Handoff != "" {
		return s.handoffNext(w, r, l)
	}
	if l.ConsumedAt.IsZero() {
		redirect(w, s.base+"/login/"+l.ID)
		return nil
	}
	if login.AwaitsConsent(l) {
		redirect(w, s.base+"/consent/"+l.ID)
		return nil
	}
	if page := ownPage(l); page != "" && !l.Denied && l.Proof != nil {
		redirect(w, s.base+page)
		return nil
	}
	if l.ClientID == "" {
		return s.endHere(w, r, l)
	}
	if oauth.DeviceOf(l) != "" {
		return s.deviceEnd(w, r, l)
	}
	response, err := s.Protocol.Response(r.Context(), l)
	if err != nil {
		return err
	}
	app, err := s.application(r.Context(), l)
	if err != nil {
		return err
	}
	if response.FedCM {
		return s.endFedCM(w, r, l, response.Token)
	}
	if response.FormPost != nil {
		return s.formPost(w, r, app.name, response.RedirectTo, response.FormPost)
	}
	return render(w, r, http.StatusOK, templates.ContinuePage(templates.Continue{
		Page: s.view(r, entryOf(r).reader().T("Continue"), ""), To: response.RedirectTo, ClientName: app.name,
	}))
}

// endHere shows the end of a sign-in to the provider itself, or leads back to who asked for it.
func (s *server) endHere(w http.ResponseWriter, r *http.Request, l *idp.Login) error {
	switch {
	case l.Params != fedCMSignIn:
		return render(w, r, http.StatusOK, templates.MessagePage(s.endedHere(r, l)))
	case l.Denied:
		return s.endFedCM(w, r, l, "")
	}
	redirect(w, s.base+"/fedcm/login")
	return nil
}

// endedHere is the end of a sign-in to the provider itself.
func (s *server) endedHere(r *http.Request, l *idp.Login) templates.Message {
	reader := entryOf(r).reader()
	if l.Denied || l.Proof == nil {
		return templates.Message{Page: s.view(r, reader.T("Not signed in"), ""), Tone: templates.ToneInfo,
			Heading: reader.T("Not signed in"), Text: reader.T("The sign-in was cancelled. Nothing was shared.")}
	}
	return templates.Message{Page: s.view(r, reader.T("Signed in"), ""), Tone: templates.ToneSuccess, Heading: reader.T("You are signed in"),
		Text:   reader.T("You are signed in as {account} on {network}.", "account", l.Proof.AccountID, "network", s.networkName()),
		Detail: l.Proof.AccountID, ActionURL: s.base + "/account", ActionText: reader.T("Your account")}
}

// home says what this address is to somebody who typed it.
func (s *server) home(w http.ResponseWriter, r *http.Request) error {
	reader := entryOf(r).reader()
	return render(w, r, http.StatusOK, templates.MessagePage(templates.Message{
		Page: s.view(r, "", ""), Heading: reader.T("Sign in with NEAR"),
		Text:      reader.T("Applications send you here to sign in with your NEAR account. To sign in to one, start there."),
		ActionURL: s.base + "/account", ActionText: reader.T("Your account"),
	}))
}
