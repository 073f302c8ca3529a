package clients

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

var (
	knownGrants = []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken, idp.GrantDeviceCode, idp.GrantClientCredentials}
	knownAuth   = []string{idp.AuthSecretBasic, idp.AuthSecretPost, idp.AuthPrivateKey, idp.AuthNone}
	knownAlgs   = []string{idp.RS256, idp.ES256, idp.EdDSA, idp.PS256}
	knownScopes = []string{scopeOpenID, scopeProfile, scopeEmail, scopeGroups, scopeOfflineAccess}

	defaultGrants = []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}
)

const (
	scopeOpenID        = "openid"
	scopeProfile       = "profile"
	scopeEmail         = "email"
	scopeGroups        = "groups"
	scopeOfflineAccess = "offline_access"
)

// Defaults are what the operator's configuration says where a client says
// nothing. The zero value means RS256 and idp.DefaultLifetimes.
type Defaults struct {
	Alg       string   // signing.default_alg
	Algs      []string // signing.algs; nil: all
	Lifetimes idp.Lifetimes
	Scopes    []string // of resources, which clients may have besides those of the provider
	// The policies that exist, by name; nil: any may be named.
	ClaimPolicies, AccessPolicies []string
}

// Validate is Defaults{}.Validate.
func Validate(c idp.Client) (idp.Client, error) { return Defaults{}.Validate(c) }

// Validate returns c in normal form with every default filled in. The error, an *Invalid,
// joins everything that is wrong with c; each part names the field, the value
// and what to do.
func (d Defaults) Validate(c idp.Client) (idp.Client, error) {
	var problems []error
	refuse := func(field, value string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %q %w", field, value, err))
		}
	}
	known := func(field string, values, allowed []string) {
		for _, value := range values {
			if !slices.Contains(allowed, value) {
				refuse(field, value, fmt.Errorf("is not known: use one of %s", strings.Join(allowed, ", ")))
			}
		}
	}

	refuse("client_id", c.ID, checkID(c.ID))
	checkBrand(&c, refuse)
	if c.Preset != "" && !presetSyntax.MatchString(c.Preset) {
		refuse("preset", shorten(c.Preset), errors.New("is no name of a preset: use 1 to 32 of a-z 0-9 -"))
	}
	if c.TokenEndpointAuthMethod != "" {
		known("token_endpoint_auth_method", []string{c.TokenEndpointAuthMethod}, knownAuth)
	}
	if c.IsFAPI2() {
		d.fapi2(&c)
	}
	c.GrantTypes = orDefault(c.GrantTypes, defaultGrants)
	known("grant_types", c.GrantTypes, knownGrants)
	if !slices.Equal(c.GrantTypes, []string{idp.GrantClientCredentials}) {
		c.ResponseTypes = orDefault(c.ResponseTypes, []string{"code"})
	}
	known("response_types", c.ResponseTypes, []string{"code"})
	c.Scope = d.scope(c)
	known("scope", c.Scopes(), slices.Concat(knownScopes, d.Scopes))
	if c.IDTokenSignedResponseAlg == "" {
		c.IDTokenSignedResponseAlg = cmp.Or(d.Alg, idp.RS256)
	}
	known("id_token_signed_response_alg", []string{c.IDTokenSignedResponseAlg}, knownAlgs)

	c.RedirectURIs = orDefault(c.RedirectURIs, nil)
	for _, uri := range c.RedirectURIs {
		refuse("redirect_uris", shorten(uri), checkRedirectURI(uri, c.Public()))
	}
	c.PostLogoutRedirectURIs = orDefault(c.PostLogoutRedirectURIs, nil)
	for _, uri := range c.PostLogoutRedirectURIs {
		refuse("post_logout_redirect_uris", shorten(uri), checkRedirectURI(uri, c.Public()))
	}
	if c.BackchannelLogoutURI != "" {
		refuse("backchannel_logout_uri", shorten(c.BackchannelLogoutURI), checkRedirectURI(c.BackchannelLogoutURI, false))
	}
	c.Lifetimes = d.lifetimes(c.Lifetimes)
	problems = append(problems, checkTogether(c), checkKeys(c), d.checkProfile(c), d.checkPolicies(c), CheckLifetimes(c.Lifetimes))
	if c.RequirePKCE == nil {
		required := true
		c.RequirePKCE = &required
	}
	return c, invalid(errors.Join(problems...))
}

// validateNew is Validate for what somebody is about to store. Unlike a stored
// client, which lives on, it names no algorithm that there is no key for.
func (d Defaults) validateNew(c idp.Client) (idp.Client, error) {
	full, err := d.Validate(c)
	err = invalid(errors.Join(err, checkStoredBrand(full)))
	if alg := c.IDTokenSignedResponseAlg; alg != "" && d.Algs != nil && slices.Contains(knownAlgs, alg) && !slices.Contains(d.Algs, alg) {
		err = invalid(errors.Join(err, fmt.Errorf("id_token_signed_response_alg %q is not one of signing.algs (%s)", alg, strings.Join(d.Algs, ", "))))
	}
	return full, err
}

// checkTogether checks the rules that concern more than one field.
func checkTogether(c idp.Client) error {
	var problems []error
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, errors.New(text))
		}
	}
	code := slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode)
	refresh := slices.Contains(c.GrantTypes, idp.GrantRefreshToken)
	device := slices.Contains(c.GrantTypes, idp.GrantDeviceCode)
	machine := slices.Contains(c.GrantTypes, idp.GrantClientCredentials)
	add(!code && !device && !machine, "grant_types lacks authorization_code and "+idp.GrantDeviceCode+", the grants that sign a user in: add one of them")
	add(c.DeviceMatchNumber && !device, "device_match_number is true but grant_types lacks "+idp.GrantDeviceCode+": add the one or remove the other")
	add(machine && refresh && !code && !device, "grant_types has refresh_token but no grant that signs a user in: add authorization_code or remove it")
	add(machine && c.Public(), "grant_types has client_credentials, but a public client has no credentials: remove it")
	add(code && len(c.RedirectURIs) == 0, "redirect_uris is empty: give at least one, for example https://app.example.com/callback")
	add(len(c.RedirectURIs) > maxRedirectURIs, fmt.Sprintf("redirect_uris has %d entries: at most %d are allowed", len(c.RedirectURIs), maxRedirectURIs))
	add(len(c.PostLogoutRedirectURIs) > maxRedirectURIs, fmt.Sprintf("post_logout_redirect_uris has %d entries: at most %d are allowed", len(c.PostLogoutRedirectURIs), maxRedirectURIs))
	add(c.BackchannelLogoutSessionRequired && c.BackchannelLogoutURI == "", "backchannel_logout_session_required is true but there is no backchannel_logout_uri: add it")
	add(!refresh && slices.Contains(c.Scopes(), scopeOfflineAccess), `scope has "offline_access" but grant_types lacks refresh_token: add the one or remove the other`)
	add(c.Public() && c.RequirePKCE != nil && !*c.RequirePKCE, "require_pkce is false, but a public client has no other proof of who it is: remove it")
	return errors.Join(problems...)
}

func (d Defaults) scope(c idp.Client) string {
	scopes := orDefault(c.Scopes(), nil)
	if len(scopes) == 0 && !slices.Equal(c.GrantTypes, []string{idp.GrantClientCredentials}) {
		scopes = []string{scopeOpenID, scopeProfile, scopeEmail, scopeGroups}
		if slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
			scopes = append(scopes, scopeOfflineAccess)
		}
	}
	return strings.Join(scopes, " ")
}

// withoutGone returns the scope of a stored client without those of resources
// that the configuration no longer has: the client lives on for the rest. If there is no
// rest it stays as it is, since an empty scope would mean the default.
func (d Defaults) withoutGone(c idp.Client) string {
	left := slices.DeleteFunc(c.Scopes(), func(scope string) bool {
		return !slices.Contains(knownScopes, scope) && !slices.Contains(d.Scopes, scope)
	})
	if len(left) == 0 {
		return c.Scope
	}
	return strings.Join(left, " ")
}

// The forms of a client_id, and of a preset.
var (
	idSyntax = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)
	// presetSyntax lets names through that only another version knows.
	presetSyntax = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	// subAccount is the syntax of a NEAR account id below another account.
	subAccount = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*(\.[a-z0-9]+([-_][a-z0-9]+)*)+$`)
	// implicit is the syntax of the accounts that exist without being created:
	// a public key, an Ethereum address, or a deterministic id (NEP-616).
	implicit = regexp.MustCompile(`^(?i:[0-9a-f]{64}|0[xs][0-9a-f]{40})$`)
	network  = regexp.MustCompile(`(?i:\.(near|testnet))$`)
)

// checkID refuses an id that could be the subject of a person. Resource servers
// tell who calls by "sub", and a token that a client obtains for itself names
// the client there, so a client called alice.near would be taken for her
// (RFC 9068 section 5). Anybody can create an account below another one or an
// implicit one. A name without a dot, such as grafana, stays allowed: only the
// registrar of the chain creates accounts of that form, and the operator, who
// chooses the ids, knows of it. An incarnation ("alice.near#2") has a character that no
// client_id has.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("is empty: choose a name such as grafana")
	case !idSyntax.MatchString(id):
		return errors.New("must be 1 to 64 of the characters A-Z a-z 0-9 . _ ~ -")
	case id == "." || id == "..":
		return errors.New("is a path segment: choose a name such as grafana")
	case id == idp.AdminClientID:
		return errors.New("is that of the provider's own admin pages: choose another")
	case implicit.MatchString(id):
		return errors.New("has the form of an implicit NEAR account, so its tokens could be taken for that account's: choose a name such as grafana")
	case subAccount.MatchString(id) || network.MatchString(id):
		return fmt.Errorf("has the form of a NEAR account, so its tokens could be taken for that account's: write %q", strings.ReplaceAll(id, ".", "-"))
	}
	return nil
}

// orDefault returns list without repetitions, or fallback for an empty one.
// It never shares memory with either.
func orDefault(list, fallback []string) []string {
	if len(list) == 0 {
		return slices.Clone(fallback)
	}
	var unique []string
	for _, item := range list {
		if !slices.Contains(unique, item) {
			unique = append(unique, item)
		}
	}
	return unique
}

func shorten(text string) string {
	if len(text) > 120 {
		return text[:120] + "…"
	}
	return text
}
