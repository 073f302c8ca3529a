package idp

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Grant types, authentication methods and signing algorithms, as registered
// with IANA for RFC 7591 client metadata.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"
	GrantClientCredentials = "client_credentials"

	AuthSecretBasic = "client_secret_basic"
	AuthSecretPost  = "client_secret_post"
	AuthPrivateKey  = "private_key_jwt"
	AuthNone        = "none"

	RS256 = "RS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
	PS256 = "PS256"
)

// ProfileFAPI2 is the FAPI 2.0 Security Profile.
const ProfileFAPI2 = "fapi2"

// FAPI2Algs are the algorithms that the FAPI 2.0 Security Profile knows (section 5.4.1).
var FAPI2Algs = []string{ES256, EdDSA, PS256}

// AdminClientID is the client of the provider's own admin pages. It is in no store, and nobody can register it.
const AdminClientID = "idp-admin"

// Who owns a client's row; only the owner may change it.
const (
	ManagedByConfig = "config"
	ManagedByAPI    = "api"
)

// A Client is a registered relying party. Fields carry the names of RFC 7591
// and OpenID Connect Dynamic Client Registration; those of our own are first_party,
// require_pkce, device_match_number, preset, brand_color, profile, lifetimes, claim_policy and access_policy. The zero value of each field means its documented default, which
// the registry fills in, so that a Client read from it is complete.
type Client struct {
	ID   string `json:"client_id" yaml:"client_id"`
	Name string `json:"client_name,omitempty" yaml:"client_name,omitempty"`
	// ClientURI is where the application lives, such as https://grafana.example.com.
	ClientURI string `json:"client_uri,omitempty" yaml:"client_uri,omitempty"`
	// LogoURI is the address of its logo, or a data: URI that holds it. People are shown a copy, which is Logo.
	LogoURI string `json:"logo_uri,omitempty" yaml:"logo_uri,omitempty"`
	// PolicyURI and TosURI are where people read how it treats what it learns, and on what terms they use it.
	PolicyURI string `json:"policy_uri,omitempty" yaml:"policy_uri,omitempty"`
	TosURI    string `json:"tos_uri,omitempty" yaml:"tos_uri,omitempty"`
	// BrandColor, "#rrggbb", is an accent on the pages that show the client.
	BrandColor string `json:"brand_color,omitempty" yaml:"brand_color,omitempty"`
	// Preset names the relying party whose registration this is, such as "grafana"; empty: none.
	Preset string `json:"preset,omitempty" yaml:"preset,omitempty"`
	// RedirectURIs are compared exactly, but for the port of loopback URIs (RFC 8252 section 7.3).
	RedirectURIs []string `json:"redirect_uris" yaml:"redirect_uris"`
	// PostLogoutRedirectURIs are where a person may be sent after a logout; compared exactly.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty" yaml:"post_logout_redirect_uris,omitempty"`
	// BackchannelLogoutURI is told of each logout of a person who is signed in to the
	// client. Its logout tokens always hold sid and sub, whatever BackchannelLogoutSessionRequired says.
	BackchannelLogoutURI             string `json:"backchannel_logout_uri,omitempty" yaml:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired bool   `json:"backchannel_logout_session_required,omitempty" yaml:"backchannel_logout_session_required,omitempty"`
	// TokenEndpointAuthMethod is "none" for a public client. For a confidential one the empty
	// value accepts client_secret_basic and client_secret_post, since relying parties
	// differ in which they send; a named method is enforced.
	TokenEndpointAuthMethod string `json:"token_endpoint_auth_method,omitempty" yaml:"token_endpoint_auth_method,omitempty"`
	// TokenEndpointAuthSigningAlg is the one algorithm of its client assertions; empty: any that is offered.
	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty" yaml:"token_endpoint_auth_signing_alg,omitempty"`
	// JWKS are the public keys that verify its client assertions, or JWKSURI is where it publishes them.
	JWKS    JWKSet `json:"jwks,omitempty" yaml:"jwks,omitempty"`
	JWKSURI string `json:"jwks_uri,omitempty" yaml:"jwks_uri,omitempty"`
	// RequirePushedAuthorizationRequests refuses authorization requests that were not pushed (RFC 9126 section 6).
	RequirePushedAuthorizationRequests bool `json:"require_pushed_authorization_requests,omitempty" yaml:"require_pushed_authorization_requests,omitempty"`

	GrantTypes    []string `json:"grant_types,omitempty" yaml:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty" yaml:"response_types,omitempty"`
	// Scope lists, separated by spaces, the scopes that the client may be granted.
	Scope                    string `json:"scope,omitempty" yaml:"scope,omitempty"`
	IDTokenSignedResponseAlg string `json:"id_token_signed_response_alg,omitempty" yaml:"id_token_signed_response_alg,omitempty"`
	// RequirePKCE is true unless set to false. Public clients always need PKCE.
	RequirePKCE *bool `json:"require_pkce,omitempty" yaml:"require_pkce,omitempty"`
	// DeviceMatchNumber says that its devices show the number of idp_match_number, which the
	// person must then pick on the page (see Device).
	DeviceMatchNumber bool `json:"device_match_number,omitempty" yaml:"device_match_number,omitempty"`
	// DPoPBoundAccessTokens refuses token requests without a DPoP proof (RFC 9449 section 5.2).
	DPoPBoundAccessTokens bool `json:"dpop_bound_access_tokens,omitempty" yaml:"dpop_bound_access_tokens,omitempty"`
	// Profile is empty or ProfileFAPI2, which turns every rule of that profile on.
	Profile string `json:"profile,omitempty" yaml:"profile,omitempty"`
	// FirstParty marks an application of the operator's own.
	FirstParty bool      `json:"first_party,omitempty" yaml:"first_party,omitempty"`
	Lifetimes  Lifetimes `json:"lifetimes,omitzero" yaml:"lifetimes,omitempty"`
	// ClaimPolicy names what it learns about a person beyond the default, and AccessPolicy
	// who may sign in to it; both are in the configuration. Empty: the default, and everybody.
	ClaimPolicy  string `json:"claim_policy,omitempty" yaml:"claim_policy,omitempty"`
	AccessPolicy string `json:"access_policy,omitempty" yaml:"access_policy,omitempty"`

	// Disabled means that nobody can sign in to it and it can redeem and refresh nothing.
	Disabled bool `json:"disabled,omitempty" yaml:"disabled,omitempty"`

	ManagedBy  string         `json:"managed_by,omitempty" yaml:"-"`
	Source     string         `json:"source,omitempty" yaml:"-"` // the file that a client of the configuration stands in
	CreatedAt  time.Time      `json:"created_at,omitzero" yaml:"-"`
	UpdatedAt  time.Time      `json:"updated_at,omitzero" yaml:"-"`
	LastUsedAt time.Time      `json:"last_used_at,omitzero" yaml:"-"` // a minute or so behind; zero: never
	Logo       ClientLogo     `json:"-" yaml:"-"`                     // our copy of its logo
	Secrets    []ClientSecret `json:"-" yaml:"-"`                     // those that had not expired when the client was read
}

// A ClientSecret is one of a client's secrets, as far as it is known: its hash.
type ClientSecret struct {
	ID        string    `json:"id"`
	Prefix    string    `json:"prefix,omitempty"` // its first characters; none of a secret that the operator chose
	Hash      []byte    `json:"-"`                // SHA-256
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	// LastUsedAt is a minute or so behind; zero: never.
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// A JWKSet is the text of a JWK Set (RFC 7517 section 5), an object within JSON.
type JWKSet string

// MarshalJSON writes the object itself.
func (s JWKSet) MarshalJSON() ([]byte, error) {
	if !json.Valid([]byte(s)) {
		return nil, errors.New("jwks is not JSON")
	}
	return []byte(s), nil
}

// UnmarshalJSON takes any JSON; what is in it is for the registry to judge.
func (s *JWKSet) UnmarshalJSON(text []byte) error {
	*s = JWKSet(text)
	return nil
}

// UsesSecret reports whether the client authenticates with a shared secret.
func (c *Client) UsesSecret() bool { return !c.Public() && c.TokenEndpointAuthMethod != AuthPrivateKey }

// LeftFile reports that the client was in the configuration until a short time ago.
func (c *Client) LeftFile() bool {
	return c.ManagedBy == ManagedByConfig && c.Disabled && c.Source == ""
}

// Version names the state of the client that was read, for whoever changes it
// and wants to lose no other change (an HTTP ETag, without the quotes).
func (c *Client) Version() string {
	if c.UpdatedAt.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.UpdatedAt.UnixMicro(), 36)
}

// Public reports whether the client authenticates with nothing but PKCE.
func (c *Client) Public() bool { return c.TokenEndpointAuthMethod == AuthNone }

// IsFAPI2 reports whether the client is held to the FAPI 2.0 Security Profile.
func (c *Client) IsFAPI2() bool { return c.Profile == ProfileFAPI2 }

// MustUsePKCE reports whether an authorization request without a code challenge is refused.
func (c *Client) MustUsePKCE() bool {
	return c.Public() || c.RequirePKCE == nil || *c.RequirePKCE
}

// DisplayName is what people are shown: the name, or the id of a nameless client.
func (c *Client) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Scopes returns Scope as a list.
func (c *Client) Scopes() []string { return strings.Fields(c.Scope) }

// Lifetimes say how long what is issued to a client lives. A zero field takes
// the provider's default.
type Lifetimes struct {
	Code            Duration `json:"code,omitempty" yaml:"code,omitempty"`
	AccessToken     Duration `json:"access_token,omitempty" yaml:"access_token,omitempty"`
	IDToken         Duration `json:"id_token,omitempty" yaml:"id_token,omitempty"`
	RefreshIdle     Duration `json:"refresh_idle,omitempty" yaml:"refresh_idle,omitempty"`
	RefreshAbsolute Duration `json:"refresh_absolute,omitempty" yaml:"refresh_absolute,omitempty"`
	RefreshGrace    Duration `json:"refresh_grace,omitempty" yaml:"refresh_grace,omitempty"`
}

// DefaultLifetimes are used where neither the configuration nor the client says otherwise.
var DefaultLifetimes = Lifetimes{
	Code:            Duration(time.Minute),
	AccessToken:     Duration(15 * time.Minute),
	IDToken:         Duration(time.Hour),
	RefreshIdle:     Duration(30 * 24 * time.Hour),
	RefreshAbsolute: Duration(90 * 24 * time.Hour),
	RefreshGrace:    Duration(10 * time.Second),
}

// Or returns l with each zero field taken from fallback.
func (l Lifetimes) Or(fallback Lifetimes) Lifetimes {
	or := func(field *Duration, other Duration) {
		if *field == 0 {
			*field = other
		}
	}
	or(&l.Code, fallback.Code)
	or(&l.AccessToken, fallback.AccessToken)
	or(&l.IDToken, fallback.IDToken)
	or(&l.RefreshIdle, fallback.RefreshIdle)
	or(&l.RefreshAbsolute, fallback.RefreshAbsolute)
	or(&l.RefreshGrace, fallback.RefreshGrace)
	return l
}
