// Package oauth is the OAuth 2.0 and OpenID Connect protocol: what a request
// must look like, what is issued for it, and what it is worth afterwards. It is the only importer of
// fosite and exports none of its types. Of fosite it uses the grant handlers; client
// authentication, token formats, storage and every response are its own, because
// fosite's defaults differ from the specifications in the ways that the
// tests of this package are named after.
package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/recent"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"
	"github.com/ory/fosite/token/jwt"
)

// Clients looks up registered clients without asking the database.
type Clients interface {
	// Client returns the client, or idp.ErrNotFound.
	Client(ctx context.Context, id string) (*idp.Client, error)
}

// Keys signs and verifies; *keyring.Ring is one.
type Keys interface {
	Sign(typ, alg string, claims []byte) (string, error)
	// Verify returns the claims of a token of this type; it does not look at them.
	Verify(token, typ string) ([]byte, error)
	JWKS() []byte
	Algs() []string
	MAC(purpose string, data []byte) [32]byte
	// MACs yields the MAC of every live key, the current one first.
	MACs(purpose string, data []byte) iter.Seq[[32]byte]
}

// A Store keeps codes and grants; each method but EndSessions is one statement.
type Store interface {
	RedeemCode(ctx context.Context, code idp.PresentedCode, clientID, redirectURI, challenge string, key idp.ProvenKey, lifetimes idp.Lifetimes) (*idp.Grant, error)
	RevokeReused(ctx context.Context, code idp.PresentedCode, clientID string) (idp.RefusedCode, error)
	RefreshGrant(ctx context.Context, id, clientID string, r idp.Refresh, lifetimes idp.Lifetimes) (*idp.Grant, error)
	Grant(ctx context.Context, id string) (*idp.Grant, error)
	// SpendProof remembers a DPoP proof; false if it was spent before.
	SpendProof(ctx context.Context, hash []byte, expires time.Time) (bool, error)
	// SpendAssertion remembers the jti of a client assertion; false if it was spent before.
	SpendAssertion(ctx context.Context, clientID string, jti []byte, expires time.Time) (bool, error)
	// PushRequest keeps a pushed request, PushedRequest finds it and the login that it
	// became, and ClaimPushedRequest gives it to the first login that asks.
	PushRequest(ctx context.Context, hash []byte, clientID, params string, expires time.Time) error
	PushedRequest(ctx context.Context, hash []byte, clientID string) (params, loginID string, err error)
	ClaimPushedRequest(ctx context.Context, hash []byte, loginID string) (winner string, err error)
	RevokeGrant(ctx context.Context, id, clientID string) error
	// CreateGrant stores the grant of a client to itself.
	CreateGrant(ctx context.Context, g *idp.Grant) error
	// EndSessions ends sessions and what was granted in them, and has clients told of it.
	EndSessions(ctx context.Context, offline bool, sids ...string) (int, error)
	DeviceStore
}

// A DeviceStore keeps the requests of devices; each method is one statement.
type DeviceStore interface {
	CreateDevice(ctx context.Context, d *idp.Device, most int) (bool, error)
	Device(ctx context.Context, id string) (*idp.Device, error)
	DeviceByUserCode(ctx context.Context, code, network string, most int, window time.Duration) (*idp.Device, error)
	AllowDevice(ctx context.Context, id, login, grantID string, within time.Duration) error
	DenyDevice(ctx context.Context, id, login string) error
	RedeemDevice(ctx context.Context, hash []byte, clientID string, key idp.ProvenKey, lifetimes idp.Lifetimes) (idp.DeviceState, string, error)
}

// Options configures New. All fields but Resources, Outbound, RequireDPoPNonce and Now are required.
type Options struct {
	Issuer       string // without a trailing slash
	Clients      Clients
	Keys         Keys
	Store        Store
	Chain        Chain
	RecheckGrace time.Duration // for which an earlier answer about a key counts while the chain cannot be asked
	Lifetimes    idp.Lifetimes // of clients that set none
	DefaultAlg   string        // of ID tokens of clients that name none
	// RequireDPoPNonce refuses DPoP proofs without a nonce of ours.
	RequireDPoPNonce bool
	MatchRedirect    func(registered []string, given string) bool
	CheckSecret      func(c *idp.Client, given string, now time.Time) bool
	Used             func(clientID string) // is told of each client that gets tokens; may be nil
	// NearestClient returns the client_id that is most like an unknown one, if any is; nil: nobody knows.
	NearestClient func(id string) string
	// Profile returns the claims about a person that these scopes disclose to a
	// client in one place, idp.PlaceIDToken or idp.PlaceUserInfo.
	Profile func(c *idp.Client, who idp.Identity, scopes []string, place string) map[string]any
	// ProfileClaims lists those that Profile gives some client, for discovery.
	ProfileClaims func() []string
	// Allowed returns nil if the subject, an account by itself while it is not known, may sign in to the client, and otherwise an
	// error for operators, which wraps idp.ErrDenied, and idp.ErrUnconfigured if the rule itself is missing.
	Allowed   func(c *idp.Client, subject string) error
	Scopes    []string // that clients may be granted, besides those of resources
	UILocales []string // languages of the pages (BCP 47)
	Resources []idp.Resource
	// Outbound fetches the keys that clients publish at their jwks_uri; nil: nothing is fetched.
	Outbound *http.Client
	Now      func() time.Time
}

// A Provider answers the protocol's requests. It is safe for concurrent use
// and keeps no state of its own but the keys that clients publish, and copies of grants.
type Provider struct {
	Options
	published *published
	grants    *recent.Cache[string, *idp.Grant] // as they were when tokens of theirs were last made here
	fosite    *fosite.Fosite
}

// maxGrants bounds the grants that are remembered: two generations of so many.
const maxGrants = 1024

// New returns a Provider.
func New(opts Options) (*Provider, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if u, err := url.Parse(opts.Issuer); err != nil || u.Host == "" {
		return nil, fmt.Errorf("issuer %q is not a URL", opts.Issuer)
	}
	p := &Provider{Options: opts, grants: recent.New[string, *idp.Grant](maxGrants)}
	p.published = &published{http: opts.Outbound, now: opts.Now, sets: map[string]*publishedSet{}}
	p.fosite = fosite.NewOAuth2Provider(storage{p}, p.config())
	return p, nil
}

// config sets every field that fosite would otherwise fill in lazily (which
// races) or with a default of its own.
func (p *Provider) config() *fosite.Config {
	var unused [32]byte
	rand.Read(unused[:])
	cfg := &fosite.Config{
		AccessTokenLifespan:            p.Lifetimes.AccessToken.Std(),
		IDTokenLifespan:                p.Lifetimes.IDToken.Std(),
		RefreshTokenLifespan:           p.Lifetimes.RefreshIdle.Std(),
		AuthorizeCodeLifespan:          p.Lifetimes.Code.Std(),
		IDTokenIssuer:                  p.Issuer,
		AccessTokenIssuer:              p.Issuer,
		TokenURL:                       p.Issuer + "/token",
		ScopeStrategy:                  func([]string, string) bool { return true }, // scopes are filtered before
		AudienceMatchingStrategy:       fosite.ExactAudienceMatchingStrategy,
		EnforcePKCEForPublicClients:    true,
		AllowedPromptValues:            []string{"login"},
		RedirectSecureChecker:          func(context.Context, *url.URL) bool { return true }, // at registration
		RefreshTokenScopes:             []string{scopeOfflineAccess},
		MinParameterEntropy:            1,
		ClientSecretsHasher:            &fosite.BCrypt{Config: &fosite.Config{}}, // never asked
		ClientAuthenticationStrategy:   authenticated,
		OmitRedirectScopeParam:         true,
		SanitationWhiteList:            []string{paramRedirectURI, paramCodeChallenge, paramNonce},
		JWTScopeClaimKey:               jwt.JWTScopeFieldString,
		GlobalSecret:                   unused[:],
		EnablePKCEPlainChallengeMethod: false,
	}
	tokens, store := strategy{p}, storage{p}
	id := &openid.IDTokenHandleHelper{IDTokenStrategy: tokens}
	code := &oauth2.AuthorizeExplicitGrantHandler{
		AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, AuthorizeCodeStrategy: tokens,
		CoreStorage: store, TokenRevocationStorage: store, Config: cfg,
	}
	challenge := &pkce.Handler{AuthorizeCodeStrategy: tokens, Storage: store, Config: cfg}
	oidc := &openid.OpenIDConnectExplicitHandler{
		OpenIDConnectRequestStorage: store, IDTokenHandleHelper: id, Config: cfg,
		OpenIDConnectRequestValidator: openid.NewOpenIDConnectRequestValidator(nil, cfg), // hints never reach it
	}
	refresh := &oauth2.RefreshTokenGrantHandler{
		AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, TokenRevocationStorage: store, Config: cfg,
	}
	// The code handler comes first: it claims the row that the others read.
	cfg.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{code, oidc, challenge}
	cfg.TokenEndpointHandlers = fosite.TokenEndpointHandlers{
		code, challenge, oidc, refresh, deviceHandler{p, tokens}, &openid.OpenIDConnectRefreshHandler{IDTokenHandleHelper: id, Config: cfg},
	}
	return cfg
}

// accessAlg signs access tokens: ES256, which is the quickest that every resource server
// knows, unless the operator has switched it off.
func (p *Provider) accessAlg(c *idp.Client) string {
	if slices.Contains(p.Keys.Algs(), idp.ES256) {
		return idp.ES256
	}
	if c.IsFAPI2() {
		return p.alg(c)
	}
	return p.DefaultAlg
}

// lifetimes returns the lifetimes that hold for a client.
func (p *Provider) lifetimes(c *idp.Client) idp.Lifetimes {
	return c.Lifetimes.Or(p.Lifetimes)
}

// alg returns the signing algorithm of a client's ID tokens.
func (p *Provider) alg(c *idp.Client) string {
	if c.IDTokenSignedResponseAlg != "" {
		return c.IDTokenSignedResponseAlg
	}
	return p.DefaultAlg
}
