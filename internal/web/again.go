package web

import (
	"net/http"
	"net/url"
	"slices"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// authorizeURL is a login's authorization request, to be made once more; prompt replaces
// the request's own unless empty.
func (s *server) authorizeURL(l *idp.Login, prompt string) string {
	params, err := url.ParseQuery(l.Params)
	if err != nil || l.ClientID == "" {
		return ""
	}
	if oauth.DeviceOf(l) != "" {
		return s.base + "/device"
	}
	if prompt != "" {
		params.Set("prompt", prompt)
	}
	return s.base + "/authorize?" + params.Encode()
}

// startAgain leads on from the page of a login that is over (after the back
// button, say, or in a tab that was left open) to a fresh one of the same request. It is for the browser
// that began the login alone; "" otherwise.
func (s *server) startAgain(r *http.Request, f failure) string {
	over := []string{"used", "expired", "too_many_attempts", "different_proof", "state_mismatch"}
	if r.PathValue("id") == "" || !slices.Contains(over, f.Code) {
		return ""
	}
	l, err := s.findInBrowser(r)
	if err != nil {
		return ""
	}
	return s.authorizeURL(l, "")
}
