package presets

import (
	"net/url"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var grafana = Preset{
	Name: "grafana", Title: "Grafana", Summary: "dashboards; roles by group, refresh, sign-out",
	NeedsURL: true, Example: "https://grafana.example.com", AdminGroup: "grafana-admin",
	callback: "/login/generic_oauth",
	// Its sessions last as long as the ID token and the access token do, then it
	// refreshes. The registry never lets an ID token end first.
	client: func(base string) (idp.Client, error) {
		return site(base, "/login/generic_oauth", "/login", scopesOfPerson+" "+scopeOffline, claims.PolicyEmail), nil
	},
	snippet: grafanaSnippet,
}

func grafanaSnippet(x Context) ([]Block, error) {
	keys := [][2]string{
		{"enabled", "true"},
		{"name", x.Provider},
		{"client_id", x.Client.ID},
		{"client_secret", x.secret()},
		{"scopes", x.Client.Scope},
		{"auth_url", x.Issuer + "/authorize"},
		{"token_url", x.Issuer + "/token"},
		{"api_url", x.Issuer + "/userinfo"},
		{"use_pkce", "true"},
	}
	if x.hasScope(scopeOffline) {
		keys = append(keys, [2]string{"use_refresh_token", "true"})
	}
	keys = append(keys, [][2]string{
		// Its own default is a claim called login or username.
		{"login_attribute_path", "preferred_username"},
		{"name_attribute_path", "name"},
		// The second half keeps logins working where the claim policy gives no email.
		{"email_attribute_path", "email || preferred_username"},
		{"groups_attribute_path", "groups"},
		{"role_attribute_path", "contains(groups[*], '" + x.AdminGroup + "') && 'Admin' || 'Viewer'"},
	}...)
	if to := x.afterLogout(); to != "" {
		query := url.Values{"client_id": {x.Client.ID}, "post_logout_redirect_uri": {to}}
		keys = append(keys, [2]string{"signout_redirect_url", x.Issuer + "/logout?" + query.Encode()})
	}
	text, err := iniSection("auth.generic_oauth", keys)
	if err != nil {
		return nil, err
	}
	return []Block{{
		Place: "grafana.ini", Format: "ini", Text: text,
		Note: "Paste it over the section of that name, and set root_url in [server] to " + x.base + "/. Members of the group " + x.AdminGroup +
			" become administrators, everybody else who may sign in a viewer. Restart Grafana.",
	}}, nil
}

// iniSection writes one section, with one key on each line.
func iniSection(name string, keys [][2]string) (string, error) {
	text := "[" + name + "]\n"
	for _, key := range keys {
		value, err := ini(key[0], key[1])
		if err != nil {
			return "", err
		}
		text += key[0] + " = " + value + "\n"
	}
	return text, nil
}
