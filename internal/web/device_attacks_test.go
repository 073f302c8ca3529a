package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestDeviceCodeOfAnotherClientExpiredOrInvented(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid")
	stolen := *d
	stolen.client = "cli"
	stolen.refused("invalid_grant")
	invented := *d
	for _, code := range []string{"x", "ndc_" + strings.Repeat("A", 43), "ndc_" + strings.Repeat("\x00", 43), strings.Repeat("a", 60000)} {
		invented.code = code
		invented.refused("invalid_grant")
	}
	invented.code = ""
	invented.refused("invalid_request")
	d.client = "app" // not registered for the grant
	d.refused("unauthorized_client")
	d.client = "tv"
	d.refused("authorization_pending")

	person := p.browser()
	consent := person.signInFor(d.userCode)
	p.exec("UPDATE device_requests SET expires_at = now() - interval '1 second'")
	if r := person.postForm(consent, url.Values{"decision": {"allow"}}); r.status != http.StatusGone {
		t.Errorf("allowed after it expired: %d %s", r.status, r.body)
	}
	d.refused("expired_token")
}

// Whoever signs out before the device has its tokens has taken them back.
func TestDeviceGetsNothingFromASessionThatEnded(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d, person := p.device("tv", "openid"), p.browser()
	consent := person.signInFor(d.userCode)
	person.press(consent, url.Values{"decision": {"allow"}})
	p.exec("UPDATE sessions SET ended_at = now()")
	d.refused("access_denied")
}

// RFC 8628 section 5.1: user codes are short, so trying them is made pointless.
func TestUserCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d, attacker := p.device("tv", "openid"), p.browser()
	for i := range 25 {
		code := fmt.Sprintf("BCDF-%cHJ%c", "BCDFG"[i%5], "KLMNP"[i/5])
		if r := attacker.postForm("/device", url.Values{"user_code": {code}}); r.status != http.StatusNotFound {
			t.Fatalf("%s: %d", code, r.status)
		}
	}
	if r := attacker.postForm("/device", url.Values{"user_code": {d.userCode}}); r.status != http.StatusNotFound {
		t.Errorf("after 25 wrong codes the right one works: %d", r.status)
	}
	p.exec("UPDATE device_guesses SET expires_at = now()")
	attacker.enter(d.userCode)
}

// A login for a device can be made by its code alone: not by an authorization
// request that claims to be one, nor from another site, nor in another browser.
func TestDeviceLoginsCannotBeForged(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d, person, other := p.device("tv", "openid"), p.browser(), p.browser()
	var id string
	must(t, p.pool.QueryRow(t.Context(), "SELECT id FROM device_requests").Scan(&id))
	c := person.begin("_device", id)
	r := person.postJSON(c.path+"/verify", answer(p.alice, c))
	if to, _ := r.json(t)["redirect_to"].(string); !strings.HasPrefix(to, appURL) {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = other.postForm("/device", url.Values{"user_code": {d.userCode}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if r.status != http.StatusForbidden {
		t.Errorf("from another site: %d", r.status)
	}
	person = p.browser() // that is not signed in
	consent := person.signInFor(d.userCode)
	if r := other.postForm(consent, url.Values{"decision": {"allow"}}); r.status != http.StatusForbidden {
		t.Errorf("from another browser: %d", r.status)
	}
	if r := person.postForm(consent, url.Values{"decision": {"allow"}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden {
		t.Errorf("forged consent: %d", r.status)
	}
	d.refused("authorization_pending")
}

func TestDeviceAuthorizationRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{"client_id=app", 400, "unauthorized_client"}, {"client_id=nobody", 401, "invalid_client"}, {"", 401, "invalid_client"},
		{"client_id=tv&client_secret=x", 401, "invalid_client"}, {"client_id=tv&scope=a&scope=b", 400, "invalid_request"},
		{"client_id=tv&scope=%00", 400, "invalid_request"}, {"client_id=tv&scope=" + strings.Repeat("a", 3000), 400, "invalid_request"},
		{"client_id=tv&scope=%zz", 400, "invalid_request"},
	} {
		r := b.send("POST", "/device_authorization", tt.body, "Content-Type", "application/x-www-form-urlencoded")
		if r.status != tt.status || r.json(t)["error"] != tt.code {
			t.Errorf("%.60s: %d %s", tt.body, r.status, r.body)
		}
	}
	if r := b.send("GET", "/device_authorization?client_id=tv", ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.status)
	}
	for range 100 {
		p.device("tv", "openid")
	}
	r := b.postForm("/device_authorization", url.Values{"client_id": {"tv"}})
	if r.status != http.StatusTooManyRequests || r.json(t)["error"] != "slow_down" {
		t.Errorf("the 101st: %d %s", r.status, r.body)
	}
}
