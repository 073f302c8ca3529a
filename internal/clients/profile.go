package clients

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// fapi2 turns on what the FAPI 2.0 Security Profile (section 5.3.2) demands of
// a client and fills in what it leaves out so that it conforms.
func (d Defaults) fapi2(c *idp.Client) {
	c.RequirePushedAuthorizationRequests = true
	c.DPoPBoundAccessTokens = true
	if c.IDTokenSignedResponseAlg == "" {
		c.IDTokenSignedResponseAlg = d.fapi2Alg()
	}
	if c.Lifetimes.Code == 0 {
		c.Lifetimes.Code = min(d.Lifetimes.Or(idp.DefaultLifetimes).Code, fapi2Code)
	}
}

// fapi2Code is how long a code may live (section 5.3.2.1).
const fapi2Code = minute

// fapi2Alg is the provider's default, or the first algorithm on offer, that the profile knows.
func (d Defaults) fapi2Alg() string {
	for _, alg := range append([]string{d.Alg}, idp.FAPI2Algs...) {
		if slices.Contains(idp.FAPI2Algs, alg) && (d.Algs == nil || slices.Contains(d.Algs, alg)) {
			return alg
		}
	}
	return idp.ES256
}

// checkProfile refuses what contradicts the client's profile. c is complete.
func (d Defaults) checkProfile(c idp.Client) error {
	if c.Profile == "" {
		return nil
	}
	if !c.IsFAPI2() {
		return fmt.Errorf("profile %q is not known: use %s, or none", shorten(c.Profile), idp.ProfileFAPI2)
	}
	var problems []error
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, errors.New("profile is fapi2, but "+text))
		}
	}
	offered := strings.Join(idp.FAPI2Algs, ", ")
	add(c.TokenEndpointAuthMethod != idp.AuthPrivateKey, "token_endpoint_auth_method is not private_key_jwt: set it, and jwks or jwks_uri with the public keys")
	add(c.RequirePKCE != nil && !*c.RequirePKCE, "require_pkce is false: remove it")
	add(!slices.Contains(idp.FAPI2Algs, c.IDTokenSignedResponseAlg), fmt.Sprintf("id_token_signed_response_alg is %s: use one of %s, or leave it out", c.IDTokenSignedResponseAlg, offered))
	add(d.Algs != nil && !slices.Contains(d.Algs, c.IDTokenSignedResponseAlg), fmt.Sprintf("signing.algs has no %s to sign its ID tokens with: add it there", c.IDTokenSignedResponseAlg))
	add(c.TokenEndpointAuthSigningAlg == idp.RS256, fmt.Sprintf("token_endpoint_auth_signing_alg is RS256: use one of %s", offered))
	add(c.Lifetimes.Code > fapi2Code, fmt.Sprintf("lifetimes.code is %s: codes may live for %s at most", c.Lifetimes.Code, fapi2Code))
	for _, uri := range c.RedirectURIs {
		add(!strings.HasPrefix(uri, "https://"), fmt.Sprintf("redirect_uris has %q: only https is allowed", shorten(uri)))
	}
	return errors.Join(problems...)
}
