package web

import (
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// errConsentElsewhere answers an embedded sign-in to a client that its person
// has not allowed yet: there is no page here to ask on.
var errConsentElsewhere = &problem{status: http.StatusForbidden, code: "consent_required",
	detail: "The person has not agreed to this application yet. Send them to the authorization endpoint once."}

// adopt ends a login with the session that the browser has: "Continue as …".
func (s *server) adopt(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if !l.ConsumedAt.IsZero() { // pressed twice
		redirect(w, s.base+"/continue/"+l.ID)
		return nil
	}
	if offered, err := s.choices(r, l); err != nil || offered.session == "" {
		redirect(w, s.base+"/login/"+l.ID)
		return err
	}
	adopted, err := s.Logins.Adopt(r.Context(), l, s.session(r))
	if denied := deniedBy(err); denied != nil {
		return s.showRefusal(w, r, l, denied, "")
	}
	if err != nil {
		return err
	}
	redirect(w, s.base+"/continue/"+adopted.ID)
	return nil
}

// consentPage asks the person of a proven login what the application may learn.
func (s *server) consentPage(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if !login.AwaitsConsent(l) {
		redirect(w, s.base+"/continue/"+l.ID)
		return nil
	}
	if oauth.DeviceOf(l) != "" {
		return s.deviceConsent(w, r, l)
	}
	view, err := s.consentView(r, l)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templates.ConsentPage(view))
}

func (s *server) consentView(r *http.Request, l *idp.Login) (templates.Consent, error) {
	app, err := s.application(r.Context(), l)
	if err != nil {
		return templates.Consent{}, err
	}
	terms, err := s.Logins.Terms(r.Context(), l)
	if err != nil {
		return templates.Consent{}, err
	}
	reader := entryOf(r).reader()
	view := templates.Consent{
		Page:       accented(s.view(r, reader.T("Allow {client}", "client", app.name), ""), app.mark),
		ClientName: app.name,
		Mark:       app.mark,
		FirstParty: app.firstParty,
		Links:      app.links,
		Remembered: terms.Asked == idp.AskUnlessRemembered,
		ClientHost: hostName(reader, app.host),
		Account:    l.Proof.AccountID,
		Network:    s.Network,
		Resources:  terms.Resources,
		DecideURL:  s.base + "/consent/" + l.ID,
		AgainURL:   s.authorizeURL(r, l, "login"),
		AccountURL: s.base + "/account",
	}
	view.Scopes = s.describe(reader, terms.Scopes)
	return view, nil
}

// decideConsent takes the person's decision. It leads on by the page that leads
// to applications, since a form may not be redirected there.
func (s *server) decideConsent(w http.ResponseWriter, r *http.Request) error {
	form, l, err := s.formInBrowser(w, r)
	if err != nil {
		return err
	}
	if oauth.DeviceOf(l) != "" {
		if !login.AwaitsConsent(l) {
			redirect(w, s.base+"/continue/"+l.ID)
			return nil
		}
		return s.decideDevice(w, r, l, form.Get("decision"), form.Get("number"))
	}
	switch form.Get("decision") {
	case "allow":
		_, err = s.Logins.Allow(r.Context(), l)
	case "deny":
		_, err = s.Logins.Deny(r.Context(), l.ID, s.browser(r))
	default:
		err = malformed("The decision must be allow or deny.", nil)
	}
	if err != nil {
		return err
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}
