package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// UserInfo returns the claims about the owner of an access token that is shown
// as a bearer token (OpenID Connect Core section 5.3). One read tells whether its
// grant still stands. Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) UserInfo(ctx context.Context, token string) (map[string]any, error) {
	claims, err := p.tokenForUs(token)
	if err != nil {
		return nil, refusedToken(err)
	}
	if claims.boundTo() != "" {
		return nil, challenged(refusedToken(errors.New("bound to a key, but shown without a proof")))
	}
	return p.userInfo(ctx, claims, func(*idp.Client) error { return nil })
}

// UserInfoDPoP is UserInfo for a token that is shown with proofs, the values of
// the DPoP header, of holding the key that it is bound to (RFC 9449 section 7).
// Spending the proof is one more statement.
func (p *Provider) UserInfoDPoP(ctx context.Context, token, method string, proofs []string) (map[string]any, error) {
	claims, err := p.tokenForUs(token)
	if err == nil && claims.boundTo() == "" {
		err = errors.New("not bound to a key, but shown as if")
	}
	if err != nil {
		return nil, challenged(refusedToken(err))
	}
	info, err := p.userInfo(ctx, claims, func(c *idp.Client) error {
		thumbprint, err := p.checkProof(ctx, c, proofs, purpose{method, "/userinfo", token})
		if err == nil && thumbprint != claims.boundTo() {
			err = badProof(errors.New("it is of another key than the token"))
		}
		return err
	})
	return info, challenged(err)
}

// tokenForUs verifies an access token that was issued for this provider itself.
func (p *Provider) tokenForUs(token string) (*accessClaims, error) {
	claims, err := p.accessToken(token)
	if err == nil && !slices.Contains(claims.Audience, p.Issuer) {
		err = errors.New("issued for another audience")
	}
	return claims, err
}

// userInfo answers for a token whose sender prove, given its client, says may use it.
func (p *Provider) userInfo(ctx context.Context, claims *accessClaims, prove func(*idp.Client) error) (map[string]any, error) {
	scopes := strings.Fields(claims.Scope)
	if !slices.Contains(scopes, scopeOpenID) {
		return nil, &Error{Status: http.StatusForbidden, Code: insufficientScope, Description: "The access token lacks the scope openid.",
			Authenticate: `Bearer error="insufficient_scope", scope="openid"`}
	}
	client, err := p.Clients.Client(ctx, claims.ClientID)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && client.Disabled) {
		return nil, refusedToken(errors.New("client is gone or disabled"))
	}
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	if err := prove(client); err != nil {
		return nil, of(client, err)
	}
	grant, err := p.Store.Grant(ctx, claims.GrantID)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && !claims.of(grant)) {
		return nil, of(client, refusedToken(errors.New("grant is revoked or unknown")))
	}
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	if cause := p.allowed(client, grant); errors.Is(cause, idp.ErrUnconfigured) {
		return nil, misconfigured(cause)
	} else if cause != nil {
		return nil, refusedToken(cause)
	}
	return p.infoOf(client, grant, scopes), nil
}

func (p *Provider) infoOf(c *idp.Client, grant *idp.Grant, scopes []string) map[string]any {
	info := p.disclose(c, grant.Identity, scopes, grant.Claims, idp.PlaceUserInfo)
	info["sub"] = grant.Identity.Subject
	return info
}

// refusedToken is invalid_token (RFC 6750 section 3.1).
func refusedToken(cause error) error {
	return &Error{Status: http.StatusUnauthorized, Code: invalidToken, Err: cause,
		Description:  "The access token is missing, malformed, expired or revoked.",
		Authenticate: `Bearer error="invalid_token"`}
}
