package web

import (
	"errors"
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// verify takes a wallet's answer as JSON and says where to go (architecture.md, section 3).
func (s *server) verify(w http.ResponseWriter, r *http.Request) error {
	body, err := readJSON(w, r)
	if err != nil {
		return err
	}
	answer, err := body.answer()
	if err != nil {
		return err
	}
	l, err := s.recall(r, true)
	if err != nil {
		return err
	}
	answer.Session = s.replaced(r, l)
	out, err := s.Logins.Verify(r.Context(), l, answer)
	if err != nil {
		return err
	}
	s.startSession(w, r, out)
	to, _, err := s.destination(r, out.Login)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"redirect_to": to})
}

// answer reads the plain fields or an authToken. Both spellings that wallets
// use for the fields are taken.
func (f fields) answer() (login.Answer, error) {
	var a login.Answer
	var errs [6]error
	a.Token, errs[0] = f.text("authToken")
	a.AccountID, errs[1] = f.text("account_id", "accountId")
	a.PublicKey, errs[2] = f.text("public_key", "publicKey")
	a.Signature, errs[3] = f.text("signature")
	a.State, errs[4] = f.optional("state")
	a.Wallet, errs[5] = f.text("wallet")
	for _, err := range errs {
		if err != nil {
			return login.Answer{}, err
		}
	}
	if a.Token == "" && a.AccountID == "" && a.PublicKey == "" && a.Signature == "" {
		return login.Answer{}, nil // go on with the proof that an outage left behind
	}
	return a, nil
}

// destination is where the browser goes after a login, and the code in it.
func (s *server) destination(r *http.Request, l *idp.Login) (to, code string, err error) {
	if l.ClientID == "" {
		return s.url("/continue/" + l.ID), "", nil
	}
	if login.AwaitsConsent(l) {
		return s.url("/consent/" + l.ID), "", nil
	}
	if oauth.DeviceOf(l) != "" {
		return s.url("/continue/" + l.ID), "", nil
	}
	response, err := s.Protocol.Response(r.Context(), l)
	if response.FormPost != nil || response.FedCM {
		return s.url("/continue/" + l.ID), response.Code, err
	}
	return response.RedirectTo, response.Code, err
}

// paste takes the output of the NEAR CLI from a form, which also works without
// JavaScript. A refusal shows the login page again, with what was wrong.
func (s *server) paste(w http.ResponseWriter, r *http.Request) error {
	form, l, err := s.formInBrowser(w, r)
	if err != nil {
		return err
	}
	pasted := form.Get("output")
	out, err := s.verifyPasted(r, l, pasted)
	if refusal, ok := errors.AsType[*login.Refusal](err); ok && l.ConsumedAt.IsZero() {
		return s.showRefusal(w, r, l, refusal, pasted)
	}
	if err != nil {
		return err
	}
	s.startSession(w, r, out)
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

func (s *server) verifyPasted(r *http.Request, l *idp.Login, pasted string) (*login.Outcome, error) {
	body, ok := signedOutput(pasted)
	if !ok {
		return nil, &login.Refusal{Reason: login.Malformed, Login: l, Err: errors.New("no signature in the pasted text")}
	}
	answer, err := body.answer()
	if err != nil {
		return nil, &login.Refusal{Reason: login.Malformed, Login: l, Err: err}
	}
	answer.State, answer.Wallet, answer.Session = nil, "near-cli", s.replaced(r, l)
	return s.Logins.Verify(r.Context(), l, answer)
}

// showRefusal is the login page with the panel and the sentence of a refusal.
func (s *server) showRefusal(w http.ResponseWriter, r *http.Request, l *idp.Login, refusal *login.Refusal, pasted string) error {
	reader := entryOf(r).reader()
	f := s.refusal(reader, refusal)
	s.failed(r, f, refusal)
	view, err := s.loginView(r, l)
	if err != nil {
		return err
	}
	view.Panel = templates.PanelFor(f.Code)
	view.Error = reader.T(f.Text, f.Args...)
	if accountSyntax.MatchString(refusal.AccountID) {
		view.Account = refusal.AccountID
	}
	if f.Retryable {
		view.Pasted = pasted
	}
	return renderLogin(w, r, f.Status, view)
}
