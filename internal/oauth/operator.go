package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// A Preview is what a client would be given for an account. Its tokens are decoded, and
// cannot be put together again: their signatures are thrown away, and no grant stands behind them.
type Preview struct {
	ClientID  string   `json:"client_id"`
	AccountID string   `json:"account_id"`
	Scopes    []string `json:"scopes"` // those that would be granted
	// Denied says why the account would not get any of it; empty: it would.
	Denied      string         `json:"denied,omitempty"`
	IDToken     *Decoded       `json:"id_token,omitempty"`
	AccessToken *Decoded       `json:"access_token"`
	UserInfo    map[string]any `json:"userinfo,omitempty"`
}

// A Decoded token has no signature.
type Decoded struct {
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
}

// Preview makes what a code of this person would be redeemed for, by the code that issues
// real tokens. Nothing is stored. An empty scope stands for all that the client may have.
func (p *Provider) Preview(c *idp.Client, who idp.Identity, scope string, resources []string) (*Preview, error) {
	if scope == "" {
		scope = c.Scope
	}
	form := url.Values{paramScope: {scope}, paramResource: resources}
	for _, uri := range resources {
		if uri != p.Issuer && p.resource(uri) == nil {
			return nil, bad(invalidTarget, "The resource is not known: name one of the configuration's resources.")
		}
	}
	if who.AuthTime.IsZero() {
		who.AuthTime = p.Now()
	}
	grant := &idp.Grant{ID: newGrantID(), ClientID: c.ID, Identity: who, Scopes: p.grantable(c, form)}
	grant.Audience = p.audience(form, grant.Scopes)
	preview := &Preview{ClientID: c.ID, AccountID: who.AccountID, Scopes: slices.Concat([]string{}, grant.Scopes)}
	if err := p.allowed(c, grant); err != nil {
		preview.Denied = err.Error()
	}
	aimed, refusal := p.aim(c, grant, url.Values{})
	if refusal != nil {
		return nil, refusal
	}
	access, err := p.signAccess(c, grant, aimed, "")
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	if preview.AccessToken, err = decoded(access); err != nil {
		return nil, err
	}
	if !slices.Contains(grant.Scopes, scopeOpenID) {
		return preview, nil
	}
	id, err := p.signID(c, grant, access)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	preview.IDToken, err = decoded(id)
	preview.UserInfo = p.infoOf(c, grant, grant.Scopes)
	return preview, err
}

func decoded(token string) (*Decoded, error) {
	parts := strings.Split(token, ".")
	var list [2][]byte
	for i := range list {
		var err error
		if list[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil {
			return nil, fmt.Errorf("decode a token: %w", err)
		}
	}
	return &Decoded{list[0], list[1]}, nil
}

// Examine is Introspect for an operator, to whom no token is foreign.
func (p *Provider) Examine(ctx context.Context, token string) (*Introspection, error) {
	t := p.read(token)
	if t == nil {
		return &Introspection{}, nil
	}
	return p.introspect(ctx, t, nil)
}

// EndToken is Revoke for an operator: it ends the grant of either token. It is
// idp.ErrNotFound for what is no live token of ours; dry ends nothing.
func (p *Provider) EndToken(ctx context.Context, token string, dry bool) error {
	t := p.read(token)
	if t == nil {
		return fmt.Errorf("token: %w", idp.ErrNotFound)
	}
	grant, err := p.Store.Grant(ctx, t.grantID)
	if err == nil && t.access != nil && !t.access.of(grant) {
		err = idp.ErrNotFound
	}
	if err == nil && !dry {
		err = p.Store.RevokeGrant(ctx, grant.ID, grant.ClientID)
	}
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}
