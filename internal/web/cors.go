package web

import (
	"net/http"
)

// An originRule says what a page of some origin is told: the value of
// Access-Control-Allow-Origin, or "" if it may not read the answer.
type originRule func(origin string) string

// anyone may read what is public anyway.
func (s *server) anyone(string) string { return "*" }

// registered origins are our own and those of redirect URIs.
func (s *server) registered(origin string) string {
	if origin == s.origin || s.Clients.AllowsOrigin(origin) {
		return origin
	}
	return ""
}

// cors lets pages of other origins read the answer. Cookies are never
// involved: Access-Control-Allow-Credentials is not sent.
func (s *server) cors(rule originRule, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.allowOrigin(w, r, rule)
		next.ServeHTTP(w, r)
	})
}

func (s *server) allowOrigin(w http.ResponseWriter, r *http.Request, rule originRule) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		w.Header().Add("Vary", "Origin")
		if rule(origin) == "*" {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		return true
	}
	allowed := rule(origin)
	if allowed != "*" {
		w.Header().Add("Vary", "Origin")
	}
	if allowed == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", allowed)
	w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id")
	return true
}

// preflight answers the question that browsers ask before a cross-origin request.
func (s *server) preflight(rule originRule, methods string) http.Handler {
	return s.api(func(w http.ResponseWriter, r *http.Request) error {
		if !s.allowOrigin(w, r, rule) {
			return errForeignOrigin
		}
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// isForeign reports a browser's request that a page of another origin caused.
// A request that says nothing of its origin comes from no browser.
func (s *server) isForeign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return origin != s.origin
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return true
}

// own refuses what other sites' pages make a browser send (login CSRF, forced cancel).
func (s *server) own(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.sameOrigin.Check(r); err != nil {
			return &problem{status: http.StatusForbidden, code: "cross_origin", heading: "Not from here", err: err,
				text: "This request was sent by a page of another site, so it was not carried out."}
		}
		return next(w, r)
	}
}

var errForeignOrigin = &problem{status: http.StatusForbidden, code: "origin_not_allowed", heading: "Not from here",
	detail: "The page's origin is not that of a redirect URI of this client; register one to call this from a browser."}
