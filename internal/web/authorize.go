package web

import (
	"errors"
	"net/http"
	"net/url"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// maxRedirectedQuery is what proxies are sure to pass in a request line.
const maxRedirectedQuery = 6 << 10

// authorize is the authorization endpoint (RFC 6749 section 3.1). It takes
// requests from anywhere, by GET or POST (OIDC Core section 3.1.2.1), and
// begins the login that ends at the client.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) error {
	form, err := authorizationRequest(w, r)
	if err != nil {
		return err
	}
	s.prefer(w, r, form.Get("ui_locales"))
	req, err := s.Protocol.Authorize(r.Context(), form)
	if err != nil {
		return err
	}
	entryOf(r).clientID = req.Client.ID
	if err := s.mayAuthorize(r, req.Client.ID); err != nil {
		return err
	}
	// A POST from another site carries no Lax cookie. A new one would cut off the
	// logins in the browser's other tabs, so the request comes again as a navigation.
	query := form.Encode()
	if r.Method == http.MethodPost && s.browser(r) == "" && len(query) <= maxRedirectedQuery {
		redirect(w, s.base+"/authorize?"+query)
		return nil
	}
	if req.LoginID != "" { // the page is loaded again
		redirect(w, s.base+"/login/"+req.LoginID)
		return nil
	}
	return s.proceed(w, r, req)
}

// proceed is where a valid request becomes a login, or is answered by the session.
func (s *server) proceed(w http.ResponseWriter, r *http.Request, req *oauth.Request) error {
	s.Metrics.Step(stepAuthorize)
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if err != nil {
		return err
	}
	step, err := s.Protocol.Decide(req, session)
	if err != nil {
		return err
	}
	begin := login.Request{
		Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, State: req.State, Browser: s.bindBrowser(w, r),
	}
	if req.Pushed() {
		if params, err := url.ParseQuery(req.Params); err == nil {
			s.prefer(w, r, params.Get("ui_locales"))
		}
		begin.ID = idp.NewID()
		winner, err := s.Protocol.Claim(r.Context(), req, begin.ID)
		if err != nil {
			return err
		}
		if winner != begin.ID { // it was loaded twice at once
			redirect(w, s.base+"/login/"+winner)
			return nil
		}
	}
	if step == oauth.StepResume || step == oauth.StepSilent {
		return s.resume(w, r, req, begin, session, step == oauth.StepSilent)
	}
	return s.beginLogin(w, r, begin)
}

func (s *server) beginLogin(w http.ResponseWriter, r *http.Request, begin login.Request) error {
	l, err := s.Logins.Begin(r.Context(), begin)
	if err != nil {
		return err
	}
	redirect(w, s.base+"/login/"+l.ID)
	return nil
}

// resume answers from the browser's session: with a code, by asking for
// consent, or, if nothing may be asked, with an error.
func (s *server) resume(w http.ResponseWriter, r *http.Request, req *oauth.Request, begin login.Request, session *idp.Session, silent bool) error {
	l, err := s.Logins.Resume(r.Context(), begin, session, silent)
	if denied := deniedBy(err); denied != nil {
		return s.offerAnother(w, r, req, begin, denied, silent)
	}
	if err != nil {
		return err
	}
	if l == nil && silent {
		return s.Protocol.ConsentRequired(req)
	}
	if l == nil { // the session ended a moment ago
		return s.beginLogin(w, r, begin)
	}
	to, _, err := s.destination(r, l)
	if err != nil {
		return err
	}
	redirect(w, to)
	return nil
}

// deniedBy is the refusal of an account that may not sign in, of which another may; nil for any other error.
func deniedBy(err error) *login.Refusal {
	if refusal, ok := errors.AsType[*login.Refusal](err); ok && refusal.Reason == login.AccessDenied {
		return refusal
	}
	return nil
}

// offerAnother answers a request whose session is of an account that may not use the
// application. A person is told so on the page where they can sign in with another, or go
// back; an application that wants nobody to be asked is told itself.
func (s *server) offerAnother(w http.ResponseWriter, r *http.Request, req *oauth.Request, begin login.Request, denied *login.Refusal, silent bool) error {
	if silent {
		return s.Protocol.AccessDenied(req, denied.Err)
	}
	l, err := s.Logins.Begin(r.Context(), begin)
	if err != nil {
		return err
	}
	return s.showRefusal(w, r, l, denied, "")
}

func authorizationRequest(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return readForm(w, r, maxLoginBody)
	}
	if len(r.URL.RawQuery) > maxLoginBody {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "too_large",
			detail: "The authorization request is too long.", err: errors.New("query too long")}
	}
	return parseQuery(r.URL.RawQuery)
}
