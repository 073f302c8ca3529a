package presets

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

// alias is what relying parties that have several providers call this one, in
// paths too.
const alias = "near"

var keycloak = Preset{
	Name: "keycloak", Title: "Keycloak", Summary: "identity broker; users, roles by group, sign-out both ways",
	NeedsURL: true, Example: "https://keycloak.example.com/realms/apps", AdminGroup: "keycloak-admin",
	callback: "/broker/" + alias + "/endpoint",
	client: func(base string) (idp.Client, error) {
		if !realmURL.MatchString(base) {
			return idp.Client{}, fmt.Errorf("is %q, which names no realm: write it with the realm, such as https://keycloak.example.com/realms/apps", shorten(base))
		}
		c := site(base, "/broker/"+alias+"/endpoint", "/broker/"+alias+"/endpoint/logout_response", scopesOfPerson, claims.PolicyKeycloak)
		c.BackchannelLogoutURI = base + "/protocol/openid-connect/logout/backchannel-logout"
		return c, nil
	},
	snippet: keycloakSnippet,
}

var (
	realmURL    = regexp.MustCompile(`^(https?://[^/]+(?:/[^/]+)*)/realms/([^/]+)$`)
	brokerAlias = regexp.MustCompile(`/broker/([A-Za-z0-9._-]+)/endpoint$`)
)

// A keycloakProvider is Keycloak's IdentityProviderRepresentation.
type keycloakProvider struct {
	Alias       string            `json:"alias"`
	DisplayName string            `json:"displayName"`
	ProviderID  string            `json:"providerId"`
	Enabled     bool              `json:"enabled"`
	TrustEmail  bool              `json:"trustEmail"`
	FirstLogin  string            `json:"firstBrokerLoginFlowAlias"`
	Config      map[string]string `json:"config"`
}

// A keycloakMapper is Keycloak's IdentityProviderMapperRepresentation.
type keycloakMapper struct {
	Name   string            `json:"name"`
	Alias  string            `json:"identityProviderAlias"`
	Mapper string            `json:"identityProviderMapper"`
	Config map[string]string `json:"config"`
}

type keycloakRole struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type keycloakRealm struct {
	Providers []keycloakProvider        `json:"identityProviders"`
	Mappers   []keycloakMapper          `json:"identityProviderMappers"`
	Roles     map[string][]keycloakRole `json:"roles"`
}

func keycloakSnippet(x Context) ([]Block, error) {
	parts := realmURL.FindStringSubmatch(x.base)
	if parts == nil {
		return nil, fmt.Errorf("client_uri is %q, which names no realm: set it with the realm, such as https://keycloak.example.com/realms/apps", shorten(x.base))
	}
	server, realm := parts[1], parts[2]
	if name, err := url.PathUnescape(realm); err == nil {
		realm = name
	}
	used := alias
	if named := brokerAlias.FindStringSubmatch(x.redirectURI()); named != nil {
		used = named[1]
	}
	content := x.keycloakRealm(used)
	commands, err := keycloakCommands(server, realm, used, content)
	if err != nil {
		return nil, err
	}
	file, err := object(content)
	if err != nil {
		return nil, err
	}
	return []Block{
		{
			Place: "a shell with Keycloak's kcadm.sh", Format: "sh", Text: commands,
			Note: "Sign in with the first command, as an administrator. The others make the identity provider, its mappers, and the role that members of the group " + x.AdminGroup + " get.",
		},
		{
			Place: "a realm file, for kc.sh start --import-realm, instead of the commands", Format: "json", Text: file,
			Note: "Merge it into the file of the realm " + realm + ". In the admin console, Realm settings, Action, Partial import takes it too.",
		},
		{
			Place: "the admin console, Identity providers, Add OpenID Connect v1.0, instead of both", Format: "text", Text: x.keycloakForm(used),
			Note: "Type these into the form, leave the rest, and add the mappers on its second tab.",
		},
	}, nil
}

func (x *Context) keycloakRealm(used string) keycloakRealm {
	return keycloakRealm{
		Providers: []keycloakProvider{{
			Alias: used, DisplayName: x.Provider, ProviderID: "oidc", Enabled: true, FirstLogin: "first broker login",
			Config: map[string]string{
				"issuer":            x.Issuer,
				"authorizationUrl":  x.Issuer + "/authorize",
				"tokenUrl":          x.Issuer + "/token",
				"userInfoUrl":       x.Issuer + "/userinfo",
				"logoutUrl":         x.Issuer + "/logout",
				"jwksUrl":           x.Issuer + "/jwks",
				"useJwksUrl":        "true",
				"validateSignature": "true",
				"clientId":          x.Client.ID,
				"clientSecret":      x.secret(),
				"clientAuthMethod":  idp.AuthSecretPost,
				"defaultScope":      x.Client.Scope,
				"pkceEnabled":       "true",
				"pkceMethod":        "S256",
				// Names, addresses and roles follow at every login.
				"syncMode":             "FORCE",
				"backchannelSupported": "true",
			},
		}},
		Mappers: []keycloakMapper{
			{"near account", used, "oidc-user-attribute-idp-mapper", map[string]string{
				"syncMode": "INHERIT", "claim": "near_account_id", "user.attribute": "near_account_id",
			}},
			{"group " + x.AdminGroup, used, "oidc-role-idp-mapper", map[string]string{
				"syncMode": "INHERIT", "claim": "groups", "claim.value": x.AdminGroup, "role": x.AdminGroup,
			}},
		},
		Roles: map[string][]keycloakRole{"realm": {{x.AdminGroup, "members of the group of that name at " + x.Provider}}},
	}
}

// keycloakCommands feeds each representation to kcadm.sh as a here-document, in which
// nothing is expanded; JSON has no line that could end one.
func keycloakCommands(server, realm, used string, content keycloakRealm) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "kcadm.sh config credentials --server %s --realm master --user admin\n", shell(server))
	create := func(what string, value any) error {
		text, err := object(value)
		if err == nil {
			fmt.Fprintf(&b, "kcadm.sh create %s -r %s -f - <<'END'\n%sEND\n", shell(what), shell(realm), text)
		}
		return err
	}
	for _, role := range content.Roles["realm"] {
		if err := create("roles", role); err != nil {
			return "", err
		}
	}
	if err := create("identity-provider/instances", content.Providers[0]); err != nil {
		return "", err
	}
	for _, mapper := range content.Mappers {
		if err := create("identity-provider/instances/"+used+"/mappers", mapper); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (x *Context) keycloakForm(used string) string {
	return lines(
		"Alias                    "+used,
		"Display name             "+x.Provider,
		"Discovery endpoint       "+x.discovery(),
		"Client authentication    Client secret sent as post",
		"Client ID                "+x.Client.ID,
		"Client Secret            "+x.secret(),
		"Scopes                   "+x.Client.Scope,
		"Use PKCE                 On, method S256",
		"Backchannel logout       On",
		"Sync mode                Force",
		"Mapper                   Attribute Importer: claim near_account_id, user attribute near_account_id",
		"Mapper                   Claim to Role: claim groups, value "+x.AdminGroup+", role "+x.AdminGroup,
	)
}
