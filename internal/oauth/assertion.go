package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

// The bounds of a client assertion (RFC 7523 section 3).
const (
	// assertionLife is how far ahead an assertion may expire: what is stolen is
	// of little use, and what was used need not be remembered for long.
	assertionLife = 5 * time.Minute
	// assertionSkew is how far a client's clock may be ahead of ours. FAPI 2.0
	// section 5.3.2.1 wants 10 s accepted and 60 s refused.
	assertionSkew = 30 * time.Second
	maxJTI        = 1024 // bytes
)

// errAssertion is the client's fault.
var errAssertion = errors.New("client_assertion")

type assertionClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   *float64        `json:"exp"`
	IssuedAt  *float64        `json:"iat"`
	NotBefore *float64        `json:"nbf"`
	ID        string          `json:"jti"`
}

// assertionSubject is whom an assertion claims to be from, "" if it is not
// readable. Nobody has verified it yet.
func assertionSubject(assertion string) string {
	payload, err := jose.Unverified(assertion)
	if err != nil {
		return ""
	}
	var claims assertionClaims
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// checkAssertion verifies a client's assertion (OpenID Connect Core section 9,
// RFC 7523) and spends its jti. Errors wrap errAssertion or idp.ErrUnavailable.
func (p *Provider) checkAssertion(ctx context.Context, c *idp.Client, assertion string) error {
	algs := signingAlgs(c, jose.Algs)
	if c.TokenEndpointAuthSigningAlg != "" {
		algs = []string{c.TokenEndpointAuthSigningAlg}
	}
	payload, err := p.verifyByClient(ctx, c, assertion, algs)
	if err != nil {
		return err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return fmt.Errorf("%w: its claims are malformed: %w", errAssertion, err)
	}
	expires, err := p.checkAssertionClaims(c, &claims)
	if err != nil {
		return fmt.Errorf("%w: %w", errAssertion, err)
	}
	jti := sha256.Sum256([]byte(claims.ID))
	fresh, err := p.Store.SpendAssertion(ctx, c.ID, jti[:], expires.Add(assertionSkew))
	if err != nil {
		return fmt.Errorf("client assertion: %w", err)
	}
	if !fresh {
		return fmt.Errorf("%w: its jti was used before", errAssertion)
	}
	return nil
}

func (p *Provider) checkAssertionClaims(c *idp.Client, claims *assertionClaims) (expires time.Time, err error) {
	now := p.Now()
	late := func(t *float64) bool { return t != nil && seconds(*t).After(now.Add(assertionSkew)) }
	switch {
	case claims.Issuer != c.ID || claims.Subject != c.ID:
		return expires, errors.New("iss and sub must both be the client_id")
	case !p.isAudience(c, claims.Audience):
		return expires, errors.New("aud must be the issuer alone")
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return expires, errors.New("jti is missing or too long")
	case claims.Expires == nil:
		return expires, errors.New("exp is missing")
	case late(claims.IssuedAt) || late(claims.NotBefore):
		return expires, errors.New("iat or nbf is in the future")
	}
	expires = seconds(*claims.Expires)
	switch {
	case !now.Before(expires):
		return expires, errors.New("it has expired")
	case expires.After(now.Add(assertionLife + assertionSkew)):
		return expires, fmt.Errorf("exp is more than %s ahead", assertionLife)
	}
	return expires, nil
}

// isAudience accepts one audience, as a string or the only member of a list: an
// assertion that names others too could be replayed by them. The endpoints' URLs are what
// RFC 7523 section 3 and RFC 9126 section 2 have clients send; FAPI 2.0 takes the issuer as a
// string alone (section 5.3.2.1), lest another server's metadata name our endpoint.
func (p *Provider) isAudience(c *idp.Client, raw json.RawMessage) bool {
	var one string
	err := json.Unmarshal(raw, &one)
	if c.IsFAPI2() {
		return err == nil && one == p.Issuer
	}
	if err != nil {
		var list []string
		if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
			return false
		}
		one = list[0]
	}
	return slices.Contains([]string{p.Issuer, p.Issuer + "/token", p.Issuer + "/par"}, one)
}

// seconds is a NumericDate (RFC 7519 section 2), which may have a fraction. What
// is further away than dates are is as far as they go.
func seconds(n float64) time.Time {
	n = min(max(n, 0), 1<<33) // the year 2242
	return time.Unix(0, int64(n*float64(time.Second)))
}
