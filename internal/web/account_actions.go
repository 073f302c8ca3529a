package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"near-idp/internal/idp"
)

// errSignedOut answers who asks for something of an account without a session.
var errSignedOut = &problem{status: http.StatusForbidden, code: "signed_out", heading: "You are not signed in",
	text: "This browser is not signed in here any more. Open your account page again to sign in."}

// An action is what a form on a page of the account does, for the person who is signed
// in at that moment. Doing it twice is the same as once.
type action func(w http.ResponseWriter, r *http.Request, session *idp.Session, form url.Values) error

// act reads the form of an action. field, unless empty, names the one that must be in it.
func (s *server) act(field string, do action) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r, maxLoginBody)
		if err != nil {
			return err
		}
		if field != "" && !accountFieldSyntax.MatchString(form.Get(field)) {
			return malformed("The field "+field+" is missing or malformed.", nil)
		}
		session, err := s.Logins.Session(r.Context(), s.session(r))
		if err != nil {
			return err
		}
		if session == nil {
			return errSignedOut
		}
		return do(w, r, session, form)
	}
}

// disconnect takes back what an application may know.
func (s *server) disconnect(w http.ResponseWriter, r *http.Request, session *idp.Session, form url.Values) error {
	if err := s.Accounts.Disconnect(r.Context(), session, form.Get("client_id")); err != nil {
		return err
	}
	redirect(w, s.base+"/account")
	return nil
}

// signOut ends one of the person's sessions, this browser's or another's.
func (s *server) signOut(w http.ResponseWriter, r *http.Request, session *idp.Session, form url.Values) error {
	sid := form.Get("sid")
	err := s.Accounts.EndSession(r.Context(), session, sid)
	if err != nil && !errors.Is(err, idp.ErrNotFound) { // over already, or never theirs
		return err
	}
	if err == nil && sid == session.Identity.SID {
		s.dropSession(w)
		redirect(w, s.base+"/logout") // which says so
		return nil
	}
	redirect(w, s.base+"/account")
	return nil
}

// signOutOthers ends the person's sessions in other browsers.
func (s *server) signOutOthers(w http.ResponseWriter, r *http.Request, session *idp.Session, _ url.Values) error {
	if err := s.Accounts.EndOthers(r.Context(), session); err != nil {
		return err
	}
	redirect(w, s.base+"/account")
	return nil
}

// signOutEverywhere ends all sessions and grants. It asks for no new signature: who is
// afraid of what others do in their name has no time to look for a wallet, and who does it
// to them has done no more than that.
func (s *server) signOutEverywhere(w http.ResponseWriter, r *http.Request, session *idp.Session, _ url.Values) error {
	if err := s.Accounts.EndEverything(r.Context(), session); err != nil {
		return err
	}
	s.dropSession(w)
	redirect(w, s.base+"/logout")
	return nil
}

// confirm has the person sign with their wallet, although they are signed in.
func (s *server) confirm(w http.ResponseWriter, r *http.Request, session *idp.Session, _ url.Values) error {
	return s.signInFor(w, r, "/account/data", session.Identity.AccountID)
}

// export is a copy of what is kept of the person, who must have signed with
// their wallet a moment ago: a browser that was left open gives nothing away at once.
func (s *server) export(w http.ResponseWriter, r *http.Request, session *idp.Session, _ url.Values) error {
	if !s.isFresh(session) {
		redirect(w, s.base+"/account/data")
		return nil
	}
	all, err := s.Accounts.Export(r.Context(), session)
	if errors.Is(err, idp.ErrNotFound) { // it is another's by now
		return errSignedOut
	}
	if err != nil {
		return err
	}
	return download(w, "near-account.json", all)
}

// proofFile is the proof of the last sign-in, to be kept or verified elsewhere.
func (s *server) proofFile(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	proof, err := s.Accounts.Proof(r.Context(), session)
	if err != nil {
		return err
	}
	if proof == nil {
		return errNoPage
	}
	return download(w, "near-sign-in.json", proof)
}

// download answers with a JSON file, which no browser shows in our origin.
func download(w http.ResponseWriter, name string, body any) error {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text)
	return nil
}
