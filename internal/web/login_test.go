package web

import (
	"encoding/json"
	"html"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

func TestChallengeAsJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("GET", "/login/"+testID, "", wantJSON, withCookie)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	numbers := make([]any, 32)
	for i := range numbers {
		numbers[i] = float64(s.login.Nonce[i])
	}
	want := map[string]any{
		"login_id": testID, "message": "Sign in to Example App.", "nonce": "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"nonce_bytes": numbers, "recipient": "id.example.com", "state": "xyz",
		"callback_url": testIssuer + "/login/" + testID + "/cb", "network": "testnet", "expires_at": "2026-05-01T12:05:00Z",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if w.Header().Get("Vary") != "Accept" {
		t.Errorf("Vary %q", w.Header().Get("Vary"))
	}
}

func TestChallengeOfAnEndedLoginIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login.ExpiresAt = testNow
	if w := s.send("GET", "/login/"+testID, "", wantJSON, withCookie); w.Code != 410 || !strings.Contains(w.Body.String(), `"expired"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.login.ConsumedAt, s.login.CodeHash = testNow, []byte("hash")
	if w := s.send("GET", "/login/"+testID, "", wantJSON, withCookie); w.Code != 409 || !strings.Contains(w.Body.String(), `"used"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLoginOfAnotherBrowserIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tt := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"GET", "/cb", ""}, {"POST", "/verify", "{}"}, {"POST", "/paste", "output=x"}, {"POST", "/renew", ""}, {"POST", "/cancel", ""},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			kind := asForm
			if tt.path == "/verify" {
				kind = asJSON
			}
			w := s.send(tt.method, "/login/"+testID+tt.path, tt.body, kind, header("Accept", accept), header("Cookie", "__Host-idp_login="+strings.Repeat("B", 43)))
			if w.Code != 403 || !strings.Contains(w.Body.String(), "wrong_browser") || len(w.Result().Cookies()) != 0 {
				t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
			}
		}
	}
	if w := s.send("GET", "/continue/"+testID, ""); w.Code != 403 || !strings.Contains(w.Body.String(), "Continue in the browser where you started") {
		t.Errorf("continue: %d %s", w.Code, w.Body)
	}
}

// TestAPILoginIsNotApprovedOnOurPages: whoever begins a login through the API
// knows its id. Sent to a victim, it must not become an approval whose code the sender collects.
func TestAPILoginIsNotApprovedOnOurPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login.BrowserHash = nil
	for _, tt := range []struct{ method, path string }{
		{"GET", "/login/" + testID}, {"GET", "/login/" + testID + "/cb"}, {"POST", "/login/" + testID + "/paste"},
		{"POST", "/login/" + testID + "/cancel"}, {"GET", "/continue/" + testID},
	} {
		w := s.send(tt.method, tt.path, "", asForm, withCookie)
		if w.Code != 403 || !strings.Contains(w.Body.String(), "wrong_browser") {
			t.Errorf("%s %s: %d", tt.method, tt.path, w.Code)
		}
	}
	if w := s.send("GET", "/login/"+testID, "", wantJSON); w.Code != 200 {
		t.Errorf("as JSON: %d %s", w.Code, w.Body)
	}
}

func TestHostileIDsAreUnknownLogins(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"%00", "a%00b", "%ff", "..%2f..", "a%2Fb", strings.Repeat("a", 65), "%E2%80%AE", "a'b", "{id}", "%0d%0aX:y"} {
		s := newSite(t)
		for _, path := range []string{"/login/" + id, "/login/" + id + "/cb", "/continue/" + id} {
			if w := s.send("GET", path, "", withCookie); w.Code != 404 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if w := s.send("POST", "/login/"+id+"/verify", "{}", asJSON, withCookie); w.Code != 404 {
			t.Errorf("verify %s: %d", id, w.Code)
		}
		body, _ := json.Marshal(map[string]string{"login_id": id, "signature": "x"})
		if w := s.send("POST", "/api/auth/verify-login", string(body), asJSON, withCookie); w.Code != 401 {
			t.Errorf("verify-login %s: %d %s", id, w.Code, w.Body)
		}
	}
}

func TestLoginPageShowsTheRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.send("GET", "/login/"+testID, "", withCookie)
	page := html.UnescapeString(r.Body.String())
	for _, want := range []string{
		"Example App", "app.example.com", "Sign in to Example App.", "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "id.example.com", "MyNearWallet", "testnet",
		"near message sign-nep413 utf8 'Sign in to Example App.' nonce 'AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' recipient 'id.example.com' sign-as 'alice.testnet' sign-with-keychain network-config testnet",
		"/login/" + testID + "/verify", "/login/" + testID + "/paste", "/login/" + testID + "/cancel",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

func TestHostileHintDoesNotReachTheCommand(t *testing.T) {
	t.Parallel()
	for _, hint := range []string{"a'; rm -rf ~; '", "$(id)", "alice near", "a\nb", "ALICE.near", strings.Repeat("a", 65), "é.near", ""} {
		s := newSite(t)
		s.login.Params = url.Values{"redirect_uri": {callback}, "login_hint": {hint}}.Encode()
		page := html.UnescapeString(s.send("GET", "/login/"+testID, "", withCookie).Body.String())
		if strings.Contains(page, "sign-as") || (hint != "" && strings.Contains(page, hint)) {
			t.Errorf("%q reached the page", hint)
		}
	}
}

func TestQuoteKeepsOneShellWord(t *testing.T) {
	t.Parallel()
	if got := quote("it's"); got != `'it'\''s'` {
		t.Errorf("%s", got)
	}
}

func TestApplicationIsShownAsTheMessageNamesIt(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		callback: "app.example.com", "https://APP.example.com:8443/cb": "app.example.com:8443", "http://127.0.0.1:4000/cb": onThisDevice,
		"http://localhost/cb": onThisDevice, "com.example.app:/cb": onThisDevice, "%zz": onThisDevice, "": onThisDevice, "javascript:alert(1)": onThisDevice,
	} {
		if got := shownHost(uri); got != want {
			t.Errorf("%s: %s", uri, got)
		}
	}
}

func TestLoginOfARemovedClientStillHasAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login.ClientID = "gone"
	if w := s.send("GET", "/login/"+testID, "", withCookie); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRenewAnswersScriptsAndForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", "/login/"+testID+"/renew", "", wantJSON, withCookie)
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"location":"/login/`+testID+`"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = s.send("POST", "/login/"+testID+"/renew", "", withCookie)
	if w.Code != 303 || w.Header().Get("Location") != "/login/"+testID {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// A form's redirect chain is held to form-action, so the hop to the client is a page.
func TestContinueIsAPageAndNoRedirect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if w := s.send("GET", "/continue/"+testID, "", withCookie); w.Code != 303 || w.Header().Get("Location") != "/login/"+testID {
		t.Errorf("before the login ended: %d %v", w.Code, w.Header())
	}
	s.login.ConsumedAt, s.login.CodeHash = testNow, []byte("hash")
	w := s.send("GET", "/continue/"+testID, "", withCookie)
	page := html.UnescapeString(w.Body.String())
	if w.Code != 200 || w.Header().Get("Location") != "" || !strings.Contains(page, `http-equiv="refresh"`) || !strings.Contains(page, `href="`+callback+`?code=C0DE"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), page)
	}
}

func TestSignInToTheProviderItselfEndsHere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.login.ClientID, s.login.ConsumedAt, s.login.Proof = "", testNow, &idp.Proof{AccountID: "alice.testnet"}
	if w := s.send("POST", verifyPath, `{"signature":"x"}`, asJSON, withCookie); !strings.Contains(w.Body.String(), `"redirect_to":"`+testIssuer+"/continue/"+testID+`"`) {
		t.Errorf("%s", w.Body)
	}
	if w := s.send("GET", "/continue/"+testID, "", withCookie); !strings.Contains(w.Body.String(), "You are signed in as alice.testnet on NEAR testnet") {
		t.Errorf("%s", w.Body)
	}
}
