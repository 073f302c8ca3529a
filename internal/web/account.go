package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"near-idp/internal/account"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/web/templates"
)

// Accounts shows a person what they have here, and takes it back; *account.Service is one.
type Accounts interface {
	Overview(ctx context.Context, session *idp.Session) (*account.Overview, error)
	Disconnect(ctx context.Context, session *idp.Session, clientID string) error
	EndSession(ctx context.Context, session *idp.Session, sid string) error
}

// errSignedOut answers who asks for something of an account without a session.
var errSignedOut = &problem{status: http.StatusForbidden, code: "signed_out", heading: "You are not signed in",
	text: "This browser is not signed in here any more. Open your account page again to sign in."}

// accountPage shows the person who is signed in what they have here; whoever is
// not signs in first.
func (s *server) accountPage(w http.ResponseWriter, r *http.Request) error {
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	if session == nil {
		return s.beginLogin(w, r, login.Request{Browser: s.bindBrowser(w, r)})
	}
	overview, err := s.Accounts.Overview(r.Context(), session)
	if err != nil {
		return err
	}
	view, err := s.accountView(r, session, overview)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templates.AccountPage(view))
}

func (s *server) accountView(r *http.Request, session *idp.Session, overview *account.Overview) (templates.Account, error) {
	reader := entryOf(r).reader
	view := templates.Account{
		Page: s.view(r, reader.T("Your account"), ""), AccountID: session.Identity.AccountID, Network: session.Identity.Network,
		DisconnectURL: s.base + "/account/disconnect", EndURL: s.base + "/account/sign-out",
	}
	for _, app := range overview.Applications {
		shown := templates.AccountApplication{ClientID: app.ClientID, Name: app.ClientID, LastUsed: app.LastUsed}
		c, err := s.Clients.Client(r.Context(), app.ClientID)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return view, err
		}
		if err == nil {
			shown.Name = c.DisplayName()
		}
		shown.Scopes = s.describe(reader, app.Scopes)
		view.Applications = append(view.Applications, shown)
	}
	for _, other := range overview.Sessions {
		view.Sessions = append(view.Sessions, templates.AccountSession{
			SID: other.Identity.SID, Here: bytes.Equal(other.Hash, session.Hash),
			SignedIn: other.Identity.AuthTime, Expires: other.ExpiresAt,
		})
	}
	return view, nil
}

// disconnect takes back what an application may know.
func (s *server) disconnect(w http.ResponseWriter, r *http.Request) error {
	session, value, err := s.ofAccount(w, r, "client_id")
	if err != nil {
		return err
	}
	if err := s.Accounts.Disconnect(r.Context(), session, value); err != nil {
		return err
	}
	redirect(w, s.base+"/account")
	return nil
}

// signOut ends one of the person's sessions, this browser's or another's.
func (s *server) signOut(w http.ResponseWriter, r *http.Request) error {
	session, sid, err := s.ofAccount(w, r, "sid")
	if err != nil {
		return err
	}
	err = s.Accounts.EndSession(r.Context(), session, sid)
	if err != nil && !errors.Is(err, idp.ErrNotFound) { // over already, or never theirs
		return err
	}
	if err == nil && sid == session.Identity.SID {
		s.dropSession(w)
		redirect(w, s.base+"/")
		return nil
	}
	redirect(w, s.base+"/account")
	return nil
}

// ofAccount reads the one field of a form on the account page, for the person who is signed in.
func (s *server) ofAccount(w http.ResponseWriter, r *http.Request, field string) (*idp.Session, string, error) {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return nil, "", err
	}
	value := form.Get(field)
	if !accountFieldSyntax.MatchString(value) {
		return nil, "", malformed("The field "+field+" is missing or malformed.", nil)
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return nil, "", err
	}
	if session == nil {
		return nil, "", errSignedOut
	}
	return session, value, nil
}
