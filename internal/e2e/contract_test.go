package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// endpoints are those that the protocol defines, which answer in its terms
// whatever they are sent.
var endpoints = []string{"/authorize", "/token", "/par", "/revoke", "/introspect", "/userinfo", "/logout", "/device_authorization", "/device"}

// pageEndpoints are those of them that people see; the others answer with JSON.
var pageEndpoints = []string{"/authorize", "/logout", "/device"}

// allowedStatuses are those that a request can have, 201 for a pushed one. 409, 410 and 503 are of other things: logins
// that ended, and outages.
var allowedStatuses = []int{200, 201, 302, 303, 400, 401, 403, 404, 405, 413, 415, 429}

// registeredCodes are those of RFC 6749, 6750, 7009, 8628, 8707, 9126, 9449 and OpenID Connect Core.
var registeredCodes = strings.Fields(`invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope
	unsupported_response_type access_denied server_error temporarily_unavailable invalid_token insufficient_scope unsupported_token_type
	authorization_pending slow_down expired_token invalid_target invalid_dpop_proof use_dpop_nonce
	interaction_required login_required account_selection_required consent_required invalid_request_uri invalid_request_object
	request_not_supported request_uri_not_supported registration_not_supported`)

// breach says what of an endpoint's answer breaks the contract; "" for nothing.
func (a *victim) breach(method, path string, r *http.Response, body string) string {
	path, _, _ = strings.Cut(path, "?")
	// What net/http refuses by itself never reached us and bears no request id.
	if !slices.Contains(endpoints, path) || r.Header.Get("X-Request-Id") == "" {
		return ""
	}
	preflight := method == http.MethodOptions && r.StatusCode == http.StatusNoContent
	if !slices.Contains(allowedStatuses, r.StatusCode) && !preflight {
		return "a status that is not of the protocol"
	}
	if to := r.Header.Get("Location"); to != "" {
		return a.misled(path, to)
	}
	if !slices.Contains(pageEndpoints, path) && !preflight {
		if r.Header.Get("Cache-Control") != "no-store" {
			return "it may be stored"
		}
		// A refused preflight is for the browser, HEAD has no body, and what is not
		// there is told to people as a page.
		if r.StatusCode >= 400 && !slices.Contains([]string{http.MethodOptions, http.MethodHead}, method) &&
			r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusMethodNotAllowed {
			return wrongError(body)
		}
	}
	if strings.Contains(body, "goroutine ") || strings.Contains(body, ".go:") {
		return "it shows the program's inside"
	}
	return ""
}

// misled judges a redirect: to pages of ours or where the client is registered.
func (a *victim) misled(path, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "it leads to what is no URL: " + to
	}
	if strings.HasPrefix(to, redirectURI+"?") && path == "/authorize" {
		query := u.Query()
		if query.Has("error") && !slices.Contains(registeredCodes, query.Get("error")) || query.Get("iss") != a.issuer || query.Has("error") == query.Has("code") {
			return "it answers the client with " + to
		}
		return foreign(query.Get("error_description"))
	}
	if path == "/logout" && (to == afterLogout || strings.HasPrefix(to, afterLogout+"?")) {
		return ""
	}
	if u.Host == "" && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, `/\`) || strings.HasPrefix(to, a.issuer+"/") {
		return ""
	}
	return "it leads to " + to
}

func wrongError(body string) string {
	var problem struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		return "it is no JSON"
	}
	if !slices.Contains(registeredCodes, problem.Error) {
		return "its error is not registered"
	}
	return foreign(problem.Description)
}

// foreign finds characters that RFC 6749 section 5.2 does not allow in a description.
func foreign(description string) string {
	if strings.ContainsFunc(description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return "its description has characters that are not allowed"
	}
	return ""
}

// A02, A06, A07, A09, H05, R03, R06, T05: whatever an endpoint is sent, it answers in the
// protocol's terms and leads nobody astray.
func FuzzEndpoints(f *testing.F) {
	a := newVictim(newSite(f, pgtest.DSN(f)).serve())
	forms := []url.Values{
		a.asked.form(), a.asked.redeem("nac_x"), refresh("rs256", "nrt_x"), shown("rs256", a.tokens.text("access_token")),
		{"id_token_hint": {a.tokens.text("id_token")}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}},
		{"client_id": {"rs256"}, "client_secret": {clientSecret}, "scope": {"openid"}}, {"user_code": {"BCDF-GHJK"}}, {},
	}
	for i, endpoint := range endpoints {
		for _, form := range forms {
			f.Add(uint8(i), "POST", typeForm, "", "", form.Encode())
			f.Add(uint8(i), "GET", "", "Bearer "+a.tokens.text("access_token"), form.Encode(), "")
		}
		for _, method := range methods {
			f.Add(uint8(i), method, "text/plain", "Basic OjpA", "a=%zz&a=1", endpoint)
		}
		for _, body := range []string{"a=%zz", "client_id=rs256&client_id=other", "state=%0d%0aSet-Cookie:%20a", "scope=%ff&resource=%00", "request_uri=urn:ietf:params:oauth:request_uri:x&client_id=rs256", "{}"} {
			f.Add(uint8(i), "POST", typeForm, "", "", body)
			f.Add(uint8(i), "POST", typeJSON, "DPoP x", body, body)
		}
	}
	f.Fuzz(func(t *testing.T, endpoint uint8, method, mediaType, authorization, query, body string) {
		path := endpoints[int(endpoint)%len(endpoints)]
		request, err := http.NewRequest(method, a.base+path, strings.NewReader(body))
		if err != nil {
			t.Skip("no method")
		}
		request.URL.RawQuery = query
		request.Header.Set("Content-Type", mediaType)
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		// Like browsers that others lead here: with the session's cookies.
		response, err := a.b.http.Do(request)
		if err != nil {
			t.Skip("it cannot be sent") // a control character in a header or the like
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if breach := a.breach(method, path, response, string(text)); breach != "" {
			t.Errorf("%s: %d %v %.500s", breach, response.StatusCode, response.Header, text)
		}
	})
}
