package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// UserInfo returns the claims about the owner of an access token (OpenID
// Connect Core section 5.3). One read tells whether its grant still stands.
// Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) UserInfo(ctx context.Context, token string) (map[string]any, error) {
	claims, err := p.accessToken(token)
	if err != nil {
		return nil, refusedToken(err)
	}
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
	grant, err := p.Store.Grant(ctx, claims.GrantID)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && (grant.ClientID != claims.ClientID || grant.Identity.Subject != claims.Subject)) {
		return nil, refusedToken(errors.New("grant is revoked or unknown"))
	}
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	info := p.disclose(grant.Identity, scopes, grant.Claims, placeUserInfo)
	info["sub"] = grant.Identity.Subject
	return info, nil
}

// accessToken verifies an access token that was issued for this provider.
func (p *Provider) accessToken(token string) (*accessClaims, error) {
	payload, err := p.Keys.Verify(token, typAccessToken)
	if err != nil {
		return nil, err
	}
	var claims accessClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	switch now := p.Now().Unix(); {
	case claims.Issuer != p.Issuer:
		return nil, errors.New("issued by another issuer")
	case !slices.Contains(claims.Audience, p.Issuer):
		return nil, errors.New("issued for another audience")
	case now >= claims.Expires:
		return nil, errors.New("expired")
	}
	return &claims, nil
}

// refusedToken is invalid_token (RFC 6750 section 3.1).
func refusedToken(cause error) error {
	return &Error{Status: http.StatusUnauthorized, Code: invalidToken, Err: cause,
		Description:  "The access token is missing, malformed, expired or revoked.",
		Authenticate: `Bearer error="invalid_token"`}
}
