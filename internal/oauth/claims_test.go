package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

// keySet lets go-oidc verify with the keys that JWKS publishes.
type keySet struct{ e *env }

func (k keySet) VerifySignature(_ context.Context, token string) ([]byte, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(k.e.JWKS(), &set); err != nil {
		return nil, err
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return nil, err
	}
	keys := set.Key(parsed.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		return nil, errors.New("the kid is not published exactly once")
	}
	return parsed.Verify(keys[0])
}

// J01, J04, J06, 15: an independent client accepts the ID token of every algorithm, with at_hash.
func TestIDTokenIsAcceptedByGoOIDC(t *testing.T) {
	e := setup(t)
	for client, alg := range map[string]string{"web": idp.RS256, "es": idp.ES256, "ed": idp.EdDSA} {
		got := e.tokens(codeForm(e.signIn(request("client_id", client)).Get("code"), "client_id", client))
		verifier := oidc.NewVerifier(issuer, keySet{e}, &oidc.Config{ClientID: client, SupportedSigningAlgs: []string{alg}})
		token, err := verifier.Verify(t.Context(), got.IDToken)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if err := token.VerifyAccessToken(got.AccessToken); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if token.Nonce != "n-0S6_WzA2Mj" || token.Subject != "alice.near" {
			t.Errorf("%s: nonce %q, sub %q", alg, token.Nonce, token.Subject)
		}
	}
}

// 16, 17, J02: the claims are these, and no others.
func TestClaimsOfEachToken(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request("scope", "openid profile")).Get("code")))
	names := func(m map[string]any) string {
		list := make([]string, 0, len(m))
		for name := range m {
			list = append(list, name)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	id, access := e.payload(got.IDToken), e.payload(got.AccessToken)
	if want := "amr at_hash aud auth_time exp iat iss name near_account_id near_network near_public_key nickname nonce preferred_username sid sub"; names(id) != want {
		t.Errorf("ID token claims %s\nwant %s", names(id), want)
	}
	if want := "aud auth_time client_id exp grant_id iat iss jti scope sub"; names(access) != want {
		t.Errorf("access token claims %s\nwant %s", names(access), want)
	}
	if access["iss"] != issuer || access["client_id"] != "web" || access["sub"] != "alice.near" || access["scope"] != "openid profile" {
		t.Errorf("access token %v", access)
	}
	if life := access["exp"].(float64) - access["iat"].(float64); life != 900 || got.ExpiresIn != 900 {
		t.Errorf("access token lives %v s, expires_in says %d", life, got.ExpiresIn)
	}
	if got.TokenType != "Bearer" {
		t.Errorf("token_type %q", got.TokenType)
	}
	info, err := e.UserInfo(t.Context(), got.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if want := "name near_account_id near_network near_public_key nickname preferred_username sub"; names(info) != want {
		t.Errorf("userinfo %s\nwant %s", names(info), want)
	}
}

// U03: without profile nobody learns more than the account.
func TestClaimsFollowTheScopes(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request("scope", "openid")).Get("code")))
	id := e.payload(got.IDToken)
	if id["name"] != nil || id["near_public_key"] != nil || id["sub"] != "alice.near" {
		t.Errorf("ID token %v", id)
	}
}

// 14, J03, A10: nothing but a live access token of ours opens userinfo.
func TestIDTokenAsAccessTokenIsRefused(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	keys, _ := ring()
	forge := func(typ, alg string, change func(map[string]any)) string {
		m := e.payload(got.AccessToken)
		change(m)
		raw, _ := json.Marshal(m)
		token, err := keys.Sign(typ, alg, raw)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	parts := strings.Split(got.AccessToken, ".")
	for name, token := range map[string]string{
		"ID token":       got.IDToken,
		"refresh token":  got.RefreshToken,
		"empty":          "",
		"no signature":   parts[0] + "." + parts[1] + ".",
		"alg none":       "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".",
		"other issuer":   forge("at+jwt", idp.ES256, func(m map[string]any) { m["iss"] = "https://evil.test" }),
		"other audience": forge("at+jwt", idp.ES256, func(m map[string]any) { m["aud"] = []string{"https://api.test"} }),
		"expired":        forge("at+jwt", idp.ES256, func(m map[string]any) { m["exp"] = time.Now().Unix() - 1 }),
		"other grant":    forge("at+jwt", idp.ES256, func(m map[string]any) { m["grant_id"] = strings.Repeat("0", 32) }),
		"other client":   forge("at+jwt", idp.ES256, func(m map[string]any) { m["client_id"] = "other" }),
		"other subject":  forge("at+jwt", idp.ES256, func(m map[string]any) { m["sub"] = "bob.near" }),
	} {
		_, err := e.UserInfo(t.Context(), token)
		if refusal := e.refused(err, "invalid_token"); refusal.Status != 401 || refusal.Authenticate == "" {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
}

// G03: a disabled client loses userinfo and refresh at once.
func TestDisabledClientLosesAccess(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.clients["web"].Disabled = true
	_, err := e.UserInfo(t.Context(), got.AccessToken)
	e.refused(err, "invalid_token")
	_, err = e.post(refreshForm(got.RefreshToken))
	e.refused(err, "invalid_client")
}

// D02: what discovery says of the protocol, in the exact words.
func TestMetadata(t *testing.T) {
	e := setup(t)
	var m map[string]any
	if err := json.Unmarshal(e.Metadata(), &m); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"issuer": `"` + issuer + `"`, "request_uri_parameter_supported": "false", "request_parameter_supported": "false",
		"authorization_response_iss_parameter_supported": "true", "code_challenge_methods_supported": `["S256"]`,
		"response_types_supported": `["code"]`, "subject_types_supported": `["public"]`,
	} {
		if got, _ := json.Marshal(m[name]); string(got) != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}
