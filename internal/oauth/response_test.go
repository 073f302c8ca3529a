package oauth_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// ended runs an authorization request to its end and returns the response.
func (e *env) ended(form url.Values, denied bool) oauth.Response {
	e.Helper()
	ctx := e.Context()
	req, err := e.Authorize(ctx, form)
	if err != nil {
		e.Fatalf("authorize: %v", err)
	}
	l := &idp.Login{ID: rand.Text(), ClientID: req.Client.ID, Params: req.Params, Denied: denied}
	if !denied {
		code, err := e.Issue(ctx, l, "alice.near", true)
		if err != nil {
			e.Fatal(err)
		}
		l.CodeHash, l.CodeExpiry = code.Hash, time.Now().Add(time.Minute)
	}
	response, err := e.Response(ctx, l)
	if err != nil {
		e.Fatal(err)
	}
	return response
}

// A08: the answer goes to the query or into a form, success and error alike, and never to the fragment.
func TestResponseModes(t *testing.T) {
	e := setup(t)
	for _, mode := range []string{"", "query"} {
		got := e.ended(request("response_mode", mode), false)
		if got.FormPost != nil || !strings.HasPrefix(got.RedirectTo, redirect+"?code=nac_") {
			t.Errorf("%q: %+v", mode, got)
		}
	}
	got := e.ended(request("response_mode", "form_post"), false)
	if got.RedirectTo != redirect || got.FormPost.Get("code") != got.Code || got.FormPost.Get("state") != "af0ifjsldkj" || got.FormPost.Get("iss") != issuer || len(got.FormPost) != 3 {
		t.Errorf("%+v", got)
	}
	got = e.ended(request("response_mode", "form_post", "state", ""), true)
	if got.RedirectTo != redirect || got.FormPost.Get("error") != "access_denied" || got.FormPost.Has("state") || got.Code != "" {
		t.Errorf("%+v", got)
	}
	_, err := e.Authorize(t.Context(), request("response_mode", "form_post", "response_type", "token"))
	if got := e.refused(err, "unsupported_response_type"); got.RedirectTo != redirect || got.FormPost.Get("iss") != issuer || got.FormPost.Get("state") == "" {
		t.Errorf("%+v", got)
	}
	req, err := e.Authorize(t.Context(), request("response_mode", "form_post", "prompt", "none"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Decide(req, nil)
	if got := e.refused(err, "login_required"); got.FormPost.Get("error") != "login_required" {
		t.Errorf("%+v", got)
	}
	for _, mode := range []string{"fragment", "jwt", "form_post.jwt", "web_message", "QUERY", "form_post query"} {
		_, err := e.Authorize(t.Context(), request("response_mode", mode))
		if got := e.refused(err, "invalid_request"); got.FormPost != nil || !strings.HasPrefix(got.RedirectTo, redirect+"?error=") {
			t.Errorf("%s: %+v", mode, got)
		}
	}
	// No browser posts a form to an app's own scheme.
	e.clients["spa"].RedirectURIs = []string{"com.example.app:/cb"}
	_, err = e.Authorize(t.Context(), request("client_id", "spa", "redirect_uri", "com.example.app:/cb", "response_mode", "form_post"))
	if got := e.refused(err, "invalid_request"); got.FormPost != nil || !strings.HasPrefix(got.RedirectTo, "com.example.app:/cb?error=") {
		t.Errorf("%+v", got)
	}
}
