package oauth

import (
	"encoding/json"
	"slices"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

// metadata is the document of OpenID Connect Discovery section 3 and RFC 8414
// section 2: what is served, and nothing else.
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	UserInfoEndpoint      string   `json:"userinfo_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	PAREndpoint           string   `json:"pushed_authorization_request_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs              []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgs              []string `json:"dpop_signing_alg_values_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Claims                []string `json:"claims_supported"`
	ClaimTypes            []string `json:"claim_types_supported"`
	UILocales             []string `json:"ui_locales_supported,omitempty"`
	IssuerInResponse      bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	BackchannelLogout     bool     `json:"backchannel_logout_supported"`
	BackchannelSession    bool     `json:"backchannel_logout_session_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequirePAR            bool     `json:"require_pushed_authorization_requests"`
	// Said explicitly, since its absence means true.
	RequestURIParameter bool `json:"request_uri_parameter_supported"`
}

// confidential are the ways in which a client can prove who it is.
var confidential = []string{idp.AuthSecretBasic, idp.AuthSecretPost, idp.AuthPrivateKey}

func (p *Provider) describe() metadata {
	return metadata{
		Issuer:                p.Issuer,
		AuthorizationEndpoint: p.Issuer + "/authorize",
		TokenEndpoint:         p.Issuer + "/token",
		DeviceEndpoint:        p.Issuer + "/device_authorization",
		UserInfoEndpoint:      p.Issuer + "/userinfo",
		RevocationEndpoint:    p.Issuer + "/revoke",
		IntrospectionEndpoint: p.Issuer + "/introspect",
		PAREndpoint:           p.Issuer + "/par",
		JWKSURI:               p.Issuer + "/jwks",
		EndSessionEndpoint:    p.Issuer + "/logout",
		Scopes:                slices.Concat(p.Scopes, p.resourceScopes()),
		ResponseTypes:         []string{responseTypeCode},
		ResponseModes:         responseModes,
		GrantTypes:            p.grantTypes(),
		SubjectTypes:          []string{"public"},
		IDTokenAlgs:           p.Keys.Algs(),
		AuthMethods:           slices.Concat(confidential, []string{idp.AuthNone}),
		AuthAlgs:              jose.Algs,
		RevocationAuth:        slices.Concat(confidential, []string{idp.AuthNone}),
		RevocationAuthAlgs:    jose.Algs,
		IntrospectionAuth:     confidential,
		IntrospectionAuthAlgs: jose.Algs,
		DPoPAlgs:              proofAlgs,
		ChallengeMethods:      []string{methodS256},
		Claims: append([]string{"iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "sid"},
			p.ProfileClaims()...), // sub among them
		ClaimTypes:         []string{"normal"},
		UILocales:          p.UILocales,
		ClaimsParameter:    true,
		BackchannelLogout:  true,
		BackchannelSession: true,
		IssuerInResponse:   true,
	}
}

// grantTypes are those of the token endpoint. A client has nothing to ask for
// itself where there are no resources.
func (p *Provider) grantTypes() []string {
	grants := []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken, idp.GrantDeviceCode}
	if len(p.Resources) > 0 {
		grants = append(grants, idp.GrantClientCredentials)
	}
	return grants
}

func (p *Provider) resourceScopes() (scopes []string) {
	for _, resource := range p.Resources {
		for _, scope := range resource.Scopes {
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// Metadata returns the discovery document as JSON.
func (p *Provider) Metadata() []byte {
	text, err := json.Marshal(p.describe())
	if err != nil {
		panic(err) // strings and booleans alone
	}
	return text
}

// JWKS returns the public keys as JSON (RFC 7517).
func (p *Provider) JWKS() []byte { return p.Keys.JWKS() }
