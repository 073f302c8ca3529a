package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// findHandoff returns what the code in the path is for, and the login that waits.
func (s *server) findHandoff(r *http.Request) (*idp.Handoff, *idp.Login, error) {
	code := r.PathValue("code")
	if !s.AnotherDevice || !idSyntax.MatchString(code) {
		return nil, nil, errNoPage
	}
	h, waiting, err := s.Logins.FindHandoff(r.Context(), code)
	if refusal, ok := errors.AsType[*login.Refusal](err); ok && refusal.Reason == login.NotFound {
		return nil, nil, errHandoffOver
	}
	if err != nil {
		return nil, nil, err
	}
	entryOf(r).clientID = waiting.ClientID
	return h, waiting, nil
}

// takenPage tells a person on the other device who asks, before they sign in. Opening the
// address takes nothing: programs look at links, too, before people do.
func (s *server) takenPage(w http.ResponseWriter, r *http.Request) error {
	h, waiting, err := s.findHandoff(r)
	if err != nil {
		return err
	}
	if h.TakenBy != "" {
		if _, err := s.Logins.Find(r.Context(), h.TakenBy, s.browser(r)); err != nil {
			return errHandoffTaken
		}
		redirect(w, s.base+"/continue/"+h.TakenBy)
		return nil
	}
	if s.Logins.Over(h, waiting) {
		return errHandoffOver
	}
	view, err := s.takenView(r, h, waiting)
	if err != nil {
		return err
	}
	view.TakeURL = s.base + "/d/" + r.PathValue("code")
	return render(w, r, http.StatusOK, templates.HandoffPage(view))
}

func (s *server) takenView(r *http.Request, h *idp.Handoff, waiting *idp.Login) (templates.Handoff, error) {
	app, err := s.application(r.Context(), waiting)
	if err != nil {
		return templates.Handoff{}, err
	}
	reader := entryOf(r).reader()
	return templates.Handoff{
		Page: accented(s.view(r, reader.T("Sign in on another device"), ""), app.mark), Asker: s.asker(r, h.Sender, h.CreatedAt),
		ClientName: app.name, Mark: app.mark, ClientHost: hostName(reader, there(app.host)),
	}, nil
}

// there is the host of an application as it is told on the other device.
func there(host string) string {
	if host == onThisDevice {
		return oauth.OnAnotherDevice
	}
	return host
}

// take begins the login on the other device, or refuses it.
func (s *server) take(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return err
	}
	h, waiting, err := s.findHandoff(r)
	if err != nil {
		return err
	}
	if form.Get("decision") == "deny" {
		if err := s.Logins.DenyHandoff(r.Context(), h.LoginID, ""); err != nil {
			return err
		}
		return render(w, r, http.StatusOK, templates.MessagePage(s.handoffRefused(r)))
	}
	l, err := s.Logins.Take(r.Context(), waiting, s.bindBrowser(w, r))
	if errors.Is(err, idp.ErrUsed) { // the page tells by whom, or that it is over
		redirect(w, s.base+"/d/"+r.PathValue("code"))
		return nil
	}
	if err != nil {
		return err
	}
	redirect(w, s.base+"/login/"+l.ID)
	return nil
}

// handedOver finds what a login on the other device is for.
func (s *server) handedOver(r *http.Request, l *idp.Login) (*idp.Handoff, *idp.Login, error) {
	h, err := s.Logins.Handoff(r.Context(), l.Handoff)
	if err != nil {
		return nil, nil, err
	}
	if h == nil {
		return nil, nil, errHandoffOver
	}
	waiting, err := s.Logins.Waiting(r.Context(), l.Handoff)
	if err != nil {
		return nil, nil, err
	}
	entryOf(r).clientID = waiting.ClientID
	return h, waiting, nil
}

// nothingToProve reports that a login on the other device has outlived its purpose.
func (s *server) nothingToProve(r *http.Request, l *idp.Login) (bool, error) {
	if l.Handoff == "" {
		return false, nil
	}
	h, waiting, err := s.handedOver(r, l)
	return err == nil && (h.Proof != nil || s.Logins.Over(h, waiting)), err
}

// handoffNext is where a login on the other device leads: to its wallet, to the number, or to the end.
func (s *server) handoffNext(w http.ResponseWriter, r *http.Request, l *idp.Login) error {
	h, waiting, err := s.handedOver(r, l)
	if err != nil {
		return err
	}
	app, err := s.application(r.Context(), waiting)
	if err != nil {
		return err
	}
	switch {
	case h.Allowed:
		return render(w, r, http.StatusOK, templates.MessagePage(s.handoffAllowed(r, app)))
	case l.Denied || !h.DecidedAt.IsZero():
		return render(w, r, http.StatusOK, templates.MessagePage(s.handoffRefused(r)))
	case s.Logins.Over(h, waiting):
		return errHandoffOver
	case l.ConsumedAt.IsZero():
		redirect(w, s.base+"/login/"+l.ID)
		return nil
	}
	view, err := s.takenView(r, h, waiting)
	if err != nil {
		return err
	}
	view.Account, view.Network, view.Choices, view.PickURL = h.Proof.AccountID, s.Network, h.Choices, s.base+"/login/"+l.ID+"/number"
	return render(w, r, http.StatusOK, templates.HandoffPage(view))
}

// pickNumber takes the number from the other device.
func (s *server) pickNumber(w http.ResponseWriter, r *http.Request) error {
	form, l, err := s.formInBrowser(w, r)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(form.Get("number"))
	switch {
	case l.Handoff == "":
		return errNoPage
	case form.Get("decision") == "deny":
		_, err = s.Logins.Deny(r.Context(), l.ID, s.browser(r))
	case err != nil:
		return malformed("The number must be one of those that the page offers.", err)
	default:
		var allowed bool
		allowed, err = s.Logins.Pick(r.Context(), l, number)
		if err == nil && !allowed {
			s.failed(r, failure{Status: http.StatusForbidden, Code: "wrong_match_number"}, nil)
		}
	}
	if err != nil && !errors.Is(err, idp.ErrUsed) { // the next page tells why there is nothing to pick
		return err
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

func (s *server) handoffAllowed(r *http.Request, app application) templates.Message {
	reader := entryOf(r).reader()
	return templates.Message{Page: s.view(r, reader.T("Signed in"), ""), Tone: templates.ToneSuccess, Heading: reader.T("Your other screen is signed in"),
		Text: reader.T("Go back to it: {client} goes on there. This device stays signed out, and you can close this page.", "client", cmp.Or(app.name, s.Brand))}
}

func (s *server) handoffRefused(r *http.Request) templates.Message {
	reader := entryOf(r).reader()
	return templates.Message{Page: s.view(r, reader.T("Not signed in"), ""), Tone: templates.ToneInfo, Heading: reader.T("The other screen was refused"),
		Text: reader.T("It was not signed in, and nothing was shared. If it was yours, show a new code there.")}
}

var (
	errHandoffOver = &problem{status: http.StatusGone, code: "expired", heading: "This code is over",
		text: "It was already used or refused, or its few minutes have passed. Show a new code on your other device."}
	errHandoffTaken = &problem{status: http.StatusConflict, code: "used", heading: "This code was opened elsewhere",
		text: "Another browser went on with it. If that was not you, show a new code on your other device, which makes this one useless."}
)
