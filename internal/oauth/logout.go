package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
)

const paramPostLogoutRedirectURI = "post_logout_redirect_uri"

// logoutParams are the parameters of a logout that are understood, and the
// bytes that each may have.
var logoutParams = map[string]int{
	paramIDTokenHint: 8192, paramClientID: 100, paramPostLogoutRedirectURI: 2048, paramState: 4096,
}

// A LogoutRequest is what can be believed of a request to the logout endpoint
// (OpenID Connect RP-Initiated Logout section 2). The zero value is one that proves nothing.
type LogoutRequest struct {
	Client *idp.Client // nil if the request names none of ours
	// Subject and SID are whose session the client may end: those of a valid
	// id_token_hint, which may have expired. Empty: the person has to be asked.
	Subject, SID string
	// RedirectTo is the registered post_logout_redirect_uri with the state; empty: stay here.
	RedirectTo string
	// Unregistered explains the address to return to, if that is what is refused; else nil.
	Unregistered *Error
	// Refused reports that the request names an address to return to which is not
	// registered for its client, or proves nothing at all though it tries to.
	Refused bool
}

// EndSession reads a logout request. What is wrong with one is no error: it
// proves less. The errors wrap idp.ErrUnavailable.
func (p *Provider) EndSession(ctx context.Context, form url.Values) (*LogoutRequest, error) {
	nothing := &LogoutRequest{Refused: true}
	if !wellFormedLogout(form) {
		return nothing, nil
	}
	req, id := &LogoutRequest{}, form.Get(paramClientID)
	if hint := form.Get(paramIDTokenHint); hint != "" {
		claims, err := p.idToken(hint)
		if err != nil || !claims.issuedTo(&id) {
			return nothing, nil
		}
		req.Subject, req.SID = claims.Subject, claims.SID
	}
	to := form.Get(paramPostLogoutRedirectURI)
	if id == "" {
		req.Refused = to != ""
		return req, nil
	}
	client, err := p.Clients.Client(ctx, id)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && client.Disabled) {
		return nothing, nil
	}
	if err != nil {
		return nil, fmt.Errorf("logout: %w", err)
	}
	req.Client = client
	if slices.Contains(client.PostLogoutRedirectURIs, to) {
		req.RedirectTo = withState(to, form.Get(paramState))
	}
	if req.Refused = to != "" && req.RedirectTo == ""; req.Refused {
		req.Unregistered = &Error{Code: invalidRequest, ClientID: client.ID, Why: unregistered(paramPostLogoutRedirectURI, to, client.PostLogoutRedirectURIs),
			Description: "The address that the application wants you to return to is not registered for it."}
	}
	return req, nil
}

func wellFormedLogout(form url.Values) bool {
	for name, most := range logoutParams {
		value := form.Get(name)
		if len(form[name]) > 1 || len(value) > most || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return false
		}
	}
	return true
}

// issuedTo reports that the token was issued to the client with this id; an
// empty one is filled in.
func (c *IDTokenClaims) issuedTo(id *string) bool {
	party := c.AuthorizedParty
	if party == "" && len(c.Audience) == 1 {
		party = c.Audience[0]
	}
	if *id == "" {
		*id = party
	}
	return party != "" && party == *id && slices.Contains(c.Audience, party)
}

func withState(to, state string) string {
	if state == "" {
		return to
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return to + separator + url.Values{paramState: {state}}.Encode()
}
