package web

import (
	"net/http"
	"net/url"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// logout is the logout endpoint (OpenID Connect RP-Initiated Logout section 2).
// An ID token of the person who is signed in here, or of anybody where nobody is,
// ends its session; who proves less has to be confirmed by the person on a page.
func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	form, err := authorizationRequest(w, r)
	if err != nil {
		return err
	}
	own := s.sameOrigin.Check(r) == nil
	forget := form.Get("decision") == "forget"
	confirmed := own && r.Method == http.MethodPost && (forget || form.Get("decision") == "logout")
	form.Del("decision")
	// A POST from another site carries no Lax cookie, so it comes again as a navigation.
	if query := form.Encode(); !own && len(query) <= maxRedirectedQuery {
		redirect(w, s.base+"/logout?"+query)
		return nil
	}
	req, err := s.Protocol.EndSession(r.Context(), form)
	if err != nil {
		return err
	}
	if req.Client != nil {
		entryOf(r).clientID = req.Client.ID
	}
	if req.Unregistered != nil { // signing out goes on all the same
		s.failed(r, failure{Status: http.StatusBadRequest, Code: req.Unregistered.Code}, req.Unregistered)
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	proven := req.Subject != "" && (session == nil || session.Identity.Subject == req.Subject && !req.Refused)
	if session != nil && !proven && !confirmed {
		return render(w, r, http.StatusOK, templates.LogoutPage(s.logoutView(r, form, req, session)))
	}
	if err := s.endSessions(w, r, req, session, proven); err != nil {
		return err
	}
	if confirmed && forget {
		s.forget(w, r, "")
	}
	return s.loggedOut(w, r, req, proven)
}

// endSessions ends the browser's session and, if the ID token proves that it may be, the
// one that the token is of: the two differ when the person signed in again meanwhile.
func (s *server) endSessions(w http.ResponseWriter, r *http.Request, req *oauth.LogoutRequest, session *idp.Session, proven bool) error {
	var sids []string
	if session != nil {
		sids = append(sids, session.Identity.SID)
	}
	if proven && req.SID != "" {
		sids = append(sids, req.SID)
	}
	if len(sids) > 0 {
		if err := s.Logins.End(r.Context(), sids...); err != nil {
			return err
		}
	}
	if s.session(r) != "" {
		s.dropSession(w)
	}
	return nil
}

// loggedOut leads back to the application that proved whose session it was, and
// offers the way to one that did not. A form's answer is a page and no redirect, because browsers
// hold a form's whole redirect chain to form-action.
func (s *server) loggedOut(w http.ResponseWriter, r *http.Request, req *oauth.LogoutRequest, proven bool) error {
	reader := entryOf(r).reader()
	switch {
	case proven && req.RedirectTo != "" && r.Method != http.MethodPost:
		redirect(w, req.RedirectTo)
		return nil
	case proven && req.RedirectTo != "":
		return render(w, r, http.StatusOK, templates.ContinuePage(templates.Continue{
			Page: s.view(r, reader.T("Signed out"), ""), To: req.RedirectTo, ClientName: req.Client.DisplayName(),
		}))
	}
	message := templates.Message{
		Page: s.view(r, reader.T("Signed out"), ""), Tone: templates.ToneSuccess, Heading: reader.T("You are signed out"),
		Text: reader.T("This browser is not signed in here any more. Applications that want to know of it are told."),
	}
	if req.RedirectTo != "" {
		message.ActionURL, message.ActionText = req.RedirectTo, reader.T("Return to {client}", "client", req.Client.DisplayName())
	}
	return render(w, r, http.StatusOK, templates.MessagePage(message))
}

// logoutView asks the person. What the form sends is judged anew when it comes back.
func (s *server) logoutView(r *http.Request, form url.Values, req *oauth.LogoutRequest, session *idp.Session) templates.Logout {
	view := templates.Logout{
		Page: s.view(r, entryOf(r).reader().T("Sign out"), ""), Account: session.Identity.AccountID, Network: s.Network,
		LogoutURL: s.base + "/logout", CancelURL: s.base + "/", Remembers: len(s.remembered(r)) > 0,
	}
	if req.RedirectTo != "" { // that the application asks is not proven, and not said
		view.Mark = s.mark(req.Client)
		view.Page = accented(view.Page, view.Mark)
		view.ClientID, view.RedirectURI, view.State = req.Client.ID, form.Get("post_logout_redirect_uri"), form.Get("state")
	}
	return view
}
