package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"near-idp/internal/idp"
)

// FedCM (W3C Federated Credential Management) carries an authorization request
// from a page to the browser and on to us, and the response back the same way, without a
// redirect. There is no finished OAuth profile of it: the parameters are those of RFC 6749,
// RFC 7636 and OpenID Connect, and the response is a JSON text with the parameters that a
// redirect URI would get.

const (
	// keptFedCM holds, in a stored request that came by FedCM, a redirect URI of the page's
	// origin. No redirect goes there: it says whose page the person came from.
	keptFedCM = "_fedcm"
	// keptSID holds, while such a request waits for its window, the session that it is of.
	keptSID = "_sid"
)

// AuthorizeFedCM validates an authorization request that a page made through
// FedCM. redirect is a redirect URI of the client with the origin of that page, which the caller
// has compared. A code_challenge is needed whatever the client is registered to need: a code
// that a page holds is worth nothing to the next script. Errors are *Error, and
// for the page.
func (p *Provider) AuthorizeFedCM(ctx context.Context, clientID, redirect string, params url.Values) (*Request, error) {
	rp, err := p.relyingParty(ctx, url.Values{paramClientID: {clientID}, paramRedirectURI: {redirect}})
	if err != nil {
		return nil, err
	}
	rp.fedCM = true
	given := params.Get(paramRedirectURI)
	switch {
	case params.Has(paramClientID) && params.Get(paramClientID) != clientID:
		err = bad(invalidRequest, "The client_id of the params is not that of the request.")
	case given != "" && given != redirect:
		err = bad(invalidRequest, "The redirect_uri of the params is not registered, or has another origin than the page.").expecting(redirect, given)
	case params.Has(paramResponseMode):
		err = bad(invalidRequest, "A request by FedCM has no response_mode.")
	case rp.RequirePushedAuthorizationRequests:
		err = bad(invalidRequest, "This client must push its requests, which FedCM cannot.")
	case params.Get(paramCodeChallenge) == "":
		err = bad(invalidRequest, "The parameter code_challenge is missing: a request by FedCM needs PKCE.")
	}
	if err != nil {
		return nil, of(rp.Client, err)
	}
	params.Set(paramClientID, clientID)
	keep, refusal := p.examine(rp, params)
	if refusal != nil {
		return nil, of(rp.Client, refusal)
	}
	keep.Set(keptFedCM, redirect)
	return requestOf(rp, keep), nil
}

// Defer keeps a request by FedCM that needs the person, for the window that the
// browser opens next, and returns the handle that names it there. The handle is good for a minute, and
// for the browser with this session alone: any other holder could have the
// code of their own request end in somebody else's window.
func (p *Provider) Defer(ctx context.Context, r *Request, sid string) (handle string, err error) {
	keep, err := url.ParseQuery(r.Params)
	if err != nil {
		return "", fmt.Errorf("defer request: %w", err)
	}
	keep.Set(keptSID, sid)
	handle = rand.Text()
	if err := p.Store.PushRequest(ctx, hashOf(handle), r.Client.ID, keep.Encode(), p.Now().Add(pushedLife)); err != nil {
		return "", fmt.Errorf("defer request: %w", err)
	}
	return handle, nil
}

// Deferred returns the request of a handle to the browser with this session. It fails with
// idp.ErrNotFound if the handle is unknown or has expired, and with idp.ErrConflict in any other browser.
func (p *Provider) Deferred(ctx context.Context, clientID, handle, sid string) (*Request, error) {
	hash := hashOf(handle)
	params, loginID, err := p.Store.PushedRequest(ctx, hash, idText(clientID))
	if err != nil {
		return nil, fmt.Errorf("deferred request: %w", err)
	}
	keep, err := url.ParseQuery(params)
	if err != nil {
		return nil, fmt.Errorf("stored deferred request: %w", err)
	}
	if !keep.Has(keptFedCM) { // a client pushed it for the authorization endpoint
		return nil, fmt.Errorf("deferred request: %w", idp.ErrNotFound)
	}
	if sid == "" || !hmac.Equal([]byte(keep.Get(keptSID)), []byte(sid)) {
		return nil, fmt.Errorf("deferred request: %w: it is of another session", idp.ErrConflict)
	}
	keep.Del(keptSID)
	return p.taken(ctx, keep, hash, loginID)
}

// ReturnsTo returns the redirect URI of a login's stored parameters, or for one by
// FedCM that of the page; "" if the request named none.
func ReturnsTo(params url.Values) string {
	if redirect := params.Get(keptFedCM); redirect != "" {
		return redirect
	}
	return params.Get(paramRedirectURI)
}

// IsFedCM reports whether a login's stored parameters are of a request by FedCM.
func IsFedCM(params url.Values) bool { return params.Has(keptFedCM) }

// storedParty is relyingParty for a request that is stored here.
func (p *Provider) storedParty(ctx context.Context, keep url.Values) (*relyingParty, error) {
	if !IsFedCM(keep) {
		return p.relyingParty(ctx, keep)
	}
	rp, err := p.relyingParty(ctx, url.Values{paramClientID: keep[paramClientID], paramRedirectURI: keep[keptFedCM]})
	if err != nil {
		return nil, err
	}
	rp.fedCM = true
	return rp, nil
}

// fedCMToken is what the page gets: the parameters of RFC 6749 section 4.1.2
// and RFC 9207, as a JSON object.
func (p *Provider) fedCMToken(code, state string) (string, error) {
	token, err := json.Marshal(struct {
		Code   string `json:"code"`
		Issuer string `json:"iss"`
		State  string `json:"state,omitempty"`
	}{code, p.Issuer, state})
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	return string(token), nil
}

// toPage makes an error one that is answered where the request came from.
func toPage(rp *relyingParty, e *Error) *Error {
	e.Status = http.StatusBadRequest
	if errors.Is(e, idp.ErrDenied) {
		e.Status = http.StatusForbidden
	}
	if rp.Client != nil {
		e.ClientID = rp.ID
	}
	return e
}
