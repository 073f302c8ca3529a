package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// authorizeURL is a login's authorization request, to be made once more; prompt replaces
// the request's own unless empty.
func (s *server) authorizeURL(r *http.Request, l *idp.Login, prompt string) string {
	params, err := url.ParseQuery(l.Params)
	if err != nil {
		return ""
	}
	if page := ownPage(l); page != "" {
		return s.base + page
	}
	if l.ClientID == "" {
		return ""
	}
	if oauth.DeviceOf(l) != "" {
		return s.base + "/device"
	}
	// A request that was pushed is never shown to the browser, which could change it; one by
	// FedCM is none of the authorization endpoint's.
	if c, err := s.Clients.Client(r.Context(), l.ClientID); err == nil && c.RequirePushedAuthorizationRequests || oauth.IsFedCM(params) {
		return s.base + "/login/" + l.ID + "/again?" + url.Values{"prompt": {prompt}}.Encode()
	}
	if prompt != "" {
		params.Set("prompt", prompt)
	}
	maps.DeleteFunc(params, func(name string, _ []string) bool { return strings.HasPrefix(name, "_") }) // what we made of it
	return s.base + "/authorize?" + params.Encode()
}

// startAgain leads on from the page of a login that is over (after the back
// button, say, or in a tab that was left open) to a fresh one of the same request. It is for the browser
// that began the login alone; "" otherwise.
func (s *server) startAgain(r *http.Request, f failure) string {
	over := []string{"used", "expired", "too_many_attempts", "different_proof", "state_mismatch", "access_denied"}
	if r.PathValue("id") == "" || !slices.Contains(over, f.Code) {
		return ""
	}
	prompt := ""
	if f.Code == "access_denied" { // with the same session it would end the same way
		prompt = "login"
	}
	l, err := s.findInBrowser(r)
	if err != nil {
		return ""
	}
	return s.authorizeURL(r, l, prompt)
}

// again makes a login's authorization request once more, from what is stored of it.
func (s *server) again(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if l.ClientID == "" || oauth.DeviceOf(l) != "" {
		return errNoPage
	}
	prompt := ""
	if query, err := parseQuery(r.URL.RawQuery); err == nil && query.Get("prompt") == "login" {
		prompt = "login"
	}
	req, err := s.Protocol.Again(r.Context(), l, prompt)
	if err != nil {
		return err
	}
	return s.proceed(w, r, req)
}
