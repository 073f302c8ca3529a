package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/observe"
)

// sessionLife bounds a sign-in to the pages.
const sessionLife = 8 * time.Hour

// A visitor is who is signed in: what the session cookie says. The cookie is a
// name for a session of the provider, and worth nothing after that.
type visitor struct {
	Subject string `json:"sub"`
	SID     string `json:"sid"`
	Expires int64  `json:"exp"` // Unix time
}

// actor is who makes the visitor's changes, as the audit log names them.
func (v *visitor) actor() string { return "account:" + v.Subject }

type visitorKey struct{}

// visitorOf is who is signed in; nobody on an open page.
func visitorOf(r *http.Request) *visitor {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}

// signedIn lets through an administrator. Each request asks again whether the
// session lives and whether the account is still listed, so that either ends at once.
func (s *Server) signedIn(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := s.recognise(r)
		if err != nil {
			return err
		}
		if v == nil {
			return s.sendToSignIn(w, r)
		}
		observe.Of(r).Actor = v.actor()
		origin := idp.OriginOf(r.Context())
		origin.Actor = v.actor()
		ctx := context.WithValue(idp.WithOrigin(r.Context(), origin), visitorKey{}, v)
		return h(w, r.WithContext(ctx))
	}
}

// recognise returns who the browser is signed in as, or nil.
func (s *Server) recognise(r *http.Request) (*visitor, error) {
	v := &visitor{}
	if !s.readCookie(r, sessionCookie, v) || s.Now().Unix() >= v.Expires || !s.listed(v.Subject) {
		return nil, nil
	}
	session, err := s.Session(r.Context(), v.SID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if session.Identity.Subject != v.Subject || session.Identity.Network != s.Network {
		return nil, nil
	}
	return v, nil
}

// listed compares subjects, not account ids: an account that was deleted and made anew
// is somebody else's, and its subject is another one.
func (s *Server) listed(subject string) bool {
	return subject != "" && slices.Contains(s.Admins(), subject)
}

// sendToSignIn remembers where somebody wanted to go; what they posted is lost.
func (s *Server) sendToSignIn(w http.ResponseWriter, r *http.Request) error {
	to := url.Values{}
	if r.Method == http.MethodGet && r.URL.Path != "/clients" {
		to.Set("to", r.URL.RequestURI())
	}
	redirect(w, "/sign-in"+query(to))
	return nil
}

func query(values url.Values) string {
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}
