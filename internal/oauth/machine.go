package oauth

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"near-idp/internal/idp"
)

// clientCredentials answers a client that asks for itself (RFC 6749 section
// 4.4). The token's subject is the client_id, which never has the form of an account,
// and its audience are resources alone: there is no person to learn about. A grant
// is kept, so that the token can be revoked and introspected.
func (p *Provider) clientCredentials(ctx context.Context, c *idp.Client, form url.Values, thumbprint string) (*TokenResponse, error) {
	if c.Public() {
		return nil, bad(unauthorizedClient, "A public client has no credentials of its own.")
	}
	if err := p.checkResources(c, resourcesOf(form)); err != nil {
		return nil, err
	}
	asked := url.Values{paramScope: {form.Get(paramScope)}, paramResource: form[paramResource]}
	if len(strings.Fields(form.Get(paramScope))) == 0 {
		asked.Set(paramScope, c.Scope)
	}
	resources := resourcesOf(form)
	if len(resources) == 0 {
		resources = p.resourcesWith(p.grantable(c, asked))
	}
	scopes := p.ofResources(p.grantable(c, asked), resources)
	if len(scopes) == 0 {
		return nil, bad(invalidScope, "The client may have none of the requested scopes for itself; only scopes of resources can be.").
			expecting("scope: "+strings.Join(p.ofResources(strings.Fields(c.Scope), p.resourcesWith(c.Scopes())), " "), form.Get(paramScope))
	}
	now := p.Now()
	grant := &idp.Grant{
		ID: newGrantID(), ClientID: c.ID, Scopes: scopes, Audience: resources,
		Identity: idp.Identity{Subject: c.ID, AuthTime: now},
	}
	t, refusal := p.aim(c, grant, url.Values{})
	if refusal != nil {
		return nil, refusal
	}
	grant.ExpiresAt = now.Add(t.life)
	if err := p.Store.CreateGrant(ctx, grant); err != nil {
		return nil, fmt.Errorf("client credentials: %w", err)
	}
	token, err := p.signAccess(c, grant, t, thumbprint)
	if err != nil {
		return nil, err
	}
	return &TokenResponse{AccessToken: token, TokenType: tokenType(thumbprint), ExpiresIn: int64(t.life.Seconds()), Scope: strings.Join(scopes, " ")}, nil
}
