package oauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"near-idp/internal/idp"

	"github.com/ory/fosite"
)

// deviceHandler is the token endpoint's part of the device grant (RFC 8628
// section 3.4), for fosite.
type deviceHandler struct {
	p      *Provider
	tokens strategy
}

var _ fosite.TokenEndpointHandler = deviceHandler{}

func (deviceHandler) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

func (deviceHandler) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(idp.GrantDeviceCode)
}

// HandleTokenEndpointRequest polls, and spends the device code if the person has allowed it.
func (h deviceHandler) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	f := flowOf(ctx)
	grant, err := h.p.pollDevice(ctx, f.client.Client, r.GetRequestForm().Get(paramDeviceCode))
	if err != nil {
		f.err = err // fosite would reword it
		return fosite.ErrInvalidGrant
	}
	t, refusal := h.p.aim(f.client.Client, grant, r.GetRequestForm())
	if refusal != nil {
		f.err = refusal
		return fosite.ErrInvalidGrant
	}
	f.grant, f.target, f.client.audience = grant, t, grant.Audience
	r.SetID(grant.ID)
	r.SetSession(newSession(grant.Identity.Subject))
	for _, scope := range grant.Scopes {
		r.GrantScope(scope)
	}
	return nil
}

// pollDevice returns the grant of a device whose person has just allowed it, or
// one of the errors of RFC 8628 section 3.5.
func (p *Provider) pollDevice(ctx context.Context, c *idp.Client, code string) (*idp.Grant, error) {
	unknown := bad(invalidGrant, "The device code is unknown, already used or was issued to another client.")
	if len(code) != len(devicePrefix)+43 || !strings.HasPrefix(code, devicePrefix) {
		return nil, unknown
	}
	hash := sha256.Sum256([]byte(code))
	state, id, err := p.Store.RedeemDevice(ctx, hash[:], c.ID, flowOf(ctx).key, p.lifetimes(c))
	if errors.Is(err, idp.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	denied := bad(accessDenied, "The person refused, or signed out before the device got its tokens.")
	switch state {
	case idp.DeviceReady:
	case idp.DevicePending:
		return nil, bad(authorizationPending, "The person has not decided yet.")
	case idp.DeviceEarly:
		return nil, bad(slowDown, "Wait five seconds longer between requests.")
	case idp.DeviceDenied:
		return nil, denied
	case idp.DeviceExpired:
		return nil, bad(expiredToken, "The device code has expired; begin again.")
	default:
		return nil, unknown
	}
	grant, err := p.Store.Grant(ctx, id)
	if errors.Is(err, idp.ErrNotFound) { // the session ended, so there is none
		return nil, denied
	}
	if err != nil {
		return nil, err
	}
	return grant, p.expel(ctx, c, grant, accessDenied)
}

// PopulateTokenEndpointResponse makes the tokens, as for an authorization code.
func (h deviceHandler) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, response fosite.AccessResponder) error {
	access, _, err := h.tokens.GenerateAccessToken(ctx, r)
	if err != nil {
		return err
	}
	response.SetAccessToken(access)
	response.SetTokenType(tokenTypeBearer)
	if granted := r.GetGrantedScopes(); granted.Has(scopeOfflineAccess) && r.GetClient().GetGrantTypes().Has(idp.GrantRefreshToken) {
		refresh, _, err := h.tokens.GenerateRefreshToken(ctx, r)
		if err != nil {
			return err
		}
		response.SetExtra("refresh_token", refresh)
	}
	if r.GetGrantedScopes().Has(scopeOpenID) {
		id, err := h.tokens.GenerateIDToken(ctx, 0, r)
		if err != nil {
			return err
		}
		response.SetExtra("id_token", id)
	}
	return nil
}
