package presets

import (
	"strings"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var nextcloud = Preset{
	Name: "nextcloud", Title: "Nextcloud", Summary: "files and groupware, by the app user_oidc; groups, sign-out both ways",
	NeedsURL: true, Example: "https://cloud.example.com",
	callback: "/apps/user_oidc/code",
	client: func(base string) (idp.Client, error) {
		c := site(base, "/apps/user_oidc/code", "/", scopesOfPerson, claims.PolicyEmail)
		// Which of the two it uses depends on whether the web server rewrites URLs.
		c.RedirectURIs = append(c.RedirectURIs, base+"/index.php/apps/user_oidc/code")
		c.BackchannelLogoutURI = base + "/index.php/apps/user_oidc/backchannel-logout/" + alias
		return c, nil
	},
	snippet: nextcloudSnippet,
}

func nextcloudSnippet(x Context) ([]Block, error) {
	name := alias
	if _, rest, ok := strings.Cut(x.Client.BackchannelLogoutURI, "/backchannel-logout/"); ok {
		name = rest
	}
	text := "sudo -u www-data php occ app:install user_oidc\n" + command("sudo -u www-data php occ user_oidc:provider "+shell(name),
		flag("clientid", x.Client.ID),
		flag("clientsecret", x.secret()),
		flag("discoveryuri", x.discovery()),
		flag("scope", x.Client.Scope),
		flag("unique-uid", "1"),
		flag("mapping-uid", "sub"),
		flag("mapping-display-name", "name"),
		flag("mapping-email", "email"),
		flag("mapping-groups", "groups"),
		flag("group-provisioning", "1"),
		flag("send-id-token-hint", "1"),
	)
	return []Block{{
		Place: "a shell, in the directory of Nextcloud", Format: "sh", Text: text,
		Note: "If the app is installed already, the first command says so and changes nothing. The name " + name + " is part of the address that is told of sign-outs: keep it.",
	}}, nil
}

var synapse = Preset{
	Name: "synapse", Title: "Synapse", Summary: "Matrix homeserver; the account id becomes the user name",
	NeedsURL: true, Example: "https://matrix.example.com",
	callback: "/_synapse/client/oidc/callback",
	client: func(base string) (idp.Client, error) {
		c := site(base, "/_synapse/client/oidc/callback", "", "openid profile groups", "")
		c.BackchannelLogoutURI = base + "/_synapse/client/oidc/backchannel_logout"
		return c, nil
	},
	snippet: synapseSnippet,
}

func synapseSnippet(x Context) ([]Block, error) {
	text := lines(
		"oidc_providers:",
		"  - idp_id: "+alias,
		"    idp_name: "+yaml(x.Provider),
		"    issuer: "+yaml(x.Issuer),
		"    client_id: "+yaml(x.Client.ID),
		"    client_secret: "+yaml(x.secret()),
		"    scopes: "+yamlList(x.Client.Scopes()),
		"    pkce_method: always",
		"    backchannel_logout_enabled: true",
		when(x.AdminGroup != "", "    attribute_requirements:"),
		when(x.AdminGroup != "", "      - attribute: groups"),
		when(x.AdminGroup != "", "        value: "+yaml(x.AdminGroup)),
		"    user_mapping_provider:",
		"      config:",
		`        localpart_template: "{{ user.preferred_username }}"`,
		`        display_name_template: "{{ user.name }}"`,
	)
	return []Block{{
		Place: "homeserver.yaml", Format: "yaml", Text: text,
		Note: "public_baseurl must be " + x.base + "/. Restart Synapse. alice.near becomes @alice.near on your server; an id that somebody has there already is refused, and not shared.",
	}}, nil
}

var discourse = Preset{
	Name: "discourse", Title: "Discourse", Summary: "forum, by its OpenID Connect plugin; sign-out",
	NeedsURL: true, Example: "https://forum.example.com",
	callback: "/auth/oidc/callback",
	// Without an address it asks the person for one and has it confirmed, which could
	// not be done with one that is made up.
	client: func(base string) (idp.Client, error) {
		return site(base, "/auth/oidc/callback", "/", "openid profile groups", ""), nil
	},
	snippet: discourseSnippet,
}

func discourseSnippet(x Context) ([]Block, error) {
	logout := x.afterLogout()
	text := lines(
		"openid_connect_discovery_document: "+yaml(x.discovery()),
		"openid_connect_client_id: "+yaml(x.Client.ID),
		"openid_connect_client_secret: "+yaml(x.secret()),
		"openid_connect_authorize_scope: "+yaml(x.Client.Scope),
		"openid_connect_use_pkce: true",
		"openid_connect_match_by_email: false",
		"openid_connect_overrides_email: false",
		"openid_connect_rp_initiated_logout: true",
		when(logout != "", "openid_connect_rp_initiated_logout_redirect: "+yaml(logout)),
		"openid_connect_enabled: true",
	)
	return []Block{{
		Place: "settings.yml, for rake site_settings:import < settings.yml", Format: "yaml", Text: text,
		Note: "Or type the values into Admin, Settings, under the same names. Leave match_by_email off: Discourse would take addresses for confirmed that nobody has confirmed.",
	}}, nil
}
