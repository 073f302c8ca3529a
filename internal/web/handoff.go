package web

import (
	"errors"
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/text"
	"near-idp/web/templates"
)

// The states of a login that waits for another device, as its page's script compares them.
const (
	waitOpen     = "open"     // the code is shown
	waitTaken    = "taken"    // it was opened on the other device
	waitProven   = "proven"   // a wallet there has signed; the number is shown
	waitRefused  = "refused"  // by the person there, or by a wrong number
	waitOver     = "over"     // time ran out
	waitDone     = "done"     // the login has ended, or may
	waitRejected = "rejected" // by the wallet behind a relay
	waitGarbled  = "garbled"  // the wallet behind a relay gave no answer that can be read
)

// handOver begins to hand a login over to another device.
func (s *server) handOver(w http.ResponseWriter, r *http.Request) error {
	if !s.AnotherDevice {
		return errNoPage
	}
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	from := sender(r)
	if b := browserOf(r.UserAgent(), entryOf(r).client); b.Name != "" && b.System != "" {
		from.Agent = b.Name + ", " + b.System
	}
	l, err = s.Logins.HandOver(r.Context(), l.ID, s.browser(r), from)
	if err != nil {
		return err
	}
	redirect(w, s.base+"/login/"+l.ID+"/phone")
	return nil
}

// handoffState is what became of a login that waits.
func (s *server) handoffState(l *idp.Login, h *idp.Handoff) string {
	switch {
	case !l.ConsumedAt.IsZero() || h.Allowed:
		return waitDone
	case !h.DecidedAt.IsZero():
		return waitRefused
	case !s.Now().Before(h.ExpiresAt):
		return waitOver
	case h.Proof != nil:
		return waitProven
	case h.TakenBy != "":
		return waitTaken
	}
	return waitOpen
}

// handoffPage is what the browser that waits shows. It ends the login once that is allowed.
func (s *server) handoffPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	h, err := s.Logins.Handoff(r.Context(), l.ID)
	if err != nil {
		return err
	}
	if h == nil {
		redirect(w, s.base+"/login/"+l.ID)
		return nil
	}
	state := s.handoffState(l, h)
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, map[string]string{"state": state})
	}
	if state == waitDone {
		return s.complete(w, r, l, h)
	}
	view, err := s.waitView(r, l, state)
	if err != nil {
		return err
	}
	view.AgainURL = s.base + "/login/" + l.ID + "/phone"
	s.describeHandoff(r, &view, l, h)
	return render(w, r, http.StatusOK, templates.WaitPage(view))
}

// waitView is what every page that waits has.
func (s *server) waitView(r *http.Request, l *idp.Login, state string) (templates.Wait, error) {
	app, err := s.application(r.Context(), l)
	if err != nil {
		return templates.Wait{}, err
	}
	path := s.base + "/login/" + l.ID
	return templates.Wait{State: state, ClientName: app.name, LoginURL: path, CancelURL: path + "/cancel"}, nil
}

// titled is the page of a view that waits, named by its heading; busy if it waits for something still.
func (s *server) titled(r *http.Request, view *templates.Wait, tone string, busy bool, heading, words text.Message) {
	reader := entryOf(r).reader()
	script := ""
	if busy {
		script = "wait.js"
	}
	view.Busy, view.Tone, view.Heading, view.Text = busy, tone, reader.T(heading), reader.T(words)
	view.Page = s.view(r, view.Heading, script)
}

func (s *server) describeHandoff(r *http.Request, view *templates.Wait, l *idp.Login, h *idp.Handoff) {
	switch view.State {
	case waitOpen:
		s.titled(r, view, "", true, "Scan this with your phone",
			"You sign in there, with any wallet, and this page goes on by itself.")
		view.QR = s.url("/d/" + login.HandoffCode(l.ID, s.browser(r)))
		view.Typed, view.AgainURL = view.QR, ""
	case waitTaken:
		s.titled(r, view, templates.ToneBusy, true, "Sign in on your phone",
			"The code was opened. If that was not you, show a new one, which makes the old one useless.")
	case waitProven:
		s.titled(r, view, "", true, "Pick this number on your phone", "Your phone asks for it. Tell it to nobody.")
		view.Number, view.AgainURL = h.Match, ""
	case waitRefused:
		s.titled(r, view, templates.ToneInfo, false, "Refused on the other device",
			"Nothing was shared. If you picked a wrong number, try again with a new code.")
	default:
		s.titled(r, view, templates.ToneWarning, false, "This code ran out",
			"Codes are short-lived to keep you safe. Nothing was shared.")
	}
}

// complete ends a login that waits with what the other device proved.
func (s *server) complete(w http.ResponseWriter, r *http.Request, l *idp.Login, h *idp.Handoff) error {
	if l.ConsumedAt.IsZero() {
		out, err := s.Logins.Complete(r.Context(), l, h, s.replaced(r, l))
		if refusal, ok := errors.AsType[*login.Refusal](err); ok {
			return s.showRefusal(w, r, l, refusal, "")
		}
		if err != nil {
			return err
		}
		s.startSession(w, r, out)
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}
