package oauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
)

func (e *env) push(form url.Values, header ...string) (string, error) {
	r := &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: maps.Clone(form)}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := e.Push(e.Context(), r)
	if err != nil {
		return "", err
	}
	if response.ExpiresIn < 5 || response.ExpiresIn > 60 || !strings.HasPrefix(response.RequestURI, "urn:ietf:params:oauth:request_uri:") {
		e.Errorf("%+v", response)
	}
	return response.RequestURI, nil
}

func (e *env) mustPush(form url.Values, header ...string) string {
	e.Helper()
	uri, err := e.push(form, header...)
	if err != nil {
		e.Fatalf("push: %v", err)
	}
	return uri
}

func pushedForm(clientID, uri string) url.Values {
	return url.Values{"client_id": {clientID}, "request_uri": {uri}}
}

// F01: every client authenticates at the endpoint as it does at the token endpoint.
func TestPushingIsAuthenticated(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("web:"+secret))
	e.mustPush(request("client_secret", secret))
	e.mustPush(request("client_id", ""), "Authorization", basic)
	e.mustPush(request("client_id", "spa"))
	for _, aud := range []string{issuer, issuer + "/token", issuer + "/par"} {
		e.mustPush(request("client_id", "jwt", "client_assertion_type", assertionType,
			"client_assertion", assertion(t, idp.ES256, "jwt", map[string]any{"aud": aud})))
	}
	for name, form := range map[string]url.Values{
		"no secret":       request(),
		"wrong secret":    request("client_secret", secret+"x"),
		"unknown client":  request("client_id", "nobody"),
		"disabled client": request("client_id", "gone", "client_secret", secret),
		"another client":  request("client_id", "jwt", "client_secret", secret),
	} {
		_, err := e.push(form)
		if got := e.refused(err, "invalid_client"); got.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	_, err := e.push(request("client_id", "other"), "Authorization", basic)
	e.refused(err, "invalid_client")
}

// F01, A09: what is wrong with a request is said when it is pushed, to the client.
func TestPushedRequestsAreChecked(t *testing.T) {
	e := setup(t)
	uri := e.mustPush(request("client_secret", secret))
	for name, c := range map[string]struct {
		code   string
		change []string
	}{
		"request_uri inside":        {"invalid_request", []string{"request_uri", uri}},
		"foreign request_uri":       {"invalid_request", []string{"request_uri", "http://127.0.0.1:1/"}},
		"request object":            {"request_not_supported", []string{"request", "e30.e30."}},
		"unregistered redirect_uri": {"invalid_request", []string{"redirect_uri", "https://evil.example.com/cb"}},
		"response_type":             {"unsupported_response_type", []string{"response_type", "token"}},
		"plain":                     {"invalid_request", []string{"code_challenge_method", "plain"}},
		"no PKCE":                   {"invalid_request", []string{"code_challenge", "", "code_challenge_method", ""}},
		"prompt":                    {"invalid_request", []string{"prompt", "none login"}},
		"hint":                      {"invalid_request", []string{"id_token_hint", "x.y.z"}},
		"control characters":        {"invalid_request", []string{"nonce", "a\x00b"}},
	} {
		_, err := e.push(request(append(c.change, "client_secret", secret)...))
		if got := e.refused(err, c.code); got.Status != http.StatusBadRequest || got.RedirectTo != "" {
			t.Errorf("%s: %d %s", name, got.Status, got.RedirectTo)
		}
	}
	twice := request("client_secret", secret)
	twice["scope"] = []string{"openid", "profile"}
	_, err := e.push(twice)
	e.refused(err, "invalid_request")
}

// F01: what the browser brings along changes nothing.
func TestPushedRequestIsUsedAsItWasPushed(t *testing.T) {
	e := setup(t)
	uri := e.mustPush(request("client_secret", secret, "state", "pushed", "scope", "openid"))
	form := pushedForm("web", uri)
	form.Set("state", "browser")
	form.Set("scope", "openid profile offline_access")
	form.Set("redirect_uri", "https://evil.example.com/cb")
	form.Set("code_challenge", s256(strings.Repeat("e", 43)))
	form.Set("prompt", "none")
	form.Set("request", "e30.e30.")
	form["nonce"] = []string{"a", "b"}
	req, err := e.Authorize(t.Context(), form)
	if err != nil || req.State != "pushed" || !req.Pushed() {
		t.Fatalf("%+v, %v", req, err)
	}
	q := e.signIn(pushedForm("web", uri))
	if q.Get("state") != "pushed" || q.Get("iss") != issuer {
		t.Errorf("%v", q)
	}
	got := e.tokens(codeForm(q.Get("code")))
	if got.Scope != "openid" || e.payload(got.IDToken)["nonce"] != "n-0S6_WzA2Mj" {
		t.Errorf("%+v", got)
	}
	stored := req.Params
	if strings.Contains(stored, "secret") || strings.Contains(stored, secret[:10]) || strings.Contains(stored, "request_uri") {
		t.Errorf("kept: %s", stored)
	}
}

// F01: neither another client nor anybody after its minute gets the request; no
// secret and no handle is in the database.
func TestPushedRequestIsBoundToClientAndTime(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	signed := assertion(t, idp.ES256, "jwt", nil)
	e.mustPush(request("client_id", "jwt", "client_assertion", signed, "client_assertion_type", assertionType))
	uri := e.mustPush(request("client_secret", secret))
	var dump string
	if err := e.pool.QueryRow(t.Context(), `SELECT string_agg(p::text, '|') FROM pushed_requests p`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	handle := uri[strings.LastIndexByte(uri, ':')+1:]
	for _, text := range []string{secret, url.QueryEscape(secret), signed, signed[:40], "client_assertion", "client_secret", handle} {
		if strings.Contains(dump, text) {
			t.Errorf("the database holds %.30q", text)
		}
	}
	for name, form := range map[string]url.Values{
		"another client":   pushedForm("other", uri),
		"an unknown one":   pushedForm("nobody", uri),
		"odd client":       pushedForm("web\x00", uri+"\x00"),
		"another handle":   pushedForm("web", "urn:ietf:params:oauth:request_uri:"+rand.Text()),
		"an empty handle":  pushedForm("web", "urn:ietf:params:oauth:request_uri:"),
		"more than handle": pushedForm("web", uri+"A"),
	} {
		_, err := e.Authorize(t.Context(), form)
		if got := e.refused(err, "invalid_request_uri"); got.RedirectTo != "" || got.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, form := range []url.Values{{"request_uri": {uri}}, {"client_id": {"web", "web"}, "request_uri": {uri}}, {"client_id": {"web"}, "request_uri": {uri, uri}}} {
		_, err := e.Authorize(t.Context(), form)
		e.refused(err, "invalid_request")
	}
	req, err := e.Authorize(t.Context(), pushedForm("web", uri))
	if err != nil {
		t.Fatal(err)
	}
	e.exec(`UPDATE pushed_requests SET expires_at = now()`)
	_, err = e.Authorize(t.Context(), pushedForm("web", uri))
	e.refused(err, "invalid_request_uri")
	_, err = e.Claim(t.Context(), req, "LOGIN")
	e.refused(err, "invalid_request_uri")
	e.exec(`UPDATE pushed_requests SET expires_at = now() - interval '2 minutes'`)
	if _, err := e.store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := e.pool.QueryRow(t.Context(), `SELECT count(*) FROM pushed_requests`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows left, %v", left, err)
	}
}

// F01: of parallel loads of the page one begins the login, and the others are led to it.
func TestPushedRequestBecomesOneLogin(t *testing.T) {
	e := setup(t)
	uri := e.mustPush(request("client_secret", secret))
	var mu sync.Mutex
	var wg sync.WaitGroup
	winners := map[string]int{}
	for range 16 {
		wg.Go(func() {
			req, err := e.Authorize(t.Context(), pushedForm("web", uri))
			if err != nil {
				t.Error(err)
				return
			}
			winner, err := e.Claim(t.Context(), req, rand.Text())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			winners[winner]++
		})
	}
	wg.Wait()
	if len(winners) != 1 {
		t.Errorf("%v", winners)
	}
	again, err := e.Authorize(t.Context(), pushedForm("web", uri))
	if err != nil || winners[again.LoginID] != 16 {
		t.Errorf("%+v, %v", again, err)
	}
}

// F01: a client that must push cannot send parameters through the browser.
func TestClientThatMustPush(t *testing.T) {
	e := setup(t)
	e.clients["web"].RequirePushedAuthorizationRequests = true
	_, err := e.Authorize(t.Context(), request())
	if got := e.refused(err, "invalid_request"); !strings.HasPrefix(got.RedirectTo, redirect+"?error=invalid_request") {
		t.Errorf("%+v", got)
	}
	q := e.signIn(pushedForm("web", e.mustPush(request("client_secret", secret))))
	e.tokens(codeForm(q.Get("code")))
}

// A09: any other request_uri, and a request object, get their registered codes; nothing is fetched.
func TestRequestObjectsAreRefusedByTheirCodes(t *testing.T) {
	e := setup(t)
	start := time.Now()
	for value, code := range map[string]string{
		"http://127.0.0.1:1/request.jwt": "request_uri_not_supported", "https://app.example.com/r": "request_uri_not_supported",
		"urn:example:x": "request_uri_not_supported", "URN:IETF:params:oauth:request_uri:x": "request_uri_not_supported",
	} {
		_, err := e.Authorize(t.Context(), request("request_uri", value))
		if got := e.refused(err, code); !strings.HasPrefix(got.RedirectTo, redirect+"?error="+code) {
			t.Errorf("%s: %+v", value, got)
		}
	}
	// A10: not even a request object that claims to need no signature is looked at.
	for _, object := range []string{"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "x"} {
		_, err := e.Authorize(t.Context(), request("request", object))
		e.refused(err, "request_not_supported")
	}
	if time.Since(start) > 10*time.Second {
		t.Error("somebody waited for an answer")
	}
}
