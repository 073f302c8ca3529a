package web

import (
	"net/http"
	"strings"
	"testing"
)

const verifyPath = "/login/" + testID + "/verify"

func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", maxLoginBody)
	for _, tt := range []struct {
		name, path, contentType, body string
		status                        int
		code                          string
	}{
		{"form to a JSON endpoint", verifyPath, typeForm, "a=b", 415, "unsupported_media_type"},
		{"JSON as text, which needs no preflight", verifyPath, "text/plain", "{}", 415, "unsupported_media_type"},
		{"no type", verifyPath, "", "{}", 415, "unsupported_media_type"},
		{"malformed type", verifyPath, "application/json; =", "{}", 415, "unsupported_media_type"},
		{"empty", verifyPath, typeJSON, "", 400, "malformed"},
		{"null", verifyPath, typeJSON, "null", 400, "malformed"},
		{"array", verifyPath, typeJSON, "[]", 400, "malformed"},
		{"half", verifyPath, typeJSON, `{"account_id":"`, 400, "malformed"},
		{"trailing data", verifyPath, typeJSON, `{} {}`, 400, "malformed"},
		{"trailing garbage", verifyPath, typeJSON, `{}x`, 400, "malformed"},
		{"number for a string", verifyPath, typeJSON, `{"account_id":1}`, 400, "malformed"},
		{"array for a signature", verifyPath, typeJSON, `{"signature":[1,2]}`, 400, "malformed"},
		{"object for a state", verifyPath, typeJSON, `{"signature":"x","state":{}}`, 400, "malformed"},
		{"deep nesting", verifyPath, typeJSON, `{"a":` + strings.Repeat("[", 12000) + `}`, 400, "malformed"},
		{"too large", verifyPath, typeJSON, `{"account_id":"` + big + `"}`, 413, "too_large"},
		{"too large a paste", "/login/" + testID + "/paste", typeForm, "output=" + big, 413, "too_large"},
		{"paste as multipart", "/login/" + testID + "/paste", "multipart/form-data; boundary=x", "--x--", 415, "unsupported_media_type"},
		{"paste badly encoded", "/login/" + testID + "/paste", typeForm, "output=%zz", 400, "invalid_request"},
		{"verify-login as form", "/api/auth/verify-login", typeForm, "authToken=x", 415, "unsupported_media_type"},
		{"verify-login unreadable", "/api/auth/verify-login", typeJSON, "{", 400, "malformed"},
		{"verify-login with nothing", "/api/auth/verify-login", typeJSON, "{}", 400, "malformed"},
		{"verify-login too large", "/api/auth/verify-login", typeJSON, `{"authToken":"` + big + `"}`, 413, "too_large"},
		{"initiate-login as text", "/api/auth/initiate-login", "text/plain", "{}", 415, "unsupported_media_type"},
		{"initiate-login too large", "/api/auth/initiate-login", typeJSON, `{"a":"` + big + `"}`, 413, "too_large"},
		{"authorize as JSON", "/authorize", typeJSON, "{}", 415, "unsupported_media_type"},
		{"authorize too large", "/authorize", typeForm, "state=" + big, 413, "too_large"},
		{"token as JSON", "/token", typeJSON, "{}", 415, "invalid_request"},
		{"token badly encoded", "/token", typeForm, "code=%zz", 400, "invalid_request"},
		{"token too large", "/token", typeForm, "code=" + strings.Repeat("x", maxTokenBody), 413, "invalid_request"},
		{"userinfo too large", "/userinfo", typeForm, "access_token=" + strings.Repeat("x", maxTokenBody), 413, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			w := s.send("POST", tt.path, tt.body, withCookie, wantJSON, func(r *http.Request) {
				if tt.contentType != "" {
					r.Header.Set("Content-Type", tt.contentType)
				}
			})
			if w.Code != tt.status || !strings.Contains(w.Body.String(), `"error":"`+tt.code+`"`) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.status, tt.code)
			}
			if !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
				t.Errorf("no request id: %s", w.Body)
			}
		})
	}
}

func TestAnswerIsReadInBothSpellings(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"account_id":"a.near","public_key":"ed25519:k","signature":"s","state":"t","wallet":"w","unknown":[{}]}`,
		`{"accountId":"a.near","publicKey":"ed25519:k","signature":"s","state":"t","wallet":"w"}` + " \r\n\t",
	} {
		s := newSite(t)
		if w := s.send("POST", verifyPath, body, header("Content-Type", "application/json; charset=utf-8"), withCookie); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		a := s.answered
		if a.AccountID != "a.near" || a.PublicKey != "ed25519:k" || a.Signature != "s" || a.State == nil || *a.State != "t" || a.Wallet != "w" {
			t.Errorf("%+v", a)
		}
	}
}

func TestMemberNamesAreCaseSensitive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.send("POST", verifyPath, `{"SIGNATURE":"s","Account_ID":"a.near"}`, asJSON, withCookie)
	if s.answered.Signature != "" || s.answered.AccountID != "" {
		t.Errorf("%+v", s.answered)
	}
}

func TestMissingAndNullStateAreNoState(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"signature":"s"}`, `{"signature":"s","state":null}`} {
		s := newSite(t)
		s.send("POST", verifyPath, body, asJSON, withCookie)
		if s.answered.State != nil {
			t.Errorf("%s: state %q", body, *s.answered.State)
		}
	}
}
