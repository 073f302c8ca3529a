package oauth

import (
	"context"
	"fmt"
	"net/http"

	"near-idp/internal/idp"
)

// allowed is Allowed for the subject of a grant. A client's grant to itself has none.
func (p *Provider) allowed(c *idp.Client, grant *idp.Grant) error {
	if grant.Identity.AccountID == "" {
		return nil
	}
	return p.Allowed(c, grant.Identity.Subject)
}

// expel ends a grant of an account that may not sign in to the client any more, and
// refuses it with this code; nil if it may. Who was taken off a list keeps no tokens, however
// they came by them.
func (p *Provider) expel(ctx context.Context, c *idp.Client, grant *idp.Grant, code string) error {
	cause := p.allowed(c, grant)
	if cause == nil {
		return nil
	}
	if err := p.Store.RevokeGrant(ctx, grant.ID, c.ID); err != nil {
		return fmt.Errorf("end the grant of an account that is denied: %w", err)
	}
	return &Error{Status: http.StatusBadRequest, Code: code, Err: cause,
		Description: "The account may not sign in to this application any more; what was issued for it is revoked."}
}

// misconfigured refuses while the rule that would decide is missing. Nothing is lost by it.
func misconfigured(cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: temporarilyUnavailable, Err: cause,
		Description: "Nobody may sign in to this application at the moment, by a mistake of this provider's operator. The token stays valid."}
}

// AccessDenied answers a request whose person, as far as the browser is signed in, may not use
// the client, and who may not be asked to be somebody else. cause is for operators.
func (p *Provider) AccessDenied(r *Request, cause error) error {
	return p.answer(r, &Error{Code: accessDenied, Description: "The person may not sign in to this application with this account.", Err: cause})
}
