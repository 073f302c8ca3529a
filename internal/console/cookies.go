package console

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// The cookies, without the prefix they have wherever browsers take it.
const (
	sessionCookie = "idp_admin"
	attemptCookie = "idp_admin_attempt"
)

const maxCookie = 4096 // bytes, as browsers keep

// cookieName prefixes __Host-, which keeps siblings and plain http from
// planting the cookie. Browsers refuse it over http, which only a loopback address uses.
func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// setCookie seals a value into a cookie. Lax: administrators follow links to
// these pages, and the provider sends them back here; changes are POSTs of our own pages alone.
func (s *Server) setCookie(w http.ResponseWriter, name string, value any, age time.Duration) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	mac := s.Keys.MAC(purpose(name), text)
	s.putCookie(w, name, encode(text)+"."+encode(mac[:]), int(age/time.Second))
	return nil
}

func (s *Server) dropCookie(w http.ResponseWriter, name string) { s.putCookie(w, name, "", -1) }

func (s *Server) putCookie(w http.ResponseWriter, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: age,
		SameSite: http.SameSiteLaxMode, HttpOnly: true, Secure: s.secure})
}

// readCookie reports whether the browser has a cookie of this name that we sealed. What it says
// of time is for the caller to check.
func (s *Server) readCookie(r *http.Request, name string, into any) bool {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil || len(c.Value) > maxCookie {
		return false
	}
	sealed, seal, _ := strings.Cut(c.Value, ".")
	text, err := decode(sealed)
	if err != nil {
		return false
	}
	mac, err := decode(seal)
	if err != nil {
		return false
	}
	for want := range s.Keys.MACs(purpose(name), text) {
		if hmac.Equal(want[:], mac) {
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.DisallowUnknownFields() // of another version
			return dec.Decode(into) == nil
		}
	}
	return false
}

// purpose keeps one cookie from passing for the other.
func purpose(name string) string { return "admin pages: " + name }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(text) }
