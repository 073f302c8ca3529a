package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/idp"
)

// A Chain is asked, at each refresh, about the key that the person signed in with.
type Chain interface {
	// HoldsKey reports whether the account exists and the key is one of its
	// full-access keys. An error means that it cannot tell.
	HoldsKey(ctx context.Context, accountID, publicKey string) (bool, error)
}

// refresh spends one generation of a refresh token. What leads on is checked
// against the chain before it is spent, so that nothing is lost when the chain cannot
// be asked. A token of an earlier generation leads nowhere new: within the grace
// window it gives what its successor's check allowed, and after it ends the grant. A client
// whose access policy is missing gets nothing and loses nothing: replicas do not read a
// changed configuration at the same moment. It fails with idp.ErrNotFound, idp.ErrUsed, *Error, or an outage.
func (p *Provider) refresh(ctx context.Context, client *idp.Client, id string, generation uint32, form url.Values, key idp.ProvenKey) (*idp.Grant, error) {
	if p.mayLeadOn(ctx, client, id, generation, form) {
		grant, err := p.spend(ctx, client, id, generation, key, true)
		if !errors.Is(err, idp.ErrNotFound) {
			return grant, err
		}
	}
	grant, err := p.Store.Grant(ctx, id)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return nil, fmt.Errorf("the refresh token is revoked, or long over: %w", err)
	case err != nil:
		return nil, err
	case grant.ClientID != client.ID:
		return nil, fmt.Errorf("the refresh token was issued to another client, %s: %w", grant.ClientID, idp.ErrNotFound)
	case !p.Now().Before(grant.ExpiresAt):
		return nil, fmt.Errorf("the refresh token expired at %s: %w", grant.ExpiresAt.UTC().Format(time.RFC3339), idp.ErrNotFound)
	}
	if cause := p.allowed(client, grant); errors.Is(cause, idp.ErrUnconfigured) {
		return nil, misconfigured(cause)
	}
	if err := p.expel(ctx, client, grant, invalidGrant); err != nil {
		return nil, err
	}
	if _, refusal := p.aim(client, grant, form); refusal != nil {
		return nil, refusal
	}
	checked := false
	if grant.Generation == generation {
		if checked, err = p.recheck(ctx, grant); err != nil {
			return nil, err
		}
	}
	refreshed, err := p.spend(ctx, client, id, generation, key, checked)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, fmt.Errorf("the refresh token is bound to another DPoP key, was not issued for offline_access, or has just been revoked: %w", err)
	}
	return refreshed, err
}

// mayLeadOn reports that a grant which is remembered passes every check that comes before its
// token is spent. Whom a grant is of never changes, so that a copy serves for these; whether it
// still stands is for the statement that spends the token. Where anything is amiss the row decides.
func (p *Provider) mayLeadOn(ctx context.Context, client *idp.Client, id string, generation uint32, form url.Values) bool {
	grant, found := p.grants.Get(id)
	if !found || grant.Generation != generation || grant.ClientID != client.ID || p.allowed(client, grant) != nil {
		return false
	}
	if _, refusal := p.aim(client, grant, form); refusal != nil {
		return false
	}
	holds, err := p.Chain.HoldsKey(ctx, grant.Identity.AccountID, grant.Identity.PublicKey)
	return holds && err == nil
}

// spend is the one statement of a refresh.
func (p *Provider) spend(ctx context.Context, client *idp.Client, id string, generation uint32, key idp.ProvenKey, checked bool) (*idp.Grant, error) {
	grant, err := p.Store.RefreshGrant(ctx, id, client.ID,
		idp.Refresh{Generation: generation, Key: key, Checked: checked, Keep: client.IsFAPI2()}, p.lifetimes(client))
	if err != nil {
		p.grants.Drop(id)
		return nil, err
	}
	p.grants.Put(id, grant)
	return grant, nil
}

// recheck asks whether whoever was granted this still holds the key that
// signed. If not, the grant ends with its session and all else that came of it. If the
// chain cannot tell, an answer within RecheckGrace still counts.
func (p *Provider) recheck(ctx context.Context, grant *idp.Grant) (checked bool, err error) {
	who := grant.Identity
	holds, err := p.Chain.HoldsKey(ctx, who.AccountID, who.PublicKey)
	switch {
	case err == nil && holds:
		return true, nil
	case err == nil:
		if _, err := p.Store.EndSessions(ctx, true, who.SID); err != nil {
			return false, fmt.Errorf("end the session of a lost key: %w", err)
		}
		return false, &Error{Status: http.StatusBadRequest, Code: invalidGrant,
			Err:         fmt.Errorf("%s is no longer a full-access key of %s", who.PublicKey, who.AccountID),
			Description: "The key that signed in is no longer a full-access key of the account; the person has to sign in again."}
	case errors.Is(err, idp.ErrUnavailable):
		return false, err
	case p.Now().Sub(grant.KeyCheckedAt) < p.RecheckGrace:
		return false, nil
	default:
		return false, &Error{Status: http.StatusServiceUnavailable, Code: temporarilyUnavailable, Err: err,
			Description: "The NEAR network cannot be asked about the key that signed in. The refresh token stays valid; try again in a moment."}
	}
}
