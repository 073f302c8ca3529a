package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// A Request is an authorization request that may go on to a login.
type Request struct {
	Client       *idp.Client
	Params       string // to be stored with the login and given back in it
	State        string // as sent; may be empty
	RedirectHost string // where the person will return to, in words
	LoginHint    string
	LoginID      string // of the login that a pushed request has become already

	pushed   []byte // hash of the handle of a pushed request
	redirect string
	mode     string // response_mode
	prompt   prompt
	maxAge   time.Duration // negative: any
	account  string        // that a hint asks for; "" for any
	fedCM    bool
}

// Authorize validates an authorization request (OpenID Connect Core section
// 3.1.2.2, RFC 6749 section 4.1.1). The form holds query or body as they came.
// Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) Authorize(ctx context.Context, form url.Values) (*Request, error) {
	if handle, ok := pushedHandle(form); ok {
		return p.pushed(ctx, handle, form)
	}
	rp, err := p.relyingParty(ctx, form)
	if err != nil {
		return nil, err
	}
	if rp.RequirePushedAuthorizationRequests {
		return nil, p.toClient(rp, form, bad(invalidRequest, "This client must push its requests first (RFC 9126).").
			expecting("a request_uri of "+p.Issuer+"/par (require_pushed_authorization_requests)", "the parameters themselves"))
	}
	keep, refusal := p.examine(rp, form)
	if refusal != nil {
		return nil, p.toClient(rp, form, refusal)
	}
	return requestOf(rp, keep), nil
}

// examine checks a request and returns what of it is kept.
func (p *Provider) examine(rp *relyingParty, form url.Values) (url.Values, *Error) {
	if err := p.checkAuthorize(rp.Client, form); err != nil {
		return nil, err
	}
	keep := stored(form)
	// Of the hint only its subject matters, and the token is long.
	subject, err := p.wantedSubject(rp.Client, form)
	if err != nil {
		return nil, err
	}
	if subject != "" {
		keep.Set(keptSubject, subject)
	}
	return keep, nil
}

// requestOf reads what was kept of a request.
func requestOf(rp *relyingParty, keep url.Values) *Request {
	return &Request{
		Client: rp.Client, Params: keep.Encode(), State: keep.Get(paramState),
		RedirectHost: redirectHost(rp.redirect), LoginHint: keep.Get(paramLoginHint),
		redirect: rp.redirect, fedCM: rp.fedCM, mode: keep.Get(paramResponseMode), prompt: promptOf(keep), maxAge: maxAgeOf(keep), account: accountOf(keep.Get(keptSubject)),
	}
}

// relyingParty finds the client and the redirect URI of a request. Until both
// are known to belong together nothing is sent anywhere (RFC 9700 section 4.11.2).
func (p *Provider) relyingParty(ctx context.Context, form url.Values) (*relyingParty, error) {
	for _, name := range []string{paramClientID, paramRedirectURI} {
		if len(form[name]) > 1 {
			return nil, bad(invalidRequest, "The parameter "+name+" is given more than once.")
		}
	}
	id, given := form.Get(paramClientID), form.Get(paramRedirectURI)
	if id == "" {
		return nil, bad(invalidRequest, "The parameter client_id is missing.")
	}
	client, err := p.Clients.Client(ctx, id)
	if errors.Is(err, idp.ErrNotFound) || (err == nil && client.Disabled) {
		return nil, &Error{Status: http.StatusBadRequest, Code: invalidRequest, Err: fmt.Errorf("client_id %.100q is not registered", id),
			Description: "The application that sent you here is not registered with this provider.", Why: p.unknownClient(id)}
	}
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	rp := &relyingParty{Client: client, redirect: given}
	switch {
	case given != "" && p.MatchRedirect(client.RedirectURIs, given):
		return rp, nil
	case given != "":
		return nil, &Error{Status: http.StatusBadRequest, Code: invalidRequest,
			Err:         fmt.Errorf("redirect_uri %.300q of client %q is not among the registered %q", given, id, client.RedirectURIs),
			Description: "The address that the application wants you to return to is not registered for it.",
			ClientID:    id, Why: unregistered(paramRedirectURI, given, client.RedirectURIs)}
	case len(client.RedirectURIs) == 1 && !slices.Contains(strings.Fields(form.Get(paramScope)), scopeOpenID):
		// RFC 6749 section 3.1.2.3; OpenID Connect always wants the parameter.
		rp.redirect = client.RedirectURIs[0]
		return rp, nil
	default:
		return nil, of(client, bad(invalidRequest, "The parameter redirect_uri is missing.").expecting(strings.Join(client.RedirectURIs, " or "), ""))
	}
}

// unknownClient explains a client_id that is not registered.
func (p *Provider) unknownClient(id string) Explanation {
	why := Explanation{Cause: "no client with this client_id is registered and enabled", Given: quoted(id)}
	if p.NearestClient != nil {
		if why.Nearest = p.NearestClient(id); why.Nearest != "" {
			why.Given = id // a secret is like no client_id
			why.Cause += "; the nearest registered is " + why.Nearest
		}
	}
	return why
}

// Issue makes the authorization code of a login. Nothing is stored yet: the
// caller stores the code in the statement that consumes the login. The request is validated
// again, since its client may have been changed or disabled meanwhile. account
// is who signs in, and fresh that they have just signed. It fails with
// idp.ErrConflict if the request's hints name another account, and with idp.ErrDenied if
// the client does not take this one.
func (p *Provider) Issue(ctx context.Context, l *idp.Login, account string, fresh bool) (*idp.Code, error) {
	if DeviceOf(l) != "" {
		return p.issueDevice(ctx, l, account)
	}
	form, rp, err := p.restore(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, wanted := range []string{accountOf(form.Get(keptSubject)), form.Get(keptChoice)} {
		if wanted != "" && wanted != account {
			return nil, fmt.Errorf("%w: this login is for %s", idp.ErrConflict, wanted)
		}
	}
	if err := p.Allowed(rp.Client, account); err != nil {
		return nil, err
	}
	if err := p.checkAuthorize(rp.Client, form); err != nil {
		return nil, err
	}
	f := &flow{client: rp, login: l}
	ctx = withFlow(ctx, f)
	request, err := p.fosite.NewAuthorizeRequest(ctx, p.asRequest(rp, form))
	if err != nil {
		return nil, fromFosite(f, err)
	}
	granted := p.grantable(rp.Client, form)
	for _, scope := range granted {
		request.GrantScope(scope)
	}
	for _, audience := range p.audience(form, granted) {
		request.GrantAudience(audience)
	}
	// Who signs in is known only to the statement that consumes the login.
	if _, err := p.fosite.NewAuthorizeResponse(ctx, request, newSession(l.ID)); err != nil {
		return nil, fromFosite(f, err)
	}
	f.code.RedirectURI = form.Get(paramRedirectURI)
	f.code.DPoPKey = form.Get(paramDPoPKey)
	var asked []string
	f.code.Claims, asked = p.requestedClaims(rp.Client, form)
	f.code.Consent = p.consent(rp, form, f.code, asked, fresh)
	return f.code, nil
}

// restore reads the stored authorization request of a login.
func (p *Provider) restore(ctx context.Context, l *idp.Login) (url.Values, *relyingParty, error) {
	form, err := url.ParseQuery(l.Params)
	if err != nil {
		return nil, nil, fmt.Errorf("stored request of login: %w", err)
	}
	rp, err := p.storedParty(ctx, form)
	return form, rp, err
}

// Again is the authorization request of a login, to be made once more from what
// is stored of it; prompt replaces the request's own unless empty.
func (p *Provider) Again(ctx context.Context, l *idp.Login, prompt string) (*Request, error) {
	keep, rp, err := p.restore(ctx, l)
	if err != nil {
		return nil, err
	}
	if prompt != "" {
		keep.Set(paramPrompt, prompt)
	}
	keep.Del(keptChoice)
	return p.remade(rp, keep)
}

// As is Again for one account, which the person chose: no other one's signature will do.
func (p *Provider) As(ctx context.Context, l *idp.Login, account string) (*Request, error) {
	keep, rp, err := p.restore(ctx, l)
	if err != nil {
		return nil, err
	}
	keep.Set(keptChoice, account)
	return p.remade(rp, keep)
}

func (p *Provider) remade(rp *relyingParty, keep url.Values) (*Request, error) {
	if err := p.checkAuthorize(rp.Client, keep); err != nil {
		return nil, p.toClient(rp, keep, err)
	}
	return requestOf(rp, keep), nil
}

// ChosenAccount is the account that the person of a login chose beforehand; "" if none.
func ChosenAccount(l *idp.Login) string {
	form, err := url.ParseQuery(l.Params)
	if err != nil {
		return ""
	}
	return form.Get(keptChoice)
}

// asRequest hands fosite the parameters that it is to judge and no others. It
// insists on a state of its own length; the real one is echoed by Response.
func (p *Provider) asRequest(rp *relyingParty, form url.Values) *http.Request {
	query := url.Values{
		paramClientID:     {rp.ID},
		paramResponseType: {responseTypeCode},
		paramRedirectURI:  {rp.redirect},
		paramScope:        {strings.Join(p.grantable(rp.Client, form), " ")},
		paramState:        {"unused"},
	}
	for _, name := range []string{paramCodeChallenge, paramCodeChallengeMethod, paramNonce} {
		if value := form.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	return &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}, Form: query}
}

// redirectHost names the place of a redirect URI for a person.
func redirectHost(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Host == "" || u.Scheme == "http" {
		return "an app on this device" // a private-use scheme, or loopback
	}
	return strings.ToLower(u.Host)
}
