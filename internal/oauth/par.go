package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	paramRequest    = "request"
	paramRequestURI = "request_uri"

	// pushedPrefix begins the request_uri of a pushed request (RFC 9126 section 2.2).
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
	// pushedLife is how long a client has to send the browser.
	pushedLife = time.Minute
)

// A PushResponse is the body of RFC 9126 section 2.2.
type PushResponse struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// Push stores an authorization request that a client sends itself, in a body
// that has been parsed into r.PostForm, after checking all that the
// authorization endpoint would (RFC 9126 section 2). What is stored is what a login
// would hold: no credentials. Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) Push(ctx context.Context, r *http.Request) (*PushResponse, error) {
	if err := checkOnce(r.PostForm); err != nil {
		return nil, err
	}
	client, err := p.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := p.push(ctx, client, r)
	return answer, of(client, err)
}

// push stores the request of a client that has authenticated.
func (p *Provider) push(ctx context.Context, client *idp.Client, r *http.Request) (*PushResponse, error) {
	form := r.PostForm
	if form.Get(paramRequestURI) != "" {
		return nil, bad(invalidRequest, "A pushed request cannot refer to another one by request_uri.")
	}
	if client.IsFAPI2() && form.Get(paramRedirectURI) == "" { // FAPI 2.0 section 5.3.2.2
		return nil, bad(invalidRequest, "The parameter redirect_uri is missing.")
	}
	if err := p.bindToProof(ctx, client, r); err != nil {
		return nil, err
	}
	form.Set(paramClientID, client.ID) // it may have been in the credentials alone
	rp, err := p.relyingParty(ctx, form)
	if err != nil {
		return nil, err
	}
	keep, refusal := p.examine(rp, form)
	if refusal != nil {
		return nil, refusal
	}
	handle := rand.Text()
	if err := p.Store.PushRequest(ctx, hashOf(handle), client.ID, keep.Encode(), p.Now().Add(pushedLife)); err != nil {
		return nil, fmt.Errorf("push request: %w", err)
	}
	return &PushResponse{pushedPrefix + handle, int64(pushedLife / time.Second)}, nil
}

// pushedHandle returns what names a pushed request in an authorization request.
// Any other request_uri would have to be fetched, and never is.
func pushedHandle(form url.Values) (string, bool) {
	return strings.CutPrefix(form.Get(paramRequestURI), pushedPrefix)
}

// pushed continues a pushed request at the authorization endpoint. Of what the
// browser brings along, only client_id and request_uri count.
func (p *Provider) pushed(ctx context.Context, handle string, form url.Values) (*Request, error) {
	if len(form[paramClientID]) != 1 || len(form[paramRequestURI]) != 1 {
		return nil, bad(invalidRequest, "The parameters client_id and request_uri must be given once each.")
	}
	hash := hashOf(handle)
	params, loginID, err := p.Store.PushedRequest(ctx, hash, idText(form.Get(paramClientID)))
	if errors.Is(err, idp.ErrNotFound) {
		return nil, bad(invalidRequestURI, "The request_uri is unknown, expired or of another application. Go back to the application and start again.")
	}
	if err != nil {
		return nil, fmt.Errorf("pushed request: %w", err)
	}
	keep, err := url.ParseQuery(params)
	if err != nil {
		return nil, fmt.Errorf("stored pushed request: %w", err)
	}
	if IsFedCM(keep) { // the handle is for a window of the browser's
		return nil, bad(invalidRequestURI, "The request_uri is not one of a pushed request.")
	}
	return p.taken(ctx, keep, hash, loginID)
}

// taken is a request that was kept under a handle.
func (p *Provider) taken(ctx context.Context, keep url.Values, hash []byte, loginID string) (*Request, error) {
	rp, err := p.storedParty(ctx, keep)
	if err != nil {
		return nil, err
	}
	if err := p.checkAuthorize(rp.Client, keep); err != nil {
		return nil, p.toClient(rp, keep, err)
	}
	req := requestOf(rp, keep)
	req.pushed, req.LoginID = hash, loginID
	return req, nil
}

// Pushed reports whether the request came by a request_uri, which serves once.
func (r *Request) Pushed() bool { return r.pushed != nil }

// Claim spends the request_uri of a pushed request on the login with this id,
// which is about to be stored, and returns the id of the login that has it: another one, if
// the same page was loaded before. A person may reload; nobody gets two logins.
func (p *Provider) Claim(ctx context.Context, r *Request, loginID string) (string, error) {
	winner, err := p.Store.ClaimPushedRequest(ctx, r.pushed, loginID)
	if errors.Is(err, idp.ErrNotFound) {
		return "", bad(invalidRequestURI, "The request_uri has expired. Go back to the application and start again.")
	}
	if err != nil {
		return "", fmt.Errorf("claim pushed request: %w", err)
	}
	return winner, nil
}

// hashOf is how random handles are stored.
func hashOf(handle string) []byte {
	sum := sha256.Sum256([]byte(handle))
	return sum[:]
}

// idText is a client_id as the database takes it; no registered one is changed.
func idText(id string) string { return strings.ToValidUTF8(strings.ReplaceAll(id, "\x00", ""), "") }
