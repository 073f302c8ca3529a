package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/idp"
)

// Revoke answers a revocation request (RFC 7009) whose body has been parsed
// into r.PostForm. Either token of a grant ends the whole grant: access tokens
// are checked against it, and one that lived on could be renewed. A token that is
// unknown, over or another client's is left alone, which is a success as well
// (section 2.2). Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) Revoke(ctx context.Context, r *http.Request) error {
	client, t, err := p.tokenRequest(ctx, r)
	if err != nil || t == nil || t.access != nil && t.access.ClientID != client.ID {
		return err
	}
	if err := p.Store.RevokeGrant(ctx, t.grantID, client.ID); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// tokenRequest reads what revocation and introspection have in common: a client
// that authenticates and shows a token. The token is nil if it is none of ours.
// token_type_hint is not needed, since tokens tell their type.
func (p *Provider) tokenRequest(ctx context.Context, r *http.Request) (*idp.Client, *shown, error) {
	if err := checkOnce(r.PostForm); err != nil {
		return nil, nil, err
	}
	client, err := p.authenticate(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	token := r.PostForm.Get("token")
	if token == "" {
		return nil, nil, of(client, bad(invalidRequest, "The parameter token is missing."))
	}
	return client, p.read(token), nil
}

// checkOnce refuses parameters that are given twice (RFC 6749 section 3.2);
// RFC 8707 allows resource to repeat.
func checkOnce(form url.Values) error {
	for name, values := range form {
		if len(values) > 1 && name != paramResource {
			return bad(invalidRequest, "A parameter is given more than once.")
		}
	}
	return nil
}

// A shown token is ours by its MAC or signature. Whether its grant still stands
// is for the database to say, and so is whose it is, unless access says it.
type shown struct {
	grantID    string
	generation uint32        // of a refresh token
	access     *accessClaims // nil for a refresh token
}

// read recognises a refresh token or an access token that has not expired, and
// nothing else: an ID token is neither.
func (p *Provider) read(token string) *shown {
	if signature := (strategy{p}).RefreshTokenSignature(context.Background(), token); signature != "" {
		id, generation, ok := splitRefresh(signature)
		if !ok {
			return nil
		}
		return &shown{grantID: id, generation: generation}
	}
	claims, err := p.accessToken(token)
	if err != nil {
		return nil
	}
	return &shown{grantID: claims.GrantID, access: claims}
}

// accessToken verifies an access token of ours, whatever its audience.
func (p *Provider) accessToken(token string) (*accessClaims, error) {
	payload, err := p.Keys.Verify(token, typAccessToken)
	if err != nil {
		return nil, err
	}
	var claims accessClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	switch {
	case claims.Issuer != p.Issuer:
		return nil, errors.New("issued by another issuer")
	case !p.Now().Before(time.Unix(claims.Expires, 0)):
		return nil, errors.New("expired")
	}
	return &claims, nil
}
