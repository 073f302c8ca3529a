package web

import (
	"net/http"

	"near-idp/web/static"
)

// button serves the sign-in button to the pages of applications, wherever they are.
func (s *server) button() http.Handler {
	return s.cors(s.anyone, http.StripPrefix(s.base, static.ButtonHandler(s.origin+s.base)))
}
