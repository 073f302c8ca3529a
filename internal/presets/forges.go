package presets

import (
	"strings"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var gitea = Preset{
	Name: "gitea", Title: "Gitea, Forgejo", Summary: "git hosting; administrators by group",
	NeedsURL: true, Example: "https://git.example.com", AdminGroup: "gitea-admin",
	callback: "/user/oauth2/" + alias + "/callback",
	client: func(base string) (idp.Client, error) {
		c := site(base, "/user/oauth2/"+alias+"/callback", "/", scopesOfPerson, claims.PolicyEmail)
		// As a client it sends no code challenge.
		required := false
		c.RequirePKCE = &required
		return c, nil
	},
	snippet: giteaSnippet,
}

func giteaSnippet(x Context) ([]Block, error) {
	name := alias
	if _, rest, ok := strings.Cut(x.redirectURI(), "/user/oauth2/"); ok {
		name = strings.TrimSuffix(rest, "/callback")
	}
	options := []string{
		flag("name", name),
		flag("provider", "openidConnect"),
		flag("key", x.Client.ID),
		flag("secret", x.secret()),
		flag("auto-discover-url", x.discovery()),
	}
	for _, scope := range x.extraScopes() {
		options = append(options, flag("scopes", scope))
	}
	options = append(options, flag("group-claim-name", "groups"), flag("admin-group", x.AdminGroup))
	section, err := iniSection("oauth2_client", [][2]string{
		{"ENABLE_AUTO_REGISTRATION", "true"},
		{"USERNAME", "nickname"},
		{"ACCOUNT_LINKING", "login"},
		{"REGISTER_EMAIL_CONFIRM", "false"},
		{"OPENID_CONNECT_SCOPES", strings.Join(x.extraScopes(), " ")},
	})
	if err != nil {
		return nil, err
	}
	return []Block{
		{
			Place: "a shell, as the user that Gitea runs as", Format: "sh", Text: command("gitea admin auth add-oauth", options...),
			Note: "The name is part of the redirect URI: keep it. Members of the group " + x.AdminGroup + " become administrators. With Forgejo the program is called forgejo.",
		},
		{
			Place: "app.ini", Format: "ini", Text: section,
			Note: "Without it the first login of each account stops at a page that asks to link or register one. Restart Gitea.",
		},
	}, nil
}

var gitlab = Preset{
	Name: "gitlab", Title: "GitLab", Summary: "git hosting, self-managed",
	NeedsURL: true, Example: "https://gitlab.example.com",
	callback: "/users/auth/openid_connect/callback",
	client: func(base string) (idp.Client, error) {
		return site(base, "/users/auth/openid_connect/callback", "/", scopesOfPerson, claims.PolicyEmail), nil
	},
	snippet: gitlabSnippet,
}

func gitlabSnippet(x Context) ([]Block, error) {
	text := lines(
		"gitlab_rails['omniauth_allow_single_sign_on'] = ['openid_connect']",
		"gitlab_rails['omniauth_block_auto_created_users'] = false",
		"gitlab_rails['omniauth_providers'] = [",
		"  {",
		"    name: 'openid_connect',",
		"    label: "+ruby(x.Provider)+",",
		"    args: {",
		"      name: 'openid_connect',",
		"      scope: "+rubyList(x.Client.Scopes())+",",
		"      response_type: 'code',",
		"      issuer: "+ruby(x.Issuer)+",",
		"      discovery: true,",
		"      client_auth_method: 'query',",
		"      send_scope_to_token_endpoint: false,",
		"      pkce: true,",
		"      client_options: {",
		"        identifier: "+ruby(x.Client.ID)+",",
		"        secret: "+ruby(x.secret())+",",
		"        redirect_uri: "+ruby(x.redirectURI())+",",
		when(x.AdminGroup != "", "        gitlab: { groups_attribute: 'groups', admin_groups: "+rubyList([]string{x.AdminGroup})+" },"),
		"      }",
		"    }",
		"  }",
		"]",
	)
	return []Block{{
		Place: "/etc/gitlab/gitlab.rb", Format: "ruby", Text: text,
		Note: "Run gitlab-ctl reconfigure afterwards. Do not set omniauth_auto_link_user: the addresses of accounts are made up, and nobody has confirmed them.",
	}}, nil
}
