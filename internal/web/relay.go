package web

import (
	"context"
	"errors"
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/relay"
	"near-idp/web/templates"
)

// Relays ask wallets on other devices for signatures; *relay.Service is one.
type Relays interface {
	Ask(ctx context.Context, l *idp.Login, wallet string) error
	Look(ctx context.Context, loginID string) (*relay.Waiting, error)
	Discard(ctx context.Context, loginID string) error
}

// askRelay leaves a challenge at a wallet's relay: that of a fresh login, which has all of its time.
func (s *server) askRelay(w http.ResponseWriter, r *http.Request) error {
	form, l, err := s.formInBrowser(w, r)
	if err != nil {
		return err
	}
	if s.Relays == nil {
		return errNoPage
	}
	if l, err = s.Logins.Renew(r.Context(), l.ID, s.browser(r)); err != nil {
		return err
	}
	err = s.Relays.Ask(r.Context(), l, form.Get("wallet"))
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return malformed("No wallet of this name is reached so.", err)
	case errors.Is(err, relay.ErrUnavailable), errors.Is(err, relay.ErrMalformed):
		return &problem{status: http.StatusServiceUnavailable, code: "relay_unavailable", heading: "The wallet’s service is not answering",
			text: "Use another wallet, or try again in a moment.", retryAfter: retryRPC, err: err}
	case err != nil:
		return err
	}
	redirect(w, s.base+"/login/"+l.ID+"/relay")
	return nil
}

// relayPage is what the browser shows while a wallet is waited for. It asks the relay itself, and
// judges the answer like that of any wallet.
func (s *server) relayPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if s.Relays == nil {
		return errNoPage
	}
	if !l.ConsumedAt.IsZero() {
		return s.waited(w, r, l, waitDone)
	}
	if l.Proof != nil { // the chain could not be asked
		return s.judgeRelayed(w, r, l, login.Answer{})
	}
	waiting, err := s.Relays.Look(r.Context(), l.ID)
	if err != nil {
		return err
	}
	state := waitOpen
	switch {
	case waiting == nil:
		redirect(w, s.base+"/login/"+l.ID)
		return nil
	case waiting.Answer.Rejected:
		state = waitRejected
	case !waiting.Answer.Pending():
		return s.judgeRelayed(w, r, l, login.Answer{AccountID: waiting.Answer.AccountID, PublicKey: waiting.Answer.PublicKey,
			Signature: waiting.Answer.Signature, Wallet: waiting.Wallet})
	case waiting.Unreadable:
		state = waitGarbled
	case waiting.Over:
		state = waitOver
	}
	if wantsJSON(r) {
		return s.waited(w, r, l, state)
	}
	view, err := s.waitView(r, l, state)
	if err != nil {
		return err
	}
	s.describeRelay(r, &view, l, waiting)
	return render(w, r, http.StatusOK, templates.WaitPage(view))
}

// waited tells a script the state, and leads others to what follows.
func (s *server) waited(w http.ResponseWriter, r *http.Request, l *idp.Login, state string) error {
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, map[string]string{"state": state})
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

// judgeRelayed ends the login with an answer. One that is refused is not fetched again.
func (s *server) judgeRelayed(w http.ResponseWriter, r *http.Request, l *idp.Login, answer login.Answer) error {
	answer.Session = s.replaced(r, l)
	out, err := s.Logins.Verify(r.Context(), l, answer)
	refusal, refused := errors.AsType[*login.Refusal](err)
	if refused && refusal.Reason != login.RPCUnavailable {
		if err := s.Relays.Discard(r.Context(), l.ID); err != nil {
			return err
		}
	}
	switch {
	case refused && wantsJSON(r):
		return s.waited(w, r, l, waitGarbled)
	case refused:
		return s.showRefusal(w, r, l, refusal, "")
	case err != nil:
		return err
	}
	s.startSession(w, r, out)
	return s.waited(w, r, l, waitDone)
}

func (s *server) describeRelay(r *http.Request, view *templates.Wait, l *idp.Login, waiting *relay.Waiting) {
	reader := entryOf(r).reader()
	view.Wallet, view.Name = waiting.Wallet, waiting.Wallet
	for _, wallet := range s.Wallets {
		if wallet.ID == waiting.Wallet {
			view.Name = wallet.Name
		}
	}
	view.AgainURL = s.base + "/login/" + l.ID + "/relay"
	switch view.State {
	case waitOpen:
		s.titled(r, view, "", true, "Scan this with {wallet}", "Check that it shows {host} and the code {code}, then approve.")
		view.Heading = reader.T("Scan this with {wallet}", "wallet", view.Name)
		view.Text = reader.T("Check that it shows {host} and the code {code}, then approve.", "host", l.Recipient, "code", login.ShortCode(l.Nonce))
		view.Page.Title = view.Heading
		view.QR, view.OpenURL, view.AgainURL = waiting.Links.QR, waiting.Links.App, ""
	case waitRejected:
		s.titled(r, view, templates.ToneInfo, false, "Not approved", "Codes are short-lived to keep you safe. Nothing was shared.")
		view.Text = ""
	case waitGarbled:
		s.titled(r, view, templates.ToneWarning, false, "The wallet could not sign", "It reported a problem. Nothing was shared.")
	default:
		s.titled(r, view, templates.ToneWarning, false, "This code ran out", "Codes are short-lived to keep you safe. Nothing was shared.")
	}
}
