package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"near-idp/internal/login"
)

const initiatePath, verifyLoginPath = "/api/auth/initiate-login", "/api/auth/verify-login"

// The guide's client posts no body and no content type.
func TestInitiateLoginWithoutABody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", initiatePath, "")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	nonce, _ := got["nonce"].([]any)
	delete(got, "nonce")
	want := map[string]any{
		"state": "xyz", "message": "Sign in to Example App.", "recipient": "id.example.com", "login_id": testID,
		"callback_url": testIssuer + "/login/" + testID + "/cb", "expires_at": "2026-05-01T12:05:00Z",
	}
	if len(nonce) != 32 || nonce[1] != 2.0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, nonce %v", got, nonce)
	}
	if s.began != (login.Request{}) || len(w.Result().Cookies()) != 0 {
		t.Errorf("%+v %v", s.began, w.Header())
	}
}

func TestInitiateLoginCarriesAnAuthorizationRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		kind edit
	}{
		"json": {`{"client_id":"app","redirect_uri":"` + callback + `","state":"S","max_age":3600,"claims":{"a":1},"code_challenge":"C","code_challenge_method":"S256"}`, asJSON},
		"form": {"client_id=app&redirect_uri=" + callback + "&state=S&max_age=3600&code_challenge=C&code_challenge_method=S256", asForm},
	} {
		s := newSite(t)
		w := s.send("POST", initiatePath, tt.body, tt.kind)
		if w.Code != 200 || s.began.Client != testClient || s.began.State != "S" || s.began.Browser != "" || s.began.RedirectHost != "app.example.com" {
			t.Errorf("%s: %d %+v %s", name, w.Code, s.began, w.Body)
		}
		if s.form.Get("max_age") != "3600" || s.form.Has("claims") || s.form.Get("response_type") != "code" {
			t.Errorf("%s: %v", name, s.form)
		}
	}
}

func TestEmbeddedRequestNeedsPKCE(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", initiatePath, `{"client_id":"app","redirect_uri":"`+callback+`"}`, asJSON)
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"error":"invalid_request"`) || s.began.Client != nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestVerifyLoginHandsOutTheCode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login.BrowserHash = nil
	w := s.send("POST", verifyLoginPath, `{"authToken":"TOKEN"}`, asJSON)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"success": true, "accountId": "alice.testnet", "redirect_to": callback + "?code=C0DE", "code": "C0DE"}
	if w.Code != 200 || !reflect.DeepEqual(got, want) || s.answered.Token != "TOKEN" {
		t.Errorf("%d %v", w.Code, got)
	}
	s.login.ClientID = ""
	w = s.send("POST", verifyLoginPath, `{"authToken":"TOKEN"}`, asJSON)
	if strings.TrimSpace(w.Body.String()) != `{"accountId":"alice.testnet","success":true}` {
		t.Errorf("%s", w.Body)
	}
}

func TestVerifyLoginFindsTheLoginByWhatItIsGiven(t *testing.T) {
	t.Parallel()
	numbers := strings.TrimSuffix(strings.Repeat("7,", 32), ",")
	for body, status := range map[string]int{
		`{"signature":"s","login_id":"` + testID + `"}`:                                    200,
		`{"signature":"s","nonce":[` + numbers + `]}`:                                      200,
		`{"signature":"s","nonce":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`:         200,
		`{"signature":"s","nonce":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\u0000A="}`: 400,
		`{"signature":"s","nonce":[1,2]}`:                                                  400,
		`{"signature":"s","nonce":[` + strings.Replace(numbers, "7", "256", 1) + `]}`:      400,
		`{"signature":"s","nonce":[` + strings.Replace(numbers, "7", "-1", 1) + `]}`:       400,
		`{"signature":"s","nonce":[` + strings.Replace(numbers, "7", "1.5", 1) + `]}`:      400,
		`{"signature":"s","nonce":{}}`:                                                     400,
		`{"signature":"s","nonce":null}`:                                                   400,
		`{"signature":"s","login_id":7}`:                                                   400,
		`{"signature":"s"}`:                                                                400,
	} {
		s := newSite(t)
		if w := s.send("POST", verifyLoginPath, body, asJSON, withCookie); w.Code != status {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestVerifyLoginRespectsTheBrowserBinding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", verifyLoginPath, `{"authToken":"x"}`, asJSON)
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "wrong_browser") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
