package presets

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

var mcp = Preset{
	Name: "mcp", Title: "MCP server", Summary: "a Model Context Protocol server and its clients; tokens for that server alone",
	NeedsURL: true, Example: "https://mcp.example.com/mcp",
	// Its clients listen on loopback, on a port of their choice.
	client: func(string) (idp.Client, error) {
		return app([]string{
			"http://127.0.0.1/callback", "http://localhost/callback", "http://127.0.0.1/", "http://localhost/oauth/callback",
		}, ""), nil
	},
	snippet: mcpSnippet,
}

func mcpSnippet(x Context) ([]Block, error) {
	u, err := url.Parse(x.base)
	if err != nil {
		return nil, fmt.Errorf("client_uri %q: %w", x.base, err)
	}
	// The scopes of the server itself, and so of the resource.
	own := slices.DeleteFunc(x.Client.Scopes(), func(scope string) bool {
		return slices.Contains([]string{scopeOpenID, "profile", "email", "groups", scopeOffline}, scope)
	})
	note := "It makes tokens for this server possible."
	if len(own) == 0 {
		own = []string{"mcp:tools"}
		note += " The client may not have its scopes yet: restart the provider, then run idp client update " + x.Client.ID + " --scope " + shell(x.Client.Scope+" mcp:tools") + "."
	}
	metadata, err := object(struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
		Methods  []string `json:"bearer_methods_supported"`
	}{x.base, []string{x.Issuer}, own, []string{"header"}})
	if err != nil {
		return nil, err
	}
	settings, err := object(struct {
		Metadata  string   `json:"authorization_server_metadata"`
		ClientID  string   `json:"client_id"`
		Redirects []string `json:"redirect_uris"`
		Scope     string   `json:"scope"`
		Method    string   `json:"code_challenge_method"`
		Resource  string   `json:"resource"`
	}{metadataURL(x.Issuer), x.Client.ID, x.Client.RedirectURIs, strings.Join(append(x.Client.Scopes(), without(own, x.Client.Scopes())...), " "), "S256", x.base})
	if err != nil {
		return nil, err
	}
	return []Block{
		{
			Place: "config.yaml of the provider", Format: "yaml", Note: note,
			Text: lines("resources:", "  - uri: "+yaml(x.base), "    scopes: "+yamlList(own)),
		},
		{
			Place: "what the server serves at " + u.Scheme + "://" + u.Host + "/.well-known/oauth-protected-resource" + u.EscapedPath(), Format: "json", Text: metadata,
			Note: "Answer requests without a token with 401 and WWW-Authenticate: Bearer resource_metadata=\"that address\". Accept access tokens of this issuer whose aud is the resource.",
		},
		{
			Place: "what its clients are told", Format: "json", Text: settings,
			Note: "There is no secret, and no registration by the clients themselves: type the client id into each. One that is hosted has a redirect URI of its own, to be added with idp client update.",
		},
	}, nil
}

// metadataURL is where the metadata of an issuer is (RFC 8414 section 3.1).
func metadataURL(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer + "/.well-known/oauth-authorization-server"
	}
	return u.Scheme + "://" + u.Host + "/.well-known/oauth-authorization-server" + u.EscapedPath()
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(item string) bool { return slices.Contains(others, item) })
}

var spa = Preset{
	Name: "spa", Title: "Single-page application", Summary: "runs in the browser, without a server of its own",
	NeedsURL: true, Example: "https://app.example.com",
	callback: "/callback",
	client: func(base string) (idp.Client, error) {
		return app([]string{base + "/callback"}, base+"/"), nil
	},
	snippet: spaSnippet,
}

func spaSnippet(x Context) ([]Block, error) {
	logout := x.afterLogout()
	text, err := object(struct {
		Authority string `json:"authority"`
		ClientID  string `json:"client_id"`
		Redirect  string `json:"redirect_uri"`
		Logout    string `json:"post_logout_redirect_uri,omitempty"`
		Type      string `json:"response_type"`
		Scope     string `json:"scope"`
		Renew     bool   `json:"automaticSilentRenew"`
	}{x.Issuer, x.Client.ID, x.redirectURI(), logout, "code", x.Client.Scope, x.hasScope(scopeOffline)})
	if err != nil {
		return nil, err
	}
	return []Block{{
		Place: "new UserManager(…) of oidc-client-ts", Format: "json", Text: text,
		Note: "Call signinRedirect() to sign in, and signinCallback() on the page of the redirect URI. The provider lets pages of that origin read its answers.",
	}, {
		Place: "or, without a library, the button of the provider: on the page that signs in, and on that of the redirect URI", Format: "html",
		Text: lines(
			`<script type="module" src=`+attribute(x.Issuer+"/button/v1.js")+`></script>`,
			`<near-signin-button client-id=`+attribute(x.Client.ID)+` redirect-uri=`+attribute(x.redirectURI())+` scope=`+attribute(x.Client.Scope)+`></near-signin-button>`,
			`<script type="module">`,
			`  addEventListener("near-signin-success", (e) => console.log(e.detail.claims.sub, e.detail.access_token));`,
			`</script>`,
		),
		Note: "With mode=\"popup\" the page stays where it is. " + x.Issuer + "/button/v1.json names an address whose bytes never change, with its integrity; docs/button.md has the rest.",
	}}, nil
}

var native = Preset{
	Name: "native", Title: "Native application", Summary: "runs on phones or desktops; AppAuth and the like",
	NeedsURL: true, Example: "https://app.example.com",
	client: func(base string) (idp.Client, error) {
		scheme, err := privateScheme(base)
		if err != nil {
			return idp.Client{}, err
		}
		return app([]string{scheme + ":/oauth2redirect", "http://127.0.0.1/oauth2redirect"}, scheme+":/signedout"), nil
	},
	snippet: nativeSnippet,
}

// privateScheme is a domain name backwards, a scheme that nobody else has a claim
// to (RFC 8252 section 7.1).
func privateScheme(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("is %q: %w", shorten(base), err)
	}
	labels := strings.Split(strings.ToLower(u.Hostname()), ".")
	slices.Reverse(labels)
	if first := labels[0]; len(labels) < 2 || first == "" || first[0] < 'a' || first[0] > 'z' || strings.Contains(u.Hostname(), "_") {
		return "", fmt.Errorf("is %q, whose host gives no scheme for the redirect URI: write a domain name of yours, such as https://app.example.com for com.example.app", shorten(base))
	}
	return strings.Join(labels, "."), nil
}

func nativeSnippet(x Context) ([]Block, error) {
	logout := x.afterLogout()
	text, err := object(struct {
		ClientID  string `json:"client_id"`
		Redirect  string `json:"redirect_uri"`
		Logout    string `json:"end_session_redirect_uri,omitempty"`
		Scope     string `json:"authorization_scope"`
		Discovery string `json:"discovery_uri"`
		HTTPS     bool   `json:"https_required"`
	}{x.Client.ID, x.redirectURI(), logout, x.Client.Scope, x.discovery(), !strings.HasPrefix(x.Issuer, "http://")})
	if err != nil {
		return nil, err
	}
	blocks := []Block{{
		Place: "res/raw/auth_config.json, as AppAuth for Android's sample reads it", Format: "json", Text: text,
		Note: "AppAuth for iOS takes the same values. A desktop application listens on any port of 127.0.0.1 instead, with the other redirect URI. There is no secret: AppAuth does PKCE by itself.",
	}}
	if scheme, _, ok := strings.Cut(x.redirectURI(), ":"); ok && strings.Contains(scheme, ".") {
		blocks = append(blocks, Block{
			Place: "build.gradle, in defaultConfig", Format: "groovy",
			Text: "manifestPlaceholders = [appAuthRedirectScheme: " + ruby(scheme) + "]\n",
			Note: "On iOS the scheme goes into CFBundleURLSchemes of Info.plist.",
		})
	}
	return blocks, nil
}

var m2m = Preset{
	Name: "m2m", Title: "Program", Summary: "gets tokens for itself (client credentials); nobody signs in",
	Example: "https://report.example.com",
	client: func(string) (idp.Client, error) {
		return idp.Client{GrantTypes: []string{idp.GrantClientCredentials}}, nil
	},
	snippet: m2mSnippet,
}

func m2mSnippet(x Context) ([]Block, error) {
	scope := when(x.Client.Scope != "", "--data-urlencode "+shell("scope="+x.Client.Scope))
	// Through a pipe, since other users see the arguments of a process.
	text := "CLIENT_SECRET=" + shell(x.secret()) + "\n" +
		"printf %s \"$CLIENT_SECRET\" | " + command("curl --silent --show-error --fail-with-body "+shell(x.Issuer+"/token"),
		"--data grant_type=client_credentials",
		"--data-urlencode "+shell("client_id="+x.Client.ID),
		"--data-urlencode client_secret@-",
		scope,
	)
	note := "The answer's access_token is for the resources whose scopes it has."
	if scope == "" {
		note = "It may introspect tokens of the resources that it serves. To get tokens itself it needs a scope of one: idp client update " + x.Client.ID + " --scope SCOPE."
	}
	return []Block{{Place: "a shell, or what your program does instead", Format: "sh", Text: text, Note: note}}, nil
}
