package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

func from(addr string) edit {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

func badClient() error { return &oauth.Error{Status: 401, Code: "invalid_client", Description: "no"} }

// limitedSite has a clock that can be turned.
func limitedSite(t *testing.T, r Rates) (*site, *time.Time) {
	now := testNow
	s := newSite(t, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Limits = NewLimits(r, o.Now)
	})
	return s, &now
}

func attempt(s *site, id, addr string) *httptest.ResponseRecorder {
	return s.send("POST", "/token", "grant_type=authorization_code&client_id="+id, asForm, from(addr))
}

// C06: of 200 bad attempts most are answered 429, and waiting as long as it says helps.
func TestFailedClientAuthenticationIsThrottled(t *testing.T) {
	t.Parallel()
	s, now := limitedSite(t, Rates{TokenFailures: idp.Rate{N: 60, Per: time.Minute}})
	s.tokenErr = badClient()
	status := map[int]int{}
	var last *httptest.ResponseRecorder
	for i := range 200 {
		last = attempt(s, fmt.Sprint("guess", i), "192.0.2.1:5000")
		status[last.Code]++
	}
	if status[401] != 60 || status[429] != 140 {
		t.Errorf("%v", status)
	}
	wait, err := strconv.Atoi(last.Header().Get("Retry-After"))
	if err != nil || wait < 1 || wait > 60 || last.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", last.Header())
	}
	if body := last.Body.String(); !strings.Contains(body, `"error":"temporarily_unavailable"`) {
		t.Error(body)
	}
	// Even the right secret has to wait, and another sender does not.
	s.tokenErr = nil
	if w := attempt(s, "app", "192.0.2.1:6000"); w.Code != 429 {
		t.Errorf("at once: %d", w.Code)
	}
	if w := attempt(s, "app", "192.0.2.2:6000"); w.Code != 200 {
		t.Errorf("another sender: %d", w.Code)
	}
	*now = now.Add(time.Duration(wait) * time.Second)
	if w := attempt(s, "app", "192.0.2.1:6000"); w.Code != 200 {
		t.Errorf("after waiting: %d", w.Code)
	}
	// All endpoints that clients authenticate at count together.
	s.tokenErr = badClient()
	for range 60 {
		attempt(s, "app", "192.0.2.9:1")
	}
	for _, path := range []string{"/token", "/par"} {
		if w := s.send("POST", path, "client_id=app", asForm, from("192.0.2.9:1")); w.Code != 429 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// C06: guesses at one client from everywhere are throttled each where they come from, and never lock the
// client out: not where it has been, and not on a server that starts in the midst of it.
func TestSecretGuessingDoesNotLockTheClientsOwnServer(t *testing.T) {
	t.Parallel()
	s, now := limitedSite(t, Rates{TokenFailures: idp.Rate{N: 60, Per: time.Minute}, ClientBackoff: time.Minute})
	s.tokenErr = badClient()
	status := map[int]int{}
	for range 20 {
		for i := range 200 {
			status[attempt(s, "app", fmt.Sprintf("198.51.100.%d:1", i)).Code]++
		}
	}
	if status[401] != 200*6 || status[429] != 200*14 {
		t.Errorf("%v", status)
	}
	s.tokenErr = nil
	for _, server := range []string{"192.0.2.7:1", "[2001:db8::7]:1"} {
		if w := attempt(s, "app", server); w.Code != 200 {
			t.Errorf("the client itself is locked out: %d", w.Code)
		}
	}
	if w := attempt(s, "other", "198.51.100.1:1"); w.Code != 200 {
		t.Errorf("another client beside a guesser: %d", w.Code)
	}
	w := attempt(s, "app", "198.51.100.1:1")
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "Client authentication failed too often") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	*now = now.Add(time.Second)
	if w := attempt(s, "app", "198.51.100.1:1"); w.Code != 200 {
		t.Errorf("after waiting: %d", w.Code)
	}
}

// A client has a budget of its own, which nobody uses up who merely names it.
func TestNamingAClientDoesNotUseUpItsBudget(t *testing.T) {
	t.Parallel()
	s, _ := limitedSite(t, Rates{ClientToken: idp.Rate{N: 10, Per: time.Minute}})
	for i, err := range []error{badClient(), &oauth.Error{Status: 400, Code: "invalid_request"}, idp.ErrUnavailable} {
		s.tokenErr = err
		for range 50 {
			if w := attempt(s, "app", fmt.Sprintf("198.51.100.%d:1", i)); w.Code == 429 {
				t.Fatal("refused")
			}
		}
	}
	until := func() (n int) {
		for n = range 20 {
			if w := attempt(s, "app", fmt.Sprintf("192.0.2.%d:1", n)); w.Code == 429 {
				if !strings.Contains(w.Body.String(), "of this client") {
					t.Error(w.Body)
				}
				return n
			}
		}
		return 20
	}
	s.tokenErr = &oauth.Error{Status: 400, Code: "invalid_grant"} // it had authenticated
	for range 4 {
		attempt(s, "app", "192.0.2.99:1")
	}
	s.tokenErr = nil
	if n := until(); n != 6 {
		t.Errorf("limited after %d of 6", n)
	}
	if w := attempt(s, "other", "192.0.2.1:1"); w.Code != 200 {
		t.Errorf("another client: %d", w.Code)
	}
}

// One application that redirects in circles leaves the others of an office room, and those elsewhere all of it.
func TestApplicationInCirclesLeavesItsNeighboursRoom(t *testing.T) {
	t.Parallel()
	s, _ := limitedSite(t, Rates{Authorize: idp.Rate{N: 10, Per: time.Minute}, ClientAuthorize: idp.Rate{N: 4, Per: time.Minute}})
	ask := func(client, addr string) int {
		return s.send("GET", "/authorize?client_id="+client, "", from(addr)).Code
	}
	for i := range 6 {
		if code := ask("app", "192.0.2.1:1"); (code == 429) != (i >= 4) {
			t.Fatalf("request %d: %d", i, code)
		}
	}
	if code := ask("other", "192.0.2.1:1"); code != 303 {
		t.Errorf("another application: %d", code)
	}
	if code := ask("app", "192.0.2.2:1"); code != 303 {
		t.Errorf("another office: %d", code)
	}
}

// The operator reads which limit it was, and whoever counts is told; probes are never limited.
func TestRefusalNamesItsBucket(t *testing.T) {
	t.Parallel()
	var told []string
	one := idp.Rate{N: 1, Per: time.Minute}
	s := newSite(t, func(o *Options) {
		o.Limits = NewLimits(Rates{Requests: idp.Rate{N: 3, Per: time.Minute}, Verify: one, TokenFailures: one}, o.Now)
		o.Limited = func(bucket string) { told = append(told, bucket) }
	})
	refused := func(want string, w *httptest.ResponseRecorder) {
		t.Helper()
		line := lines(t, s)[0]
		if w.Code != 429 || line["reason"] != "rate_limited" || line["cause"] != "rate_limits."+want || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", want, w.Code, line)
		}
		s.log.Reset()
	}
	verify := func() *httptest.ResponseRecorder {
		s.log.Reset()
		return s.send("POST", "/login/"+testID+"/verify", "{}", asJSON, withCookie, from("192.0.2.1:1"))
	}
	verify()
	refused("verify", verify())
	s.tokenErr = badClient()
	attempt(s, "app", "192.0.2.2:1")
	s.log.Reset()
	refused("token_failures", attempt(s, "app", "192.0.2.2:1"))
	for range 4 {
		s.log.Reset()
		if w := s.send("GET", "/", "", from("192.0.2.1:1")); w.Code == 429 {
			refused("requests", w)
		}
		s.send("GET", "/readyz", "", from("192.0.2.1:1"))
	}
	if got := strings.Join(told, " "); got != "verify token_failures requests requests requests" {
		t.Errorf("told of %s", got)
	}
	for _, path := range []string{"/readyz", "/healthz"} {
		if w := s.send("GET", path, "", from("192.0.2.1:1")); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// C06, H02: each sender is counted by the address that the connection or a trusted
// proxy shows, and not by the one that it claims.
func TestSendersAreLimitedEachAlone(t *testing.T) {
	t.Parallel()
	three := idp.Rate{N: 3, Per: time.Minute}
	s, _ := limitedSite(t, Rates{Authorize: three, Verify: three, Token: three, PAR: three})
	forwarded := func(v string) edit { return header("X-Forwarded-For", v) }
	until := func(method, path, body string, edits ...edit) (n int) {
		for n = range 10 {
			if w := s.send(method, path, body, edits...); w.Code == 429 {
				if w.Header().Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", path)
				}
				return n
			}
		}
		return 10
	}
	query := "/authorize?client_id=app"
	for name, got := range map[string]int{
		"authorize":             until("GET", query, "", from("192.0.2.1:1")),
		"authorize by POST":     until("POST", "/authorize", "client_id=app", asForm, from("192.0.2.11:1")),
		"initiate":              until("POST", "/api/auth/initiate-login", "", from("192.0.2.12:1")),
		"verify":                until("POST", "/login/"+testID+"/verify", "{}", asJSON, withCookie, from("192.0.2.2:1")),
		"paste":                 until("POST", "/login/"+testID+"/paste", "output=x", asForm, withCookie, from("192.0.2.3:1")),
		"verify-login":          until("POST", "/api/auth/verify-login", "{}", asJSON, from("192.0.2.4:1")),
		"token":                 until("POST", "/token", "client_id=app", asForm, from("192.0.2.5:1")),
		"par":                   until("POST", "/par", "client_id=app", asForm, from("192.0.2.6:1")),
		"behind a proxy":        until("GET", query, "", from("10.0.0.1:1"), forwarded("203.0.113.1")),
		"another one behind it": until("GET", query, "", from("10.0.0.1:1"), forwarded("203.0.113.2")),
		"one /64":               until("GET", query, "", from("[2001:db8:1:1::1]:1")),
	} {
		if got != 3 {
			t.Errorf("%s: limited after %d", name, got)
		}
	}
	if w := s.send("GET", query, "", from("192.0.2.1:1"), forwarded("203.0.113.99")); w.Code != 429 {
		t.Errorf("a made-up address: %d", w.Code)
	}
	if w := s.send("GET", query, "", from("[2001:db8:1:1:ffff::2]:1")); w.Code != 429 {
		t.Errorf("another address of the same /64: %d", w.Code)
	}
	if w := s.send("GET", query, "", from("192.0.2.1:1"), wantJSON); w.Code != 429 || !strings.Contains(w.Body.String(), `"error":"rate_limited"`) {
		t.Errorf("as JSON: %d %s", w.Code, w.Body)
	}
}
