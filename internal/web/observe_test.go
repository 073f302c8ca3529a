package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"near-idp/internal/login"
)

func lines(t *testing.T, s *site) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

func TestOneLogLinePerRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.verifyErr = &login.Refusal{Reason: login.BadSignature}
	w := s.send("POST", "/login/"+testID+"/verify", `{"account_id":"x"}`, asJSON, withCookie)
	got := lines(t, s)
	if len(got) != 1 {
		t.Fatalf("%d lines: %s", len(got), s.log)
	}
	for name, want := range map[string]any{
		"msg": "request", "level": "INFO", "method": "POST", "route": "POST /login/{id}/verify", "status": 403.0,
		"client_id": "app", "reason": "bad_signature", "request_id": w.Header().Get("X-Request-Id"), "bytes": float64(w.Body.Len()),
	} {
		if got[0][name] != want {
			t.Errorf("%s = %v, want %v", name, got[0][name], want)
		}
	}
}

// H04: no secret of any request reaches the log.
func TestLogHoldsNothingSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.send("GET", "/authorize?client_id=app&state=SECRET", "", header("Cookie", "x=SECRET"), header("Authorization", "Bearer SECRET"), header("User-Agent", "SECRET"))
	s.send("GET", "/continue/SECRET", "", header("Referer", "SECRET"))
	s.send("GET", "/SECRET?SECRET=SECRET", "")
	s.send("SECRET", "/authorize", "")
	s.send("POST", "/login/"+testID+"/verify", `{"signature":"SECRET","account_id":"SECRET"}`, asJSON, withCookie)
	s.send("POST", "/token", "code=SECRET&client_id=SECRET%20SECRET&client_secret=SECRET", asForm)
	s.send("POST", "/token?code=SECRET", "code=SECRET", asForm)
	s.send("GET", "/userinfo?access_token=SECRET", "")
	s.findErr = errors.New("defect")
	s.send("GET", "/login/SECRET", "", withCookie)
	for _, word := range []string{"SECRET", browserA, "S3SSION", "C0DE", "T0KEN"} {
		if strings.Contains(s.log.String(), word) {
			t.Errorf("the log holds %s: %s", word, s.log)
		}
	}
}

func TestRequestIDsComeFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, given string
		taken       bool
	}{
		{"192.0.2.1:1234", "abcdefgh12345678", false},
		{"10.1.2.3:1234", "abcdefgh12345678", true},
		{"[::ffff:10.1.2.3]:1234", "abcdefgh12345678", true},
		{"10.1.2.3:1234", "short", false},
		{"10.1.2.3:1234", "with space 12345", false},
		{"10.1.2.3:1234", strings.Repeat("a", 65), false},
		{"10.1.2.3:1234", "abc\ndef\"{}12345", false},
		{"@", "abcdefgh12345678", false},
	} {
		w := newSite(t).send("GET", "/", "", func(r *http.Request) {
			r.RemoteAddr = tt.from
			r.Header["X-Request-Id"] = []string{tt.given}
		})
		if got := w.Header().Get("X-Request-Id"); (got == tt.given) != tt.taken || len(got) < 8 {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// H05: a defect shows the visitor a request id, and its stack to the operator alone.
func TestPanicIsAPageAndALogLineWithItsStack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.panics = true
	w := s.send("GET", "/authorize?client_id=app", "")
	if w.Code != 500 || strings.Contains(w.Body.String(), "defect with") || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	got := lines(t, s)
	if len(got) != 1 || got[0]["level"] != "ERROR" || !strings.Contains(got[0]["err"].(string), "authorize.go") {
		t.Errorf("%v", got)
	}
}
