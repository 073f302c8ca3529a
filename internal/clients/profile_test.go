package clients_test

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

const publicKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"YNbNSe9363ktyqky2fQxWD1iJVzmt7Fk35WQSWYlYc0","y":"nxA0dJuxqo_Zo4jL9DbVeihFv7ouydlE4dTxAShp4Kk"}]}`

func fapi2() idp.Client {
	c := valid("bank")
	c.Profile, c.TokenEndpointAuthMethod, c.JWKS = idp.ProfileFAPI2, idp.AuthPrivateKey, publicKey
	return c
}

// F01, F02: the profile turns on what FAPI 2.0 demands.
func TestProfileFAPI2TurnsItsRulesOn(t *testing.T) {
	t.Parallel()
	for alg, d := range map[string]clients.Defaults{
		idp.ES256: {Alg: idp.RS256, Algs: []string{idp.RS256, idp.ES256, idp.EdDSA}, Lifetimes: idp.Lifetimes{Code: idp.Duration(5 * time.Minute)}},
		idp.EdDSA: {Alg: idp.EdDSA, Algs: []string{idp.RS256, idp.ES256, idp.EdDSA}},
		idp.PS256: {Algs: []string{idp.RS256, idp.PS256}},
	} {
		c, err := d.Validate(fapi2())
		if err != nil {
			t.Fatal(err)
		}
		if !c.RequirePushedAuthorizationRequests || !c.DPoPBoundAccessTokens || !c.MustUsePKCE() ||
			c.IDTokenSignedResponseAlg != alg || c.Lifetimes.Code.Std() > time.Minute {
			t.Errorf("%+v", c)
		}
		if again, err := d.Validate(c); err != nil || again.IDTokenSignedResponseAlg != alg {
			t.Errorf("the normal form is not valid: %v", err)
		}
	}
	if c, err := clients.Validate(valid("app")); err != nil || c.DPoPBoundAccessTokens || c.RequirePushedAuthorizationRequests {
		t.Errorf("without the profile: %+v, %v", c, err)
	}
}

// P03 and the rest of FAPI 2.0: what contradicts the profile is refused in a sentence.
func TestProfileFAPI2RefusesContradictions(t *testing.T) {
	t.Parallel()
	off := false
	for want, change := range map[string]func(*idp.Client){
		"token_endpoint_auth_method is not private_key_jwt": func(c *idp.Client) { c.TokenEndpointAuthMethod, c.JWKS = idp.AuthSecretBasic, "" },
		"require_pkce is false":                             func(c *idp.Client) { c.RequirePKCE = &off },
		"id_token_signed_response_alg is RS256":             func(c *idp.Client) { c.IDTokenSignedResponseAlg = idp.RS256 },
		"signing.algs has no PS256":                         func(c *idp.Client) { c.IDTokenSignedResponseAlg = idp.PS256 },
		"token_endpoint_auth_signing_alg is RS256":          func(c *idp.Client) { c.TokenEndpointAuthSigningAlg = idp.RS256 },
		"lifetimes.code is 2m":                              func(c *idp.Client) { c.Lifetimes.Code = idp.Duration(2 * time.Minute) },
		`redirect_uris has "http://localhost/cb"`:           func(c *idp.Client) { c.RedirectURIs = []string{"http://localhost/cb"} },
		`profile "fapi1" is not known`:                      func(c *idp.Client) { c.Profile = "fapi1" },
	} {
		c := fapi2()
		change(&c)
		_, err := clients.Defaults{Algs: []string{idp.RS256, idp.ES256}}.Validate(c)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want %q alone, got: %v", want, err)
		}
	}
}
