package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"near-idp/internal/idp"
)

// The ways in which the answer to an authorization request reaches the client:
// in the query of its redirect URI, or in a form posted there (OAuth 2.0 Form
// Post Response Mode). The fragment is for tokens, of which none are issued there.
const (
	modeQuery    = "query"
	modeFormPost = "form_post"
)

var responseModes = []string{modeQuery, modeFormPost}

// A Response is where the browser goes after a login has ended.
type Response struct {
	RedirectTo string
	FormPost   url.Values // to be posted to RedirectTo; nil: go there
	Code       string     // empty if the person refused
	// FedCM says that the response is for the browser, which has it from IdentityProvider.resolve,
	// and nowhere to be sent. Token is that response, empty if the person refused.
	FedCM bool
	Token string
}

// Response answers the authorization request of an ended login: with its code,
// or with access_denied. It fails with idp.ErrUsed or idp.ErrExpired when the
// code is no longer worth anything, so that no client is sent a dead one.
func (p *Provider) Response(ctx context.Context, l *idp.Login) (Response, error) {
	form, rp, err := p.restore(ctx, l)
	if err != nil {
		return Response{}, err
	}
	if l.Denied && rp.fedCM {
		return Response{FedCM: true}, nil
	}
	if l.Denied {
		to, post := p.respond(rp, form, failed(&Error{Code: accessDenied, Description: "The sign-in was cancelled."}))
		return Response{RedirectTo: to, FormPost: post}, nil
	}
	code := p.codeOf(l)
	switch {
	case !l.RedeemedAt.IsZero():
		return Response{}, fmt.Errorf("authorization code: %w", idp.ErrUsed)
	case code == "" || !p.Now().Before(l.CodeExpiry):
		return Response{}, fmt.Errorf("authorization code: %w", idp.ErrExpired)
	}
	if rp.fedCM {
		token, err := p.fedCMToken(code, form.Get(paramState))
		return Response{FedCM: true, Token: token, Code: code}, err
	}
	to, post := p.respond(rp, form, url.Values{"code": {code}})
	return Response{RedirectTo: to, FormPost: post, Code: code}, nil
}

// toClient makes an error one that is answered at the client's redirect URI.
func (p *Provider) toClient(rp *relyingParty, form url.Values, e *Error) *Error {
	if rp.fedCM {
		return toPage(rp, e)
	}
	e.Status = http.StatusSeeOther
	if rp.Client != nil {
		e.ClientID = rp.ID
	}
	e.RedirectTo, e.FormPost = p.respond(rp, form, failed(e))
	return e
}

func failed(e *Error) url.Values {
	return url.Values{"error": {e.Code}, "error_description": {e.Description}}
}

// respond addresses a response to a client, with the state as sent and the
// issuer (RFC 9207). A query is added to the one that a redirect URI has (RFC
// 6749 section 3.1.2).
func (p *Provider) respond(rp *relyingParty, form, response url.Values) (to string, post url.Values) {
	response.Set("iss", p.Issuer)
	if state := form.Get(paramState); state != "" {
		response.Set(paramState, state)
	}
	if form.Get(paramResponseMode) == modeFormPost && canPost(rp.redirect) {
		return rp.redirect, response
	}
	separator := "?"
	if strings.Contains(rp.redirect, "?") {
		separator = "&"
	}
	return rp.redirect + separator + response.Encode(), nil
}

// canPost reports whether a browser can post a form to a redirect URI: to no app
// that it would open by a private-use scheme.
func canPost(redirect string) bool {
	return strings.HasPrefix(redirect, "https://") || strings.HasPrefix(redirect, "http://")
}
