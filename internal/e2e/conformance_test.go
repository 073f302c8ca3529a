package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The tests in these files do what the modules of the OpenID conformance suite
// do, against a running provider; docs/conformance.md lists them all.

// A variant is how the suite plays its relying party.
type variant struct {
	name, clientID string
	auth           string // token_endpoint_auth_method
	mode           string // response_mode, "" for the default
}

const loggedOutURI = "https://app.example.com/logged-out"

// A plan is a provider that knows the suite's clients.
type plan struct {
	*process
	key      *ecdsa.PrivateKey // of the client that signs
	provider *oidc.Provider
}

func newPlan(t *testing.T, more ...string) *plan {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, pgtest.DSN(t))
	const uris = `first_party: true, redirect_uris: ["` + redirectURI + `"], post_logout_redirect_uris: ["` + loggedOutURI + `"]`
	for id, rest := range map[string]string{
		"conf-basic": `secret: "${CLIENT_SECRET}", require_pkce: false, token_endpoint_auth_method: client_secret_basic`,
		"conf-post":  `secret: "${CLIENT_SECRET}", require_pkce: false, token_endpoint_auth_method: client_secret_post`,
		"conf-none":  `token_endpoint_auth_method: none`,
		"conf-key":   `require_pkce: false, token_endpoint_auth_method: private_key_jwt, jwks: '` + string(public) + `'`,
	} {
		s.more += fmt.Sprintf("  - {client_id: %s, %s, %s}\n", id, uris, rest)
	}
	s.more += strings.Join(more, "")
	p := &plan{process: s.serve(), key: key}
	if p.provider, err = oidc.NewProvider(t.Context(), p.issuer); err != nil {
		t.Fatal(err)
	}
	return p
}

// A party is the suite in one module: a relying party and the person's browser.
type party struct {
	*testing.T
	*variant
	plan *plan
	b    *browser
	q    request // the last that was sent
}

func (p *plan) party(t *testing.T, v *variant) *party {
	return &party{T: t, variant: v, plan: p, b: p.browser()}
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// An answer is what an authorization request came to.
type answer struct {
	url.Values      // of the authorization response; empty if there was none
	asked      bool // the person had to sign
	reply           // the page that was shown instead
}

var (
	formAction  = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	linkBack    = regexp.MustCompile(`href="(` + regexp.QuoteMeta(redirectURI) + `\?[^"]*)"`)
)

// form is the next authorization request: with PKCE for public clients alone,
// since most modules know nothing of it.
func (m *party) form(changes ...string) url.Values {
	m.q = newRequest(m.clientID, "openid")
	form := m.q.form()
	if m.auth != "none" {
		m.q.verifier = ""
		form.Del("code_challenge")
		form.Del("code_challenge_method")
	}
	if m.mode != "" {
		form.Set("response_mode", m.mode)
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return form
}

// ask sends an authorization request and goes with it to its end; changes are
// parameters and values in turn.
func (m *party) ask(changes ...string) answer {
	m.Helper()
	return m.follow(m.b.send("GET", "/authorize?"+m.form(changes...).Encode(), ""))
}

func (m *party) follow(r reply) (a answer) {
	m.Helper()
	for range 10 {
		a.reply = r
		to := r.header.Get("Location")
		switch path := strings.TrimPrefix(to, m.plan.issuer); {
		case strings.HasPrefix(to, redirectURI):
			u, err := url.Parse(to)
			if err != nil || m.mode != "" {
				m.Fatalf("answered at %s", to)
			}
			a.Values = u.Query()
			return a
		case strings.HasPrefix(path, "/login/"):
			a.asked = true
			r = m.sign(path)
		case strings.HasPrefix(path, "/consent/"):
			r = m.b.postForm(path, url.Values{"decision": {"allow"}}, "Sec-Fetch-Site", "same-origin")
		case strings.HasPrefix(path, "/"):
			r = m.b.send("GET", path, "")
		default:
			a.Values = m.onPage(r.body)
			return a
		}
	}
	m.Fatalf("redirected without end: %v", r.header)
	return a
}

// sign answers the login page and returns the redirect that its script makes.
func (m *party) sign(path string) reply {
	m.Helper()
	var c challenge
	r := m.b.send("GET", path, "", "Accept", typeJSON)
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != http.StatusOK {
		m.Fatalf("challenge: %d %s", r.status, r.body)
	}
	r = m.b.postJSON(path+"/verify", m.b.answer(c))
	if r.status != http.StatusOK {
		m.Fatalf("verify: %d %s", r.status, r.body)
	}
	return reply{status: http.StatusSeeOther, header: http.Header{"Location": {r.text("redirect_to")}}}
}

// onPage reads the response that a page sends on: a form (OAuth 2.0 Form Post
// Response Mode) or a link.
func (m *party) onPage(page string) url.Values {
	m.Helper()
	if action := formAction.FindStringSubmatch(page); action != nil && html.UnescapeString(action[1]) == redirectURI {
		form := url.Values{}
		for _, input := range hiddenInput.FindAllStringSubmatch(page, -1) {
			form.Add(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
		}
		return form
	}
	if link := linkBack.FindStringSubmatch(page); link != nil && m.mode == "" {
		u, err := url.Parse(html.UnescapeString(link[1]))
		if err != nil {
			m.Fatal(err)
		}
		return u.Query()
	}
	return nil
}

// code is that of an answer that must be a success.
func (m *party) code(a answer) string {
	m.Helper()
	if a.Get("code") == "" || a.Get("state") != m.q.state || a.Get("iss") != m.plan.issuer || a.Has("error") {
		m.Fatalf("answered %v, state %q, page %d %.300s", a.Values, m.q.state, a.status, a.body)
	}
	return a.Get("code")
}

// token sends a token request, authenticated as the variant says.
func (m *party) token(form url.Values) reply {
	m.Helper()
	form.Del("client_id")
	form.Del("client_secret")
	var header []string
	switch m.auth {
	case "client_secret_basic":
		credentials := url.QueryEscape(m.clientID) + ":" + url.QueryEscape(clientSecret)
		header = []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))}
	case "client_secret_post":
		form.Set("client_id", m.clientID)
		form.Set("client_secret", clientSecret)
	case "none":
		form.Set("client_id", m.clientID)
	case "private_key_jwt":
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", m.assertion(m.plan.issuer+"/token"))
	}
	return m.b.postForm("/token", form, header...)
}

func (m *party) assertion(audience string) string {
	m.Helper()
	return m.signed("JWT", jwt.Claims{
		Issuer: m.clientID, Subject: m.clientID, Audience: jwt.Audience{audience}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	})
}

// signed is a JWT by the relying party's own key.
func (m *party) signed(typ string, claims any) string {
	m.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "k1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: m.plan.key}, options)
	if err != nil {
		m.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		m.Fatal(err)
	}
	return text
}

// Tokens are a token response that was checked.
type tokens struct {
	reply
	id       *oidc.IDToken
	authTime float64
	claims   map[string]any
}

// redeem takes the tokens for an answer and checks them as the suite does.
func (m *party) redeem(a answer) tokens {
	m.Helper()
	form := m.q.redeem(m.code(a))
	if m.q.verifier == "" {
		form.Del("code_verifier")
	}
	return m.checked(m.token(form), m.q.nonce)
}

// checked holds a token response to RFC 6749 section 5.1 and its ID token to
// OpenID Connect Core section 3.1.3.7.
func (m *party) checked(r reply, nonce string) tokens {
	m.Helper()
	if r.status != http.StatusOK || !strings.EqualFold(r.text("token_type"), "Bearer") || r.header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(r.header.Get("Content-Type"), typeJSON) || r.text("access_token") == "" || r.json()["expires_in"] == nil {
		m.Fatalf("token: %d %v %s", r.status, r.header, r.body)
	}
	id, err := m.plan.provider.Verifier(&oidc.Config{ClientID: m.clientID, SupportedSigningAlgs: []string{"RS256"}}).Verify(m.Context(), r.text("id_token"))
	if err != nil {
		m.Fatal(err)
	}
	t := tokens{reply: r, id: id}
	if err := id.Claims(&t.claims); err != nil {
		m.Fatal(err)
	}
	t.authTime, _ = t.claims["auth_time"].(float64)
	if id.Nonce != nonce || id.Subject != m.plan.alice.AccountID || len(id.Audience) != 1 || t.authTime == 0 || time.Since(id.IssuedAt).Abs() > time.Minute {
		m.Errorf("ID token %+v, nonce sent %q", t.claims, nonce)
	}
	if err := id.VerifyAccessToken(r.text("access_token")); err != nil {
		m.Error(err)
	}
	return t
}

// signIn is a whole login; the person must have been asked.
func (m *party) signIn(changes ...string) tokens {
	m.Helper()
	a := m.ask(changes...)
	if !a.asked {
		m.Errorf("nobody was asked to sign: %v", a.Values)
	}
	return m.redeem(a)
}

// refused demands an error response with one of the codes, at the redirect URI.
func (m *party) refused(a answer, codes ...string) {
	m.Helper()
	if !bytes.Contains([]byte(" "+strings.Join(codes, " ")+" "), []byte(" "+a.Get("error")+" ")) || a.Has("code") || a.Get("state") != m.q.state || a.Get("iss") != m.plan.issuer {
		m.Errorf("answered %v (page %d), want one of %v", a.Values, a.status, codes)
	}
}
