package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// logoutPlan are the modules of oidcc-rp-initiated-logout-certification-test-plan.
// Each begins signed in, with the ID token of that.
var logoutPlan = []struct {
	name string
	run  func(m *party, hint string)
}{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", func(m *party, _ string) {
		if end := m.b.send("GET", "/.well-known/openid-configuration", "").text("end_session_endpoint"); !strings.HasPrefix(end, m.plan.issuer+"/") {
			m.Errorf("end_session_endpoint %q", end)
		}
	}},
	{"oidcc-rp-initiated-logout", func(m *party, hint string) {
		m.leaves("id_token_hint", hint, "post_logout_redirect_uri", loggedOutURI, "state", "s&t=ä")
	}},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", func(m *party, hint string) {
		m.stays("id_token_hint", hint, "post_logout_redirect_uri", loggedOutURI+"x", "state", "s")
	}},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", func(m *party, hint string) {
		parts := strings.Split(hint, ".")
		modified := parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
		m.stays("id_token_hint", modified, "post_logout_redirect_uri", loggedOutURI, "state", "s")
	}},
	{"oidcc-rp-initiated-logout-no-id-token-hint", func(m *party, _ string) {
		m.stays("post_logout_redirect_uri", loggedOutURI, "state", "s")
	}},
	{"oidcc-rp-initiated-logout-no-params", func(m *party, _ string) { m.stays(); m.confirms() }},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(m *party, hint string) { m.endsHere("id_token_hint", hint, "state", "s") }},
	{"oidcc-rp-initiated-logout-no-state", func(m *party, hint string) { m.leaves("id_token_hint", hint, "post_logout_redirect_uri", loggedOutURI) }},
	{"oidcc-rp-initiated-logout-only-state", func(m *party, _ string) { m.stays("state", "s"); m.confirms() }},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", func(m *party, hint string) {
		m.stays("id_token_hint", hint, "post_logout_redirect_uri", loggedOutURI+"?foo=bar", "state", "s")
	}},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", func(m *party, _ string) {
		forged := m.signed("JWT", jwt.Claims{Issuer: m.plan.issuer, Subject: m.plan.alice.AccountID, Audience: jwt.Audience{m.clientID},
			IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))})
		m.stays("id_token_hint", forged, "post_logout_redirect_uri", loggedOutURI, "state", "s")
	}},
}

// L01, L02: the RP-initiated logout plan of the OpenID conformance suite.
func TestConformanceLogoutPlan(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	for _, module := range logoutPlan {
		t.Run(module.name, func(t *testing.T) {
			t.Parallel()
			m := p.party(t, &variants[0])
			module.run(m, m.signIn().text("id_token"))
		})
	}
}

func (m *party) logout(changes ...string) reply {
	m.Helper()
	form := url.Values{}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return m.b.send("GET", "/logout?"+form.Encode(), "")
}

func (m *party) signedIn() bool {
	m.Helper()
	a := m.ask("prompt", "none")
	if !a.Has("code") && a.Get("error") != "login_required" {
		m.Errorf("prompt=none: %v", a.Values)
	}
	return a.Has("code")
}

// leaves demands that the person is signed out and sent back with the state.
func (m *party) leaves(changes ...string) {
	m.Helper()
	want := loggedOutURI
	if len(changes) == 6 {
		want += "?" + url.Values{"state": {changes[5]}}.Encode()
	}
	if r := m.logout(changes...); r.status != http.StatusFound && r.status != http.StatusSeeOther || r.header.Get("Location") != want {
		m.Errorf("%d to %q, want %q", r.status, r.header.Get("Location"), want)
	}
	if m.signedIn() {
		m.Error("still signed in")
	}
}

// stays demands a page that leads nowhere by itself and ends nothing unasked.
func (m *party) stays(changes ...string) {
	m.Helper()
	if r := m.logout(changes...); r.status != http.StatusOK || r.header.Get("Location") != "" || !strings.Contains(r.body, "Sign out?") {
		m.Errorf("%d to %q: %.300s", r.status, r.header.Get("Location"), r.body)
	}
	if !m.signedIn() {
		m.Error("signed out without being asked")
	}
}

// confirms presses the button of that page.
func (m *party) confirms() {
	m.Helper()
	r := m.b.postForm("/logout", url.Values{"decision": {"logout"}}, "Sec-Fetch-Site", "same-origin")
	if r.status != http.StatusOK || m.signedIn() {
		m.Errorf("confirmed: %d %.300s", r.status, r.body)
	}
}

// endsHere demands a page that says that it is done.
func (m *party) endsHere(changes ...string) {
	m.Helper()
	if r := m.logout(changes...); r.status != http.StatusOK || r.header.Get("Location") != "" || m.signedIn() {
		m.Errorf("%d to %q", r.status, r.header.Get("Location"))
	}
}

// L03, L04: the back-channel logout plan. The application is told of the
// session by a signed token, and the browser comes back signed out.
func TestConformanceBackChannelPlan(t *testing.T) {
	t.Parallel()
	told := make(chan url.Values, 10)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err == nil && r.Method == "POST" && r.Header.Get("Content-Type") == typeForm {
			told <- r.PostForm
		}
	}))
	t.Cleanup(application.Close)
	p := newPlan(t, fmt.Sprintf(`  - {client_id: conf-told, secret: "${CLIENT_SECRET}", first_party: true, require_pkce: false, redirect_uris: [%q],
      post_logout_redirect_uris: [%q], backchannel_logout_uri: "%s/backchannel_logout", backchannel_logout_session_required: true}
`, redirectURI, loggedOutURI, application.URL))
	m := p.party(t, &variant{"", "conf-told", "client_secret_basic", ""})
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		metadata := m.b.send("GET", "/.well-known/openid-configuration", "").json()
		if metadata["backchannel_logout_supported"] != true || metadata["backchannel_logout_session_supported"] != true || metadata["end_session_endpoint"] == nil {
			t.Errorf("%v", metadata)
		}
	})
	t.Run("oidcc-backchannel-rp-initiated-logout", func(t *testing.T) {
		m.T = t
		first := m.signIn()
		m.leaves("id_token_hint", first.text("id_token"), "post_logout_redirect_uri", loggedOutURI, "state", "s")
		select {
		case form := <-told:
			m.checkLogoutToken(form, first)
		case <-time.After(20 * time.Second):
			t.Error("the application was never told")
		}
	})
}

// checkLogoutToken is OpenID Connect Back-Channel Logout section 2.6.
func (m *party) checkLogoutToken(form url.Values, first tokens) {
	m.Helper()
	var keys jose.JSONWebKeySet
	decode(m, m.b.send("GET", "/jwks", "").body, &keys)
	parsed, err := jwt.ParseSigned(form.Get("logout_token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		m.Fatal(err)
	}
	var claims map[string]any
	if err := parsed.Claims(keys, &claims); err != nil {
		m.Fatal(err)
	}
	events, _ := claims["events"].(map[string]any)
	event, is := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	switch {
	case len(form) != 1, parsed.Headers[0].ExtraHeaders["typ"] != "logout+jwt", claims["iss"] != m.plan.issuer, claims["aud"] != m.clientID,
		claims["jti"] == nil, !is, len(event) != 0, claims["nonce"] != nil, claims["sub"] != first.id.Subject, claims["sid"] != first.claims["sid"],
		issued == 0, expires <= issued, expires-issued > 120:
		m.Errorf("header %v, claims %v", parsed.Headers[0], claims)
	}
}
