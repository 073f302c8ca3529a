package main

import (
	"net/http"
	"strings"
	"time"
)

// What the cookies are called.
const (
	loginCookie   = "example_go_login"
	sessionCookie = "example_go_session"
)

// cookie is one that no script reads, that no other site's form carries, and
// that over TLS no neighbouring host or plain connection can set.
func (a *app) cookie(name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(name), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: a.secure(), SameSite: http.SameSiteLaxMode,
	}
}

func (a *app) cookieName(name string) string {
	if a.secure() {
		return "__Host-" + name
	}
	return name
}

// read returns a cookie's value, or the empty string.
func (a *app) read(r *http.Request, name string) string {
	cookie, err := r.Cookie(a.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (a *app) secure() bool { return strings.HasPrefix(a.base, "https://") }
