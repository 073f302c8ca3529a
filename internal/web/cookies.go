package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"regexp"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
)

// The names of the cookies, without the prefix they have wherever browsers take it.
const (
	loginCookie   = "idp_login"
	sessionCookie = "idp_session"
)

// loginCookieAge outlives every login by far; the cookie binds a browser, not a login.
const loginCookieAge = 24 * time.Hour

// cookieName prefixes __Host-, which keeps siblings and plain http from
// planting the cookie. Browsers refuse it over http, which only a loopback issuer uses.
func (s *server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *server) cookie(name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:  s.cookieName(name),
		Value: value,
		Path:  "/", // __Host- demands it
		// Lax: a redirect wallet comes back by a cross-site navigation, which must carry it.
		SameSite: http.SameSiteLaxMode,
		HttpOnly: true,
		Secure:   s.secure,
		MaxAge:   int(age / time.Second),
	}
}

// 256 bits, base64url
var browserSyntax = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// browser returns the secret of the browser's login cookie, "" if it has none.
func (s *server) browser(r *http.Request) string {
	c, err := r.Cookie(s.cookieName(loginCookie))
	if err != nil || !browserSyntax.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// bindBrowser returns the secret that the browser holds from now on: the one it
// has, so that logins in its other tabs stay bound to it, or else a new one.
func (s *server) bindBrowser(w http.ResponseWriter, r *http.Request) string {
	secret := s.browser(r)
	if secret == "" {
		var random [32]byte
		rand.Read(random[:]) // never fails
		secret = base64.RawURLEncoding.EncodeToString(random[:])
	}
	http.SetCookie(w, s.cookie(loginCookie, secret, loginCookieAge))
	return secret
}

// session returns the secret of the browser's session cookie, "" if it has none.
func (s *server) session(r *http.Request) string {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil || !sessionSyntax.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// two of rand.Text, 260 bits
var sessionSyntax = regexp.MustCompile(`^[A-Z2-7]{52}$`)

// replaced is the session that a new one takes the place of: the browser's, if
// the login is the browser's too.
func (s *server) replaced(r *http.Request, l *idp.Login) string {
	if l.BrowserHash == nil {
		return ""
	}
	return s.session(r)
}

// startSession hands the new session to the browser that proved it. A login
// that was begun through the API has no browser: its session goes to a caller that is
// no browser, or to our own pages, and only where it signs in to the provider
// itself; otherwise a page elsewhere could sign its visitor in as somebody else.
func (s *server) startSession(w http.ResponseWriter, r *http.Request, out *login.Outcome) {
	if out.SessionSecret == "" {
		return
	}
	if out.Login.BrowserHash == nil && (out.Login.ClientID != "" || s.isForeign(r)) {
		return
	}
	s.setSession(w, out.SessionSecret, out.SessionExpires)
	s.announce(w, out.Session())
	s.remember(w, r, out.Identity.AccountID)
}

func (s *server) dropSession(w http.ResponseWriter) {
	http.SetCookie(w, s.cookie(sessionCookie, "", -time.Second))
	s.announce(w, nil)
}

func (s *server) setSession(w http.ResponseWriter, secret idp.Secret, expires time.Time) {
	http.SetCookie(w, s.cookie(sessionCookie, string(secret), expires.Sub(s.Now())))
}
