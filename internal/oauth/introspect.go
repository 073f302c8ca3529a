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

// An Introspection is the answer of RFC 7662 section 2.2. Of a token that is
// not active it says nothing else.
type Introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"` // of access tokens
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
	SID       string   `json:"sid,omitempty"`
	AccountID string   `json:"near_account_id,omitempty"`
	// Confirmation is the key that an access token is bound to (RFC 9449 section 6.2).
	Confirmation *confirmation `json:"cnf,omitempty"`
}

// Introspect answers an introspection request (RFC 7662) whose body has been
// parsed into r.PostForm. Confidential clients alone may ask. A client learns of
// its own tokens, and of access tokens for a resource that it serves; every other token is
// as unknown to it as garbage. Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) Introspect(ctx context.Context, r *http.Request) (*Introspection, error) {
	caller, t, err := p.tokenRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	if caller.Public() {
		return nil, of(caller, unauthenticated(false, errors.New("a public client may not introspect tokens")))
	}
	inactive := &Introspection{}
	if t == nil || t.access != nil && !p.concerns(caller, t.access) {
		return inactive, nil
	}
	return p.introspect(ctx, t, caller)
}

// introspect tells what a token is worth; of a refresh token to its own client alone, unless caller is nil.
func (p *Provider) introspect(ctx context.Context, t *shown, caller *idp.Client) (*Introspection, error) {
	inactive := &Introspection{}
	grant, err := p.Store.Grant(ctx, t.grantID)
	if errors.Is(err, idp.ErrNotFound) {
		return inactive, nil
	}
	if err != nil {
		return nil, fmt.Errorf("introspect: %w", err)
	}
	client, err := p.live(ctx, grant.ClientID)
	switch {
	case client == nil || p.allowed(client, grant) != nil:
		return inactive, err
	case t.access != nil && t.access.of(grant):
		return p.ofAccess(t.access, grant), nil
	case t.access == nil && (caller == nil || grant.ClientID == caller.ID) && grant.Generation == t.generation && p.Now().Before(grant.ExpiresAt) &&
		slices.Contains(grant.Scopes, scopeOfflineAccess):
		return p.ofRefresh(grant), nil
	}
	return inactive, nil
}

// concerns reports that a client may learn of an access token.
func (p *Provider) concerns(caller *idp.Client, claims *accessClaims) bool {
	return claims.ClientID == caller.ID || slices.ContainsFunc(claims.Audience, func(uri string) bool {
		resource := p.resource(uri)
		return resource != nil && slices.Contains(resource.ServedBy, caller.ID)
	})
}

// live returns a client, or nil if there is none or it is disabled.
func (p *Provider) live(ctx context.Context, id string) (*idp.Client, error) {
	client, err := p.Clients.Client(ctx, id)
	if errors.Is(err, idp.ErrNotFound) || err == nil && client.Disabled {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("client of a token: %w", err)
	}
	return client, nil
}

// of reports that the grant is the one that the token names.
func (c *accessClaims) of(grant *idp.Grant) bool {
	return grant.ClientID == c.ClientID && grant.Identity.Subject == c.Subject
}

func (p *Provider) ofAccess(claims *accessClaims, grant *idp.Grant) *Introspection {
	answer := p.ofGrant(grant)
	answer.Scope, answer.Audience, answer.TokenType = claims.Scope, claims.Audience, tokenType(claims.boundTo())
	answer.Expires, answer.IssuedAt, answer.ID = claims.Expires, claims.IssuedAt, claims.ID
	answer.Confirmation = claims.Confirmation
	return answer
}

func (p *Provider) ofRefresh(grant *idp.Grant) *Introspection {
	answer := p.ofGrant(grant)
	answer.Scope, answer.Expires = strings.Join(grant.Scopes, " "), grant.ExpiresAt.Unix()
	return answer
}

func (p *Provider) ofGrant(grant *idp.Grant) *Introspection {
	who := grant.Identity
	return &Introspection{
		Active: true, Issuer: p.Issuer, ClientID: grant.ClientID,
		Subject: who.Subject, Username: who.AccountID, AccountID: who.AccountID, SID: who.SID,
	}
}
