package web

import (
	"errors"
	"net/http"
	"net/url"

	"near-idp/internal/login"
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
	req, err := s.Protocol.Authorize(r.Context(), form)
	if err != nil {
		return err
	}
	entryOf(r).clientID = req.Client.ID
	// A POST from another site carries no Lax cookie. A new one would cut off the
	// logins in the browser's other tabs, so the request comes again as a navigation.
	if r.Method == http.MethodPost && s.browser(r) == "" && len(req.Params) <= maxRedirectedQuery {
		redirect(w, s.base+"/authorize?"+req.Params)
		return nil
	}
	l, err := s.Logins.Begin(r.Context(), login.Request{
		Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, State: req.State, Browser: s.bindBrowser(w, r),
	})
	if err != nil {
		return err
	}
	redirect(w, s.base+"/login/"+l.ID)
	return nil
}

func authorizationRequest(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return readForm(w, r, maxLoginBody)
	}
	if len(r.URL.RawQuery) > maxLoginBody {
		return nil, &problem{status: http.StatusRequestURITooLong, code: "too_large",
			text: "The authorization request is too long.", err: errors.New("query too long")}
	}
	return parseQuery(r.URL.RawQuery)
}
