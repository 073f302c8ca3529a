package presets

import (
	"time"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var oauth2Proxy = Preset{
	Name: "oauth2-proxy", Title: "oauth2-proxy", Summary: "a login in front of any web application; groups, refresh",
	NeedsURL: true, Example: "https://app.example.com",
	callback: "/oauth2/callback",
	client: func(base string) (idp.Client, error) {
		return site(base, "/oauth2/callback", "/", scopesOfPerson+" "+scopeOffline, claims.PolicyEmailPlain), nil
	},
	snippet: oauth2ProxySnippet,
}

// newCookieSecret is how its documentation makes one.
const newCookieSecret = "openssl rand -base64 32 | tr -- '+/' '-_'"

func oauth2ProxySnippet(x Context) ([]Block, error) {
	// Where its logout reaches the provider, server to server.
	logout := x.Issuer + "/logout?id_token_hint={id_token}"
	refresh := when(x.hasScope(scopeOffline), x.refreshEvery().String())
	file := lines(
		`provider = "oidc"`,
		"provider_display_name = "+quoted(x.Provider),
		"oidc_issuer_url = "+quoted(x.Issuer),
		"client_id = "+quoted(x.Client.ID),
		"client_secret = "+quoted(x.secret()),
		"redirect_url = "+quoted(x.redirectURI()),
		"scope = "+quoted(x.Client.Scope),
		`code_challenge_method = "S256"`,
		`oidc_groups_claim = "groups"`,
		when(x.AdminGroup != "", "allowed_groups = "+quotedList([]string{x.AdminGroup})),
		`email_domains = ["*"]`,
		"backend_logout_url = "+quoted(logout),
		when(refresh != "", "cookie_refresh = "+quoted(refresh)),
		"cookie_secret = "+quoted("<"+newCookieSecret+">"),
	)
	flags := "export OAUTH2_PROXY_CLIENT_SECRET=" + shell(x.secret()) + "\n" +
		`export OAUTH2_PROXY_COOKIE_SECRET="$(` + newCookieSecret + `)"` + "\n" +
		command("oauth2-proxy",
			flag("provider", "oidc"),
			flag("provider-display-name", x.Provider),
			flag("oidc-issuer-url", x.Issuer),
			flag("client-id", x.Client.ID),
			flag("redirect-url", x.redirectURI()),
			flag("scope", x.Client.Scope),
			flag("code-challenge-method", "S256"),
			flag("oidc-groups-claim", "groups"),
			when(x.AdminGroup != "", flag("allowed-group", x.AdminGroup)),
			flag("email-domain", "*"),
			flag("backend-logout-url", logout),
			when(refresh != "", flag("cookie-refresh", refresh)),
		)
	return []Block{
		{
			Place: "/etc/oauth2-proxy.cfg", Format: "toml", Text: file,
			Note: "Add upstreams, http_address and a cookie secret: 32 random bytes, made as it says there. The name of the account reaches the application as X-Forwarded-Preferred-Username.",
		},
		{
			Place: "a shell, instead of the file", Format: "sh", Text: flags,
			Note: "Add --upstream and --http-address. A new cookie secret signs everybody out.",
		},
	}, nil
}

// refreshEvery is a little less than the life of an access token.
func (x *Context) refreshEvery() idp.Duration {
	life := x.Client.Lifetimes.Or(idp.DefaultLifetimes).AccessToken
	return max(life-idp.Duration(time.Minute), life/2)
}
