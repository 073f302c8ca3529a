package web

import (
	"errors"
	"net/http"
	"slices"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/web/templates"
)

// fedCMSignIn is kept in place of an authorization request by a login that the browser
// asked for: it is to the provider itself, and ends by closing the window.
const fedCMSignIn = "fedcm=login"

// fedCMLogin is the page of the window that the browser opens when it finds nobody
// signed in, or somebody else than the page asks for.
func (s *server) fedCMLogin(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	hint := query.Get("login_hint")
	if session == nil || accountSyntax.MatchString(hint) && hint != session.Identity.AccountID {
		return s.beginLogin(w, r, login.Request{Params: fedCMSignIn, Browser: s.bindBrowser(w, r)})
	}
	s.announce(w, session)
	return s.endFedCM(w, r, &idp.Login{}, "")
}

// fedCMContinue is the page of the window that the browser opens for a request which
// needs the person; it goes on like any other from there.
func (s *server) fedCMContinue(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	clientID := query.Get("client_id")
	if !clientIDSyntax.MatchString(clientID) {
		return malformed("The parameter client_id is missing or malformed.", nil)
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	sid := ""
	if session != nil {
		sid = session.Identity.SID
	}
	req, err := s.FedCM.Protocol.Deferred(r.Context(), clientID, query.Get("request"), sid)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return &login.Refusal{Reason: login.Expired, Err: err}
	case errors.Is(err, idp.ErrConflict):
		return &login.Refusal{Reason: login.WrongBrowser, Err: err}
	case err != nil:
		return err
	}
	entryOf(r).clientID = req.Client.ID
	if req.LoginID != "" { // the page is loaded again
		redirect(w, s.base+"/login/"+req.LoginID)
		return nil
	}
	return s.proceed(w, r, req)
}

// endFedCM ends the window of a login: its script hands the response to the browser, or closes
// the window if there is none.
func (s *server) endFedCM(w http.ResponseWriter, r *http.Request, l *idp.Login, token string) error {
	view := templates.FedCM{Page: s.view(r, entryOf(r).reader().T("Continue"), "fedcm.js"), Token: token, Denied: l.Denied}
	if l.Proof != nil {
		view.Account = l.Proof.AccountID
	}
	return render(w, r, http.StatusOK, templates.FedCMPage(view))
}

// fedCMRefused tells a person why the browser was refused. The browser leads here from its own message.
func (s *server) fedCMRefused(w http.ResponseWriter, r *http.Request) error {
	reason := login.Reason(r.PathValue("reason"))
	if !slices.Contains(fedCMExplained, reason) {
		return errNoPage
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	refusal := &login.Refusal{Reason: reason}
	if session != nil {
		refusal.AccountID = session.Identity.AccountID
	}
	return s.showFailure(w, r, s.refusal(entryOf(r).reader(), refusal))
}
