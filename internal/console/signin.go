package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	// attemptLife is how long a sign-in may take.
	attemptLife = 15 * time.Minute
	// clockSkew is tolerated between the provider's replicas.
	clockSkew = time.Minute
	maxReturn = 1024 // bytes
)

// An attempt is a sign-in under way, which this browser alone can end.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	To       string `json:"to"` // where to go on afterwards
	Began    int64  `json:"began"`
}

// CallbackPath is where the provider sends administrators back to.
const CallbackPath = "/callback"

// signInPage offers the one way in, or says how the first administrator is named.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.recognise(r)
	if err != nil {
		return err
	}
	to := localPath(r.URL.Query().Get("to"))
	if v != nil {
		redirect(w, to)
		return nil
	}
	page := s.view(r, "", "Sign in")
	if len(s.Admins()) == 0 {
		return s.render(w, r, http.StatusOK, nobodyPage(page))
	}
	// Absolute: what is begun under another name of this host could not end there.
	start := s.URL + "/sign-in/start" + query(url.Values{"to": {to}})
	return s.render(w, r, http.StatusOK, signInPage(page, start, r.URL.Query().Has("signed-out")))
}

// startSignIn sends the browser to the provider (OpenID Connect Core section
// 3.1.2.1). Whoever is signed in there already signs again: a browser that was
// left open somewhere opens no admin page.
func (s *Server) startSignIn(w http.ResponseWriter, r *http.Request) error {
	if len(s.Admins()) == 0 {
		redirect(w, "/sign-in")
		return nil
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(),
		To: localPath(r.URL.Query().Get("to")), Began: s.Now().Unix()}
	if err := s.setCookie(w, attemptCookie, a, attemptLife); err != nil {
		return err
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	redirect(w, s.Issuer+"/authorize?"+url.Values{
		"client_id": {idp.AdminClientID}, "redirect_uri": {s.URL + CallbackPath}, "response_type": {"code"}, "scope": {"openid"},
		"state": {a.State}, "nonce": {a.Nonce}, "code_challenge": {encode(challenge[:])}, "code_challenge_method": {"S256"},
		"prompt": {"login"}, "max_age": {"0"},
	}.Encode())
	return nil
}

// callback ends what startSignIn began.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) error {
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return notHere(err)
	}
	var a attempt
	if !s.readCookie(r, attemptCookie, &a) || s.Now().Sub(time.Unix(a.Began, 0)) > attemptLife ||
		subtle.ConstantTimeCompare([]byte(a.State), []byte(answer.Get("state"))) != 1 {
		return notHere(errors.New("the state is not that of this browser's sign-in"))
	}
	s.dropCookie(w, attemptCookie)
	// Another provider's answer must not be redeemed at this one (RFC 9207 section 2.4).
	if iss := answer["iss"]; len(iss) != 1 || iss[0] != s.Issuer {
		return notHere(fmt.Errorf("iss is %.200q, not %q", iss, s.Issuer))
	}
	if code := answer.Get("error"); code != "" {
		return refusedBy(code, answer.Get("error_description"))
	}
	v, err := s.identify(r, a, answer.Get("code"))
	if err != nil {
		return err
	}
	left := time.Unix(v.Expires, 0).Sub(s.Now())
	if err := s.setCookie(w, sessionCookie, v, left); err != nil {
		return err
	}
	redirect(w, a.To)
	return nil
}

// identify exchanges the code for an ID token and finds out whether it is of an administrator.
func (s *Server) identify(r *http.Request, a attempt, code string) (*visitor, error) {
	text, err := s.Redeem(r.Context(), code, a.Verifier)
	if errors.Is(err, ErrNoTokens) {
		return nil, notHere(err)
	}
	if err != nil {
		return nil, err
	}
	token, err := s.checkIDToken(text, a)
	if err != nil {
		return nil, notHere(err)
	}
	session, err := s.Session(r.Context(), token.SID)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (session.Identity.Subject != token.Subject || session.Identity.Network != s.Network) {
		return nil, notHere(errors.New("the session ended meanwhile"))
	}
	if err != nil {
		return nil, err
	}
	if !s.listed(token.Subject) {
		return nil, notListed(token.Subject)
	}
	expires := s.Now().Add(sessionLife)
	if session.ExpiresAt.Before(expires) {
		expires = session.ExpiresAt
	}
	return &visitor{token.Subject, token.SID, expires.Unix()}, nil
}

// An idToken is what of an ID token is looked at.
type idToken struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Nonce    string `json:"nonce"`
	Expires  int64  `json:"exp"`
	AuthTime int64  `json:"auth_time"`
	SID      string `json:"sid"`
}

// checkIDToken checks the claims of an ID token (OpenID Connect Core section 3.1.3.7).
func (s *Server) checkIDToken(text []byte, a attempt) (t idToken, err error) {
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("ID token: %w", err)
	}
	switch {
	case t.Issuer != s.Issuer:
		err = fmt.Errorf("ID token: iss is %q", t.Issuer)
	case t.Audience != idp.AdminClientID:
		err = fmt.Errorf("ID token: aud is %q", t.Audience)
	case t.Nonce == "" || t.Nonce != a.Nonce:
		err = errors.New("ID token: the nonce is that of another sign-in")
	case s.Now().Unix() >= t.Expires:
		err = errors.New("ID token: it has expired")
	case t.AuthTime < a.Began-int64(clockSkew/time.Second):
		err = errors.New("ID token: the signature is older than this sign-in")
	case t.Subject == "" || t.SID == "":
		err = errors.New("ID token: sub or sid is missing")
	}
	return t, err
}

// notHere is also what keeps somebody else's answer out of this browser.
func notHere(err error) error {
	return &failure{status: http.StatusBadRequest, code: "sign_in", heading: "This sign-in cannot be finished here", err: err,
		text:      "It was started in another browser, was finished before, or took too long.",
		actionURL: "/sign-in", actionText: "Start again"}
}

func refusedBy(code, description string) error {
	if code == "access_denied" {
		return &failure{status: http.StatusOK, code: code, heading: "You cancelled", text: "You are not signed in.",
			actionURL: "/sign-in", actionText: "Sign in after all"}
	}
	return &failure{status: http.StatusBadRequest, code: "sign_in", heading: "The provider refused", text: description,
		actionURL: "/sign-in", actionText: "Start again", err: fmt.Errorf("error %.100q", code)}
}

func notListed(subject string) error {
	return &failure{status: http.StatusForbidden, code: "not_listed", heading: subject + " is no administrator here",
		text:      "Whoever runs the provider may add the account to admin.accounts of its configuration.",
		actionURL: "/sign-in", actionText: "Use another account", err: fmt.Errorf("%s is not in admin.accounts", subject)}
}

// signOut ends the session at the provider, and with it every sign-in that names it.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.End(r.Context(), visitorOf(r).SID); err != nil {
		return err
	}
	s.dropCookie(w, sessionCookie)
	redirect(w, "/sign-in?signed-out")
	return nil
}

// localPath returns a path of ours; a redirect elsewhere would lend our name to others.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || len(to) > maxReturn ||
		!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/clients"
	}
	return to
}
