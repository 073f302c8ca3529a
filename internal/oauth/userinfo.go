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

// UserInfo returns the claims about the owner of an access token (OpenID
// Connect Core section 5.3). One read tells whether its grant still stands.
// Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) UserInfo(ctx context.Context, token string) (map[string]any, error) {
	claims, err := p.accessToken(token)
	if err == nil && !slices.Contains(claims.Audience, p.Issuer) {
		err = errors.New("issued for another audience")
	}
	if err != nil {
		return nil, refusedToken(err)
	}
	scopes := strings.Fields(claims.Scope)
	if !slices.Contains(scopes, scopeOpenID) {
		return nil, &Error{Status: http.StatusForbidden, Code: insufficientScope, Description: "The access token lacks the scope openid.",
			Authenticate: `Bearer error="insufficient_scope", scope="openid"`}
	}
	if live, err := p.live(ctx, claims.ClientID); err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	} else if !live {
		return nil, refusedToken(errors.New("client is gone or disabled"))
	}
	grant, err := p.Store.Grant(ctx, claims.GrantID)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && !claims.of(grant)) {
		return nil, refusedToken(errors.New("grant is revoked or unknown"))
	}
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	info := p.disclose(grant.Identity, scopes, grant.Claims, placeUserInfo)
	info["sub"] = grant.Identity.Subject
	return info, nil
}

// refusedToken is invalid_token (RFC 6750 section 3.1).
func refusedToken(cause error) error {
	return &Error{Status: http.StatusUnauthorized, Code: invalidToken, Err: cause,
		Description:  "The access token is missing, malformed, expired or revoked.",
		Authenticate: `Bearer error="invalid_token"`}
}
