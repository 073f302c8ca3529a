package e2e

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// basicPlan are the modules of oidcc-basic-certification-test-plan, in its order.
var basicPlan = []struct {
	name string
	run  func(*party)
}{
	{"oidcc-server", func(m *party) { m.userInfo(m.signIn(), "GET") }},
	{"oidcc-response-type-missing", func(m *party) { m.refused(m.ask("response_type", ""), "invalid_request", "unsupported_response_type") }},
	{"oidcc-idtoken-signature", (*party).signatureByPublishedKey},
	{"oidcc-idtoken-unsigned", (*party).unsignedIsNotOffered},
	{"oidcc-userinfo-get", func(m *party) { m.userInfo(m.signIn(), "GET") }},
	{"oidcc-userinfo-post-header", func(m *party) { m.userInfo(m.signIn(), "POST") }},
	{"oidcc-userinfo-post-body", (*party).userInfoByForm},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", (*party).withoutNonce},
	{"oidcc-scope-profile", func(m *party) { m.scope("openid profile") }},
	{"oidcc-scope-email", func(m *party) { m.scope("openid email") }},
	{"oidcc-scope-address", func(m *party) { m.scope("openid address") }},
	{"oidcc-scope-phone", func(m *party) { m.scope("openid phone") }},
	{"oidcc-scope-all", func(m *party) { m.scope("openid profile email address phone") }},
	{"oidcc-ensure-other-scope-order-succeeds", func(m *party) { m.scope("email profile openid") }},
	{"oidcc-display-page", func(m *party) { m.signIn("display", "page") }},
	{"oidcc-display-popup", func(m *party) { m.signIn("display", "popup") }},
	{"oidcc-prompt-login", func(m *party) { m.signsAgain("prompt", "login") }},
	{"oidcc-prompt-none-not-logged-in", func(m *party) { m.refused(m.ask("prompt", "none"), "login_required") }},
	{"oidcc-prompt-none-logged-in", func(m *party) { m.signIn(); m.staysSignedIn("prompt", "none") }},
	{"oidcc-max-age-1", func(m *party) { m.signsAgain("max_age", "1") }},
	{"oidcc-max-age-10000", func(m *party) { m.staysSignedIn("max_age", "10000") }},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", func(m *party) { m.signIn("extra", "foobar") }},
	{"oidcc-id-token-hint", (*party).idTokenHint},
	{"oidcc-login-hint", func(m *party) { m.signIn("login_hint", "buffy@example.com") }},
	{"oidcc-ui-locales", func(m *party) { m.signIn("ui_locales", "se") }},
	{"oidcc-claims-locales", func(m *party) { m.signIn("claims_locales", "se") }},
	{"oidcc-ensure-request-with-acr-values-succeeds", func(m *party) { m.signIn("acr_values", "1 2") }},
	{"oidcc-codereuse", func(m *party) { m.codeReuse(0) }},
	{"oidcc-codereuse-30seconds", func(m *party) { m.codeReuse(30 * time.Second) }},
	{"oidcc-ensure-registered-redirect-uri", (*party).unregisteredRedirectURI},
	{"oidcc-ensure-post-request-succeeds", (*party).byPost},
	{"oidcc-server-client-secret-post", (*party).secretInTheBody},
	{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", (*party).requestURI},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(m *party) {
		m.refused(m.ask("request", m.requestObject(redirectURI)), "request_not_supported")
	}},
	{"oidcc-claims-essential", (*party).essentialClaim},
	{"oidcc-ensure-request-object-with-redirect-uri", func(m *party) {
		m.refused(m.ask("request", m.requestObject("https://evil.example.com/cb")), "request_not_supported")
	}},
	{"oidcc-refresh-token", (*party).refreshToken},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", (*party).withPKCE},
}

// variants are the plans: basic, form-post basic, and the test plan with the
// client types that the certification leaves out.
var variants = []variant{
	{"basic", "conf-basic", "client_secret_basic", ""},
	{"post", "conf-post", "client_secret_post", ""},
	{"none", "conf-none", "none", ""},
	{"private_key_jwt", "conf-key", "private_key_jwt", ""},
}

// A03, A04, A06, A09, A13, A14, A16, P01, R01, R03, T01, T02, T05, U01, U02, RT03, RT06, J01, C04:
// the basic plan of the OpenID conformance suite, with each kind of client.
func TestConformanceBasicPlan(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			p.basic(t, &v)
		})
	}
}

// A08: the form-post basic plan: the same with response_mode=form_post, whose
// answers come by a page that posts them.
func TestConformanceFormPostPlan(t *testing.T) {
	t.Parallel()
	newPlan(t).basic(t, &variant{"form_post", "conf-basic", "client_secret_basic", "form_post"})
}

func (p *plan) basic(t *testing.T, v *variant) {
	t.Helper()
	for _, module := range basicPlan {
		// Half a minute of waiting proves the same in each variant.
		if strings.HasSuffix(module.name, "30seconds") && v.name != "basic" {
			continue
		}
		t.Run(module.name, func(t *testing.T) {
			t.Parallel()
			module.run(p.party(t, v))
		})
	}
}

func (m *party) userInfo(got tokens, method string) map[string]any {
	m.Helper()
	r := m.b.send(method, "/userinfo", "", "Authorization", "Bearer "+got.text("access_token"))
	if r.status != http.StatusOK || r.text("sub") != got.id.Subject || !strings.HasPrefix(r.header.Get("Content-Type"), typeJSON) {
		m.Fatalf("userinfo: %d %s", r.status, r.body)
	}
	return r.json()
}

func (m *party) userInfoByForm() {
	got := m.signIn()
	r := m.b.postForm("/userinfo", url.Values{"access_token": {got.text("access_token")}})
	if r.status != http.StatusOK || r.text("sub") != got.id.Subject {
		m.Errorf("userinfo: %d %s", r.status, r.body)
	}
}

func (m *party) signatureByPublishedKey() {
	got := m.signIn()
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(got.text("id_token"), ".")[0])
	if err != nil {
		m.Fatal(err)
	}
	keys, _ := m.b.send("GET", "/jwks", "").json()["keys"].([]any)
	kids := map[any]int{}
	for _, key := range keys {
		kids[key.(map[string]any)["kid"]]++
	}
	for kid, n := range kids {
		if n != 1 {
			m.Errorf("%d keys have the kid %v", n, kid)
		}
	}
	kid := reply{body: string(header)}.text("kid")
	if kid == "" || kids[kid] != 1 {
		m.Errorf("header %s, published %v", header, kids)
	}
}

func (m *party) unsignedIsNotOffered() {
	algs, _ := m.b.send("GET", "/.well-known/openid-configuration", "").json()["id_token_signing_alg_values_supported"].([]any)
	if slices.Contains(algs, any("none")) || !slices.Contains(algs, any("RS256")) {
		m.Errorf("offered %v", algs)
	}
}

func (m *party) withoutNonce() {
	a := m.ask("nonce", "")
	m.q.nonce = ""
	if got := m.redeem(a); got.claims["nonce"] != nil {
		m.Errorf("nonce %v, none was sent", got.claims["nonce"])
	}
}

// scope demands success for scopes of which we know some: of profile we have
// a name to show, of the others nothing.
func (m *party) scope(scope string) {
	m.Helper()
	info := m.userInfo(m.signIn("scope", scope), "GET")
	if wants := strings.Contains(scope, "profile"); (info["preferred_username"] != nil) != wants {
		m.Errorf("%s gives %v", scope, info)
	}
	for _, claim := range []string{"email", "address", "phone_number"} {
		if info[claim] != nil {
			m.Errorf("%s gives %s = %v, which nobody told us", scope, claim, info[claim])
		}
	}
}

func (m *party) signsAgain(change ...string) {
	m.Helper()
	first := m.signIn()
	time.Sleep(2100 * time.Millisecond) // auth_time counts whole seconds
	if second := m.signIn(change...); second.authTime <= first.authTime || second.id.Subject != first.id.Subject {
		m.Errorf("auth_time %v, then %v", first.authTime, second.authTime)
	}
}

func (m *party) staysSignedIn(change ...string) {
	m.Helper()
	first := m.redeem(m.ask())
	a := m.ask(change...)
	second := m.redeem(a)
	if a.asked || second.authTime != first.authTime || second.id.Subject != first.id.Subject {
		m.Errorf("asked %v, auth_time %v, then %v", a.asked, first.authTime, second.authTime)
	}
}

func (m *party) idTokenHint() {
	first := m.signIn()
	a := m.ask("prompt", "none", "id_token_hint", first.text("id_token"))
	if second := m.redeem(a); a.asked || second.authTime != first.authTime || second.id.Subject != first.id.Subject {
		m.Errorf("asked %v, auth_time %v, then %v", a.asked, first.authTime, second.authTime)
	}
}

func (m *party) codeReuse(after time.Duration) {
	m.Helper()
	a := m.ask()
	got := m.redeem(a)
	time.Sleep(after)
	form := m.q.redeem(a.Get("code"))
	if m.q.verifier == "" {
		form.Del("code_verifier")
	}
	if r := m.token(form); r.status != http.StatusBadRequest || r.text("error") != "invalid_grant" {
		m.Errorf("the second use: %d %s", r.status, r.body)
	}
	if r := m.b.userInfo(got.text("access_token")); r.status != http.StatusUnauthorized || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
		m.Errorf("the first use's access token: %d %v", r.status, r.header)
	}
}

func (m *party) unregisteredRedirectURI() {
	for _, uri := range []string{redirectURI + "/other", redirectURI + "?added=1", "https://evil.example.com/cb"} {
		if a := m.ask("redirect_uri", uri); a.status != http.StatusBadRequest || a.header.Get("Location") != "" || len(a.Values) > 0 {
			m.Errorf("%s: %d to %q", uri, a.status, a.header.Get("Location"))
		}
	}
}

func (m *party) byPost() {
	a := m.follow(m.b.postForm("/authorize", m.form()))
	m.redeem(a)
}

func (m *party) secretInTheBody() {
	second := m.plan.party(m.T, &variant{"", "conf-post", "client_secret_post", m.mode})
	second.userInfo(second.signIn(), "GET")
}

// requestObject is an unsigned one that asks for the same (Core section 6.1).
func (m *party) requestObject(redirect string) string {
	part := func(value any) string { return base64.RawURLEncoding.EncodeToString([]byte(encode(m, value))) }
	claims := map[string]string{"client_id": m.clientID, "response_type": "code", "redirect_uri": redirect, "scope": "openid", "state": "of the object"}
	return part(map[string]string{"alg": "none"}) + "." + part(claims) + "."
}

// requestURI is refused unfetched: the canary behind it is never asked.
func (m *party) requestURI() {
	var asked atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer canary.Close()
	m.refused(m.ask("request_uri", canary.URL+"/object"), "request_uri_not_supported")
	if asked.Load() != 0 {
		m.Error("the provider fetched an address that anybody may name")
	}
}

func (m *party) essentialClaim() {
	got := m.signIn("claims", `{"userinfo":{"name":{"essential":true}}}`)
	if info := m.userInfo(got, "GET"); info["name"] != m.plan.alice.AccountID {
		m.Errorf("userinfo %v", info)
	}
}

// refreshToken also has a second client try the token, which must not get it.
func (m *party) refreshToken() {
	first := m.signIn("scope", "openid offline_access", "prompt", "consent")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}}
	other := m.plan.party(m.T, &variant{"", "other", "client_secret_basic", ""})
	if r := other.token(form); r.status != http.StatusBadRequest || r.text("error") != "invalid_grant" {
		m.Errorf("another client: %d %s", r.status, r.body)
	}
	second := m.checked(m.token(form), "")
	if second.authTime != first.authTime || second.text("access_token") == first.text("access_token") || second.text("refresh_token") == "" {
		m.Errorf("refreshed: %v, then %v", first.claims, second.claims)
	}
	m.userInfo(second, "GET")
}

func (m *party) withPKCE() {
	public := *m.variant
	public.auth = "none" // has form send a challenge
	q := m.plan.party(m.T, &public)
	form := q.form()
	a := m.follow(m.b.send("GET", "/authorize?"+form.Encode(), ""))
	m.q = q.q
	m.redeem(a)
	// P04: without its verifier the code is worth nothing.
	again := m.follow(m.b.send("GET", "/authorize?"+form.Encode(), ""))
	without := m.q.redeem(again.Get("code"))
	without.Del("code_verifier")
	if r := m.token(without); r.text("error") != "invalid_grant" {
		m.Errorf("a code with a challenge, without its verifier: %d %s", r.status, r.body)
	}
}
