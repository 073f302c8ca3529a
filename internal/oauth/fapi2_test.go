package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// bank is a client that is held to the FAPI 2.0 Security Profile.
type bank struct {
	*env
	holder
}

func newBank(t *testing.T) bank {
	e := setup(t)
	e.signingClient("bank", "")
	c := e.clients["bank"]
	// What the registry makes of the profile; its own tests say so.
	c.Profile, c.RequirePushedAuthorizationRequests, c.DPoPBoundAccessTokens = idp.ProfileFAPI2, true, true
	c.IDTokenSignedResponseAlg = idp.ES256
	return bank{e, newHolder(t)}
}

// asserting adds a client assertion to a form.
func (b bank) asserting(form url.Values, changes map[string]any) url.Values {
	form = maps.Clone(form)
	form.Del("client_secret")
	form.Set("client_id", "bank")
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion(b.env.T, b.algOf(changes), "bank", changes))
	return form
}

// algOf takes the algorithm out of the changes.
func (bank) algOf(changes map[string]any) string {
	if alg, ok := changes["alg"].(string); ok {
		delete(changes, "alg")
		return alg
	}
	return idp.ES256
}

// code goes through a pushed request to a code.
func (b bank) code(changes ...string) string {
	b.env.Helper()
	uri := b.env.mustPush(b.asserting(request(changes...), nil))
	return b.env.signIn(pushedForm("bank", uri)).Get("code")
}

// F01, F02, C07: the whole of a FAPI 2.0 client's life.
func TestFAPI2ClientSignsIn(t *testing.T) {
	b := newBank(t)
	tokens := b.bound(b.asserting(codeForm(b.code()), nil), b.holder)
	if header := b.header(tokens.IDToken); header["alg"] != "ES256" {
		t.Errorf("ID token by %v", header["alg"])
	}
	if header := b.header(tokens.AccessToken); header["alg"] != "ES256" {
		t.Errorf("access token by %v", header["alg"])
	}
	if err := b.boundUserInfo(tokens.AccessToken, b.atUserInfo(tokens.AccessToken, nil)); err != nil {
		t.Error(err)
	}
	// Section 5.3.2.1: refresh tokens do not rotate, however often they are used.
	for range 3 {
		next := b.bound(b.asserting(refreshForm(tokens.RefreshToken), nil), b.holder)
		if next.RefreshToken != tokens.RefreshToken {
			t.Error("the refresh token was rotated")
		}
	}
	// A confidential client's refresh token is tied to the client, not to the DPoP key.
	b.bound(b.asserting(refreshForm(tokens.RefreshToken), nil), newHolder(t))
}

// F01, F02, P03, C07: each of the profile's rules by what breaks it.
func TestFAPI2RulesHold(t *testing.T) {
	b := newBank(t)
	_, err := b.Authorize(t.Context(), request("client_id", "bank"))
	b.refused(err, "invalid_request") // not pushed
	for name, c := range map[string]struct {
		form url.Values
		code string
	}{
		"no PKCE":              {b.asserting(request("code_challenge", "", "code_challenge_method", ""), nil), "invalid_request"},
		"plain PKCE":           {b.asserting(request("code_challenge_method", "plain"), nil), "invalid_request"},
		"no redirect_uri":      {b.asserting(request("redirect_uri", "", "scope", "profile"), nil), "invalid_request"},
		"response_type token":  {b.asserting(request("response_type", "token"), nil), "unsupported_response_type"},
		"a request_uri within": {b.asserting(request("request_uri", "urn:ietf:params:oauth:request_uri:x"), nil), "invalid_request"},
		"a secret":             {request("client_id", "bank", "client_secret", secret), "invalid_client"},
		"no authentication":    {request("client_id", "bank"), "invalid_client"},
		"aud is an endpoint":   {b.asserting(request(), map[string]any{"aud": issuer + "/par"}), "invalid_client"},
		"aud is a list":        {b.asserting(request(), map[string]any{"aud": []string{issuer}}), "invalid_client"},
		"signed with RS256":    {b.asserting(request(), map[string]any{"alg": idp.RS256}), "invalid_client"},
	} {
		_, err := b.push(c.form)
		if refusal, ok := errors.AsType[*oauth.Error](err); !ok || refusal.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	code := b.code()
	_, err = b.post(b.asserting(codeForm(code), nil))
	b.refused(err, "invalid_dpop_proof")
	_, err = b.postProof(b.asserting(codeForm(code), nil), holder{t, idp.RS256, signers()[idp.RS256]}.proof(nil, nil))
	b.refused(err, "invalid_dpop_proof")
	b.bound(b.asserting(codeForm(code), nil), b.holder)
}

// F02: a proof at the pushed request binds the code to its key.
func TestProofAtPARBindsTheCode(t *testing.T) {
	e := setup(t)
	h, thief := newHolder(t), newHolder(t)
	atPAR := fields{"htu": issuer + "/par"}
	form := request("client_secret", secret)
	code := func() string {
		uri := e.mustPush(form, "DPoP", h.proof(nil, atPAR))
		return e.signIn(pushedForm("web", uri)).Get("code")
	}
	_, err := e.postProof(codeForm(code()), thief.proof(nil, nil))
	e.refused(err, "invalid_grant")
	_, err = e.post(codeForm(code()))
	e.refused(err, "invalid_grant")
	e.bound(codeForm(code()), h)

	used := h.proof(nil, atPAR)
	e.mustPush(form, "DPoP", used)
	for name, c := range map[string]struct{ named, proof string }{
		"replayed":     {"", used},
		"for token":    {"", h.proof(nil, nil)},
		"garbage":      {"", "x"},
		"another key":  {thief.thumbprint(), h.proof(nil, atPAR)},
		"not a digest": {"x", h.proof(nil, atPAR)},
	} {
		_, err := e.push(request("client_secret", secret, "dpop_jkt", c.named), "DPoP", c.proof)
		if refusal := e.refused(err, "invalid_dpop_proof"); refusal.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, refusal.Status)
		}
	}
	form.Set("dpop_jkt", h.thumbprint())
	e.bound(codeForm(code()), h)

	options := e.options(e.store)
	options.RequireDPoPNonce = true
	if e.Provider, err = oauth.New(options); err != nil {
		t.Fatal(err)
	}
	_, err = e.push(form, "DPoP", h.proof(nil, atPAR))
	nonce := e.refused(err, "use_dpop_nonce").Nonce
	e.mustPush(form, "DPoP", h.proof(nil, fields{"htu": issuer + "/par", "nonce": nonce}))
}

// header is a JWT's header, unverified.
func (e *env) header(token string) (header map[string]any) {
	e.Helper()
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil || json.Unmarshal(raw, &header) != nil {
		e.Fatalf("%q is no JWT", token)
	}
	return header
}
