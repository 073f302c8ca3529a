package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// A TokenResponse is the body of RFC 6749 section 5.1 with the ID token.
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	// SessionState is the sid of the ID token, where some clients look for it
	// (OpenID Connect Session Management names the member).
	SessionState string `json:"session_state,omitempty"`
	Scope        string `json:"scope"`
}

// Token answers a token request whose body has been parsed into r.PostForm.
// Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) Token(ctx context.Context, r *http.Request) (*TokenResponse, error) {
	if err := checkOnce(r.PostForm); err != nil {
		return nil, err
	}
	client, err := p.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	response, err := p.tokens(ctx, client, r)
	if err == nil && p.Used != nil {
		p.Used(client.ID)
	}
	return response, of(client, err)
}

// tokens answers a token request of a client that has authenticated.
func (p *Provider) tokens(ctx context.Context, client *idp.Client, r *http.Request) (*TokenResponse, error) {
	form := r.PostForm
	if err := p.checkToken(client, form); err != nil {
		return nil, err
	}
	thumbprint, err := p.proofKey(ctx, client, r, "/token")
	if err != nil {
		return nil, err
	}
	if form.Get("grant_type") == idp.GrantClientCredentials {
		return p.clientCredentials(ctx, client, form, thumbprint)
	}
	f := &flow{client: &relyingParty{Client: client}, key: idp.ProvenKey{Thumbprint: thumbprint, Binds: client.Public()}}
	ctx = withFlow(ctx, f)
	request, err := p.fosite.NewAccessRequest(ctx, &http.Request{
		Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{}, Form: form, PostForm: form,
	}, newSession(""))
	if err != nil {
		return nil, fromFosite(f, err)
	}
	response, err := p.fosite.NewAccessResponse(ctx, request)
	if err != nil {
		return nil, fromFosite(f, err)
	}
	text := func(name string) string { s, _ := response.GetExtra(name).(string); return s }
	return &TokenResponse{
		AccessToken:  response.GetAccessToken(),
		TokenType:    tokenType(thumbprint),
		ExpiresIn:    int64(f.target.life.Seconds()),
		RefreshToken: text("refresh_token"),
		IDToken:      text("id_token"),
		SessionState: sessionState(f, text("id_token")),
		Scope:        strings.Join(f.target.scopes, " "),
	}, nil
}

func sessionState(f *flow, idToken string) string {
	if idToken == "" {
		return ""
	}
	return f.grant.Identity.SID
}

// checkToken refuses what could only fail, before a code or token is spent.
func (p *Provider) checkToken(c *idp.Client, form url.Values) *Error {
	grant := form.Get("grant_type")
	parameter := map[string]string{
		idp.GrantAuthorizationCode: "code", idp.GrantRefreshToken: "refresh_token", idp.GrantDeviceCode: paramDeviceCode,
	}[grant]
	switch {
	case grant == "":
		return bad(invalidRequest, "The parameter grant_type is missing.")
	case !slices.Contains(p.grantTypes(), grant):
		return bad(unsupportedGrantType, "This grant type is not supported; the metadata of this provider lists those that are.").
			expecting("grant_types: "+strings.Join(c.GrantTypes, " "), grant)
	case !slices.Contains(c.GrantTypes, grant):
		return bad(unauthorizedClient, "This client may not use this grant type.").expecting("grant_types: "+strings.Join(c.GrantTypes, " "), grant)
	case parameter != "" && form.Get(parameter) == "":
		return bad(invalidRequest, "The parameter "+parameter+" is missing.")
	}
	// The database takes no such text, and no registered URI holds any.
	if redirect := form.Get(paramRedirectURI); !utf8.ValidString(redirect) || strings.ContainsRune(redirect, 0) ||
		len(redirect) > authorizeParams[paramRedirectURI] {
		return bad(invalidGrant, "The parameter redirect_uri is not the one of the authorization request.")
	}
	if verifier := form.Get(paramCodeVerifier); verifier != "" && !wellFormedVerifier(verifier) {
		return bad(invalidGrant, "The parameter code_verifier is not 43 to 128 unreserved characters.")
	}
	return nil
}

// wellFormedVerifier checks RFC 7636 section 4.1.
func wellFormedVerifier(v string) bool {
	return len(v) >= 43 && len(v) <= 128 &&
		!strings.ContainsFunc(v, func(r rune) bool { return r != '.' && r != '~' && notBase64URL(r) })
}
