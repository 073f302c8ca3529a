// Package presets knows the usual relying parties: how each has to be
// registered, and what has to be pasted into it. It is made of pure functions, which
// the command line, the admin API and the admin pages share.
package presets

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// The scopes that presets ask for.
const (
	scopeOpenID  = "openid"
	scopeOffline = "offline_access"

	// scopesOfPerson are for software that has accounts of its own.
	scopesOfPerson = "openid profile email groups"
)

// A Preset is one relying party that works without a search through forums.
type Preset struct {
	Name    string `json:"name"`    // what the command line calls it
	Title   string `json:"title"`   // what its makers call it
	Summary string `json:"summary"` // what it is and gets, on one line
	// NeedsURL says that the registration follows from where the application lives;
	// Example is such a URL.
	NeedsURL bool   `json:"needs_url"`
	Example  string `json:"example,omitempty"`
	// AdminGroup is the group whose members the snippet makes administrators, unless its
	// context names another; empty: nobody, unless it does.
	AdminGroup string `json:"admin_group,omitempty"`

	// callback ends the redirect URI of the software, from which a missing URL follows.
	callback string
	// client returns the registration of the application at base, which has no trailing slash.
	client func(base string) (idp.Client, error)
	// snippet returns what to paste. Its context is complete, and fits the preset.
	snippet func(x Context) ([]Block, error)
}

// list is in the order in which people see it.
var list = []*Preset{
	&grafana, &keycloak, &oauth2Proxy, &gitea, &nextcloud, &gitlab, &synapse, &discourse,
	&argoCD, &kubernetes, &mcp, &spa, &native, &m2m,
}

// List returns every preset, in the order in which people should see them.
func List() []*Preset { return slices.Clone(list) }

// Names returns the names of List.
func Names() []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// Find returns the preset with this name. The error is for people: it names the
// nearest preset, or all of them.
func Find(name string) (*Preset, error) {
	for _, p := range list {
		if p.Name == name {
			return p, nil
		}
	}
	if near := idp.Nearest(name, Names()); near != "" {
		return nil, fmt.Errorf("preset %q does not exist; did you mean %s?", shorten(name), near)
	}
	return nil, fmt.Errorf("preset %q does not exist: use one of %s", shorten(name), strings.Join(Names(), ", "))
}

// Apply fills in what c leaves empty, so that whatever was said explicitly
// stays. The application lives at base; if that is empty, at c.ClientURI. A wrong URL
// changes nothing; the error names it and says what to write.
func (p *Preset) Apply(base string, c *idp.Client) error {
	base = cmp.Or(base, c.ClientURI)
	if base == "" && p.NeedsURL {
		return fmt.Errorf("the preset %s needs the URL of the application: write for example %s", p.Name, p.Example)
	}
	var err error
	if base != "" {
		if base, err = checkBase(base); err != nil {
			return fmt.Errorf("the URL of the application %w", err)
		}
	}
	preset, err := p.client(base)
	if err != nil {
		return fmt.Errorf("the URL of the application %w", err)
	}
	c.Preset = p.Name
	if c.ClientURI == "" || strings.TrimRight(c.ClientURI, "/") == base {
		c.ClientURI = base
	}
	fill(&c.Name, p.Title)
	fill(&c.TokenEndpointAuthMethod, preset.TokenEndpointAuthMethod)
	fill(&c.Scope, preset.Scope)
	fill(&c.BackchannelLogoutURI, preset.BackchannelLogoutURI)
	fill(&c.ClaimPolicy, preset.ClaimPolicy)
	// RS256 is what every relying party verifies, whatever signing.default_alg says. The
	// profile of a client may rule it out.
	if c.Profile == "" {
		fill(&c.IDTokenSignedResponseAlg, preset.IDTokenSignedResponseAlg)
	}
	fillList(&c.GrantTypes, preset.GrantTypes)
	if slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		fillList(&c.RedirectURIs, preset.RedirectURIs)
		fillList(&c.PostLogoutRedirectURIs, preset.PostLogoutRedirectURIs)
	}
	if c.RequirePKCE == nil && !c.Public() {
		c.RequirePKCE = preset.RequirePKCE
	}
	return nil
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func fillList(field *[]string, value []string) {
	if len(*field) == 0 {
		*field = value
	}
}

// site returns what web applications with a server have in common: a secret,
// RS256 and PKCE. An empty logout registers no address to return to after one.
func site(base, callback, logout, scope, policy string) idp.Client {
	c := idp.Client{
		RedirectURIs:             []string{base + callback},
		GrantTypes:               []string{idp.GrantAuthorizationCode},
		Scope:                    scope,
		IDTokenSignedResponseAlg: idp.RS256,
		ClaimPolicy:              policy,
	}
	if logout != "" {
		c.PostLogoutRedirectURIs = []string{base + logout}
	}
	if slices.Contains(strings.Fields(scope), scopeOffline) {
		c.GrantTypes = append(c.GrantTypes, idp.GrantRefreshToken)
	}
	return c
}

// app returns what applications that cannot keep a secret have in common.
func app(redirects []string, logout string) idp.Client {
	c := idp.Client{
		TokenEndpointAuthMethod:  idp.AuthNone,
		RedirectURIs:             redirects,
		GrantTypes:               []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
		Scope:                    "openid profile offline_access",
		IDTokenSignedResponseAlg: idp.RS256,
	}
	if logout != "" {
		c.PostLogoutRedirectURIs = []string{logout}
	}
	return c
}
