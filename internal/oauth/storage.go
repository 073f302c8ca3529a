package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"
)

// storage is what fosite takes for a database. The first read of a code or a
// refresh token is the one conditional statement that also spends it; every
// other call answers from the flow.
type storage struct{ p *Provider }

var (
	_ fosite.Storage                     = storage{}
	_ oauth2.CoreStorage                 = storage{}
	_ oauth2.TokenRevocationStorage      = storage{}
	_ openid.OpenIDConnectRequestStorage = storage{}
	_ pkce.PKCERequestStorage            = storage{}
)

// GetClient returns the client that the flow was begun with.
func (storage) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if c := flowOf(ctx).client; c != nil && c.ID == id {
		return c, nil
	}
	return nil, fosite.ErrNotFound
}

// CreateAuthorizeCodeSession keeps what the code is bound to; the caller stores
// it in the statement that consumes the login.
func (s storage) CreateAuthorizeCodeSession(ctx context.Context, signature string, r fosite.Requester) error {
	f := flowOf(ctx)
	code, ok := presentedCode(signature)
	if !ok {
		return errors.New("the login's id is not one that a code can name")
	}
	form := r.GetRequestForm()
	f.code = &idp.Code{
		Hash:          code.Hash,
		GrantID:       newGrantID(),
		ExpiresAt:     s.p.Now().Add(s.p.lifetimes(f.client.Client).Code.Std()),
		CodeChallenge: form.Get(paramCodeChallenge),
		Nonce:         form.Get(paramNonce),
		Scopes:        r.GetGrantedScopes(),
		Audience:      r.GetGrantedAudience(),
	}
	return nil
}

// GetAuthorizeCodeSession spends the code. Client, redirect URI and PKCE are
// bound in the same statement, so that neither a race nor a second try succeeds.
func (s storage) GetAuthorizeCodeSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	f := flowOf(ctx)
	if f.claim != nil {
		return f.claim, nil
	}
	shown, ok := presentedCode(signature)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	var err error
	form := ctx.Value(fosite.AccessRequestContextKey).(fosite.AccessRequester).GetRequestForm()
	challenge := s256(form.Get(paramCodeVerifier))
	f.grant, err = s.p.Store.RedeemCode(ctx, shown, f.client.ID, form.Get(paramRedirectURI), challenge, f.key, s.p.lifetimes(f.client.Client))
	if errors.Is(err, idp.ErrNotFound) {
		var code idp.RefusedCode
		if code, err = s.p.Store.RevokeReused(ctx, shown, f.client.ID); err == nil || errors.Is(err, idp.ErrNotFound) {
			f.err = refusedCode(code, err, f, form.Get(paramRedirectURI), challenge)
			return nil, fosite.ErrNotFound
		}
	}
	if err != nil {
		f.err = err
		return nil, err
	}
	if f.err = s.p.expel(ctx, f.client.Client, f.grant, invalidGrant); f.err != nil {
		return nil, fosite.ErrNotFound
	}
	if slices.Contains(f.grant.Scopes, scopeOfflineAccess) {
		s.p.grants.Put(f.grant.ID, f.grant)
	}
	granted := url.Values{paramRedirectURI: {form.Get(paramRedirectURI)}}
	if challenge != "" {
		granted.Set(paramCodeChallenge, challenge)
		granted.Set(paramCodeChallengeMethod, methodS256)
	}
	return f.claimed(s.p, form, granted)
}

// refusedCode is the error of a code that could not be redeemed, given what the
// store knows of it, if anything. The client is told no more than that it cannot be.
func refusedCode(code idp.RefusedCode, unknown error, f *flow, redirect, challenge string) *Error {
	switch {
	case unknown != nil:
		return invalidCode(errors.New("the code is unknown, or was issued long ago"))
	case code.Reused:
		return &Error{Status: 400, Code: invalidGrant, Description: "The code was already used; what was issued for it is revoked.",
			Why: Explanation{Cause: "the code was already redeemed; what was issued for it is revoked"}}
	case code.ClientID != f.client.ID:
		e := invalidCode(errors.New("the code was issued to another client"))
		e.Why.Expected, e.Why.Given = code.ClientID, f.client.ID
		return e
	case code.Expired && !code.Spent:
		return invalidCode(errors.New("the code has expired"))
	case code.RedirectURI != "" && code.RedirectURI != redirect:
		e := invalidCode(errors.New("redirect_uri is not the one of the authorization request"))
		e.Why.Expected, e.Why.Given = quotedURL(code.RedirectURI), quotedURL(redirect)
		return e
	case code.CodeChallenge != challenge:
		cause := map[bool]string{
			true:  "code_verifier is missing, and the authorization request had a code_challenge",
			false: "code_verifier does not match the code_challenge of the authorization request",
		}[challenge == ""]
		if code.CodeChallenge == "" {
			cause = "code_verifier was sent, but the authorization request had no code_challenge"
		}
		return invalidCode(errors.New(cause))
	case code.DPoPKey != "" && code.DPoPKey != f.key.Thumbprint:
		return invalidCode(errors.New("the code is bound to another DPoP key, or no proof was sent"))
	case code.Spent:
		return invalidCode(errors.New("the code was spent before, or the session that it came of has ended"))
	}
	return invalidCode(errors.New("the session that the code came of has ended"))
}

// invalidCode is invalid_grant, the same for every cause.
func invalidCode(cause error) *Error {
	return &Error{Status: 400, Code: invalidGrant, Err: cause, Why: Explanation{Cause: cause.Error()},
		Description: "The code or token is unknown, expired, already used or was issued for another request."}
}

// GetRefreshTokenSession spends one generation of a refresh token.
func (s storage) GetRefreshTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	f := flowOf(ctx)
	id, generation, ok := splitRefresh(signature)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	var err error
	form := ctx.Value(fosite.AccessRequestContextKey).(fosite.AccessRequester).GetRequestForm()
	f.grant, err = s.p.refresh(ctx, f.client.Client, id, generation, form, f.key)
	switch {
	case errors.Is(err, idp.ErrUsed):
		f.err = &Error{Status: 400, Code: invalidGrant, Err: err,
			Description: "The refresh token was already used; what was issued with it is revoked."}
		return nil, fosite.ErrNotFound
	case errors.Is(err, idp.ErrNotFound):
		f.err = invalidCode(err)
		return nil, fosite.ErrNotFound
	case err != nil:
		f.err = err
		return nil, err
	}
	return f.claimed(s.p, form, url.Values{})
}

// claimed makes the claimed grant visible to fosite, and says what of it the
// request is for.
func (f *flow) claimed(p *Provider, request, granted url.Values) (fosite.Requester, error) {
	t, refusal := p.aim(f.client.Client, f.grant, request)
	if refusal != nil {
		f.err = refusal
		return nil, fosite.ErrNotFound
	}
	f.target, f.client.audience = t, f.grant.Audience
	f.claim = &fosite.Request{
		ID: f.grant.ID, Client: f.client, Form: granted, Session: newSession(f.grant.Identity.Subject),
		RequestedScope: f.grant.Scopes, GrantedScope: f.grant.Scopes,
		RequestedAudience: f.grant.Audience, GrantedAudience: f.grant.Audience,
	}
	return f.claim, nil
}

// GetPKCERequestSession returns the claimed code if a challenge was met.
func (storage) GetPKCERequestSession(ctx context.Context, _ string, _ fosite.Session) (fosite.Requester, error) {
	if f := flowOf(ctx); f.claim != nil && f.claim.Form.Has(paramCodeChallenge) {
		return f.claim, nil
	}
	return nil, fosite.ErrNotFound
}

// GetOpenIDConnectSession returns the claimed code if openid was granted.
func (storage) GetOpenIDConnectSession(ctx context.Context, _ string, _ fosite.Requester) (fosite.Requester, error) {
	if f := flowOf(ctx); f.claim != nil && f.claim.GrantedScope.Has(scopeOpenID) {
		return f.claim, nil
	}
	return nil, fosite.ErrNotFound
}

// The rest is done already: one row holds code, PKCE and OpenID Connect data,
// it was spent by the first read, access tokens are not stored and refresh tokens are derived.

func (storage) InvalidateAuthorizeCodeSession(context.Context, string) error { return nil }
func (storage) CreatePKCERequestSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (storage) DeletePKCERequestSession(context.Context, string) error { return nil }
func (storage) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (storage) DeleteOpenIDConnectSession(context.Context, string) error { return nil }
func (storage) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}
func (storage) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, fosite.ErrNotFound
}
func (storage) DeleteAccessTokenSession(context.Context, string) error { return nil }
func (storage) CreateRefreshTokenSession(context.Context, string, string, fosite.Requester) error {
	return nil
}
func (storage) DeleteRefreshTokenSession(context.Context, string) error  { return nil }
func (storage) RotateRefreshToken(context.Context, string, string) error { return nil }
func (storage) RevokeRefreshToken(context.Context, string) error         { return nil }
func (storage) RevokeAccessToken(context.Context, string) error          { return nil }

// Client assertions never reach fosite.

func (storage) ClientAssertionJWTValid(context.Context, string) error { return fosite.ErrJTIKnown }
func (storage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

// s256 is the code challenge of a verifier (RFC 7636 section 4.2), or "" of none.
func s256(verifier string) string {
	if verifier == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return strings.TrimRight(base64.URLEncoding.EncodeToString(sum[:]), "=")
}
