package presets_test

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/presets"
)

func TestEverySnippetSaysWhereEachPartGoes(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		_, c := register(t, p.Name)
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c})
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if s.Preset != p.Name || s.Title != p.Title || len(s.Blocks) == 0 {
			t.Errorf("%s: %+v", p.Name, s)
		}
		for _, b := range s.Blocks {
			if b.Place == "" || b.Format == "" || !strings.HasSuffix(b.Text, "\n") || strings.Count(b.Note, ". ") > 2 {
				t.Errorf("%s: %+v", p.Name, b)
			}
			values(t, b) // reads
			if !strings.Contains(s.String(), b.Text) || !strings.Contains(s.String(), b.Place) {
				t.Errorf("%s: a terminal does not show %s", p.Name, b.Place)
			}
		}
		if c.UsesSecret() != strings.Contains(s.String(), "<client_secret of app>") {
			t.Errorf("%s: the place of the secret:\n%s", p.Name, s)
		}
	}
}

// The secret is in the snippet of its first day alone.
func TestSecretIsWhereItGoesAndNowhereElse(t *testing.T) {
	t.Parallel()
	const secret = "ncs_0123456789abcdefghijklmnopqrstuv"
	for _, p := range presets.List() {
		_, c := register(t, p.Name)
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		if c.UsesSecret() != strings.Contains(s.String(), secret) {
			t.Errorf("%s: secret %v:\n%s", p.Name, c.UsesSecret(), s)
		}
		for _, b := range s.Blocks {
			if strings.Contains(b.Note+b.Place, secret) {
				t.Errorf("%s: the secret is in a note", p.Name)
			}
		}
		if strings.Contains(s.String(), "client_secret of") {
			t.Errorf("%s: a placeholder beside the secret", p.Name)
		}
	}
}

func TestSnippetsFollowTheRegistration(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct {
		change func(*idp.Client)
		want   []string
		not    string
	}{
		"grafana":      {func(c *idp.Client) { c.Scope, c.PostLogoutRedirectURIs = "openid", nil }, []string{"scopes = openid\n"}, "use_refresh_token"},
		"keycloak":     {func(c *idp.Client) { c.RedirectURIs[0] = c.ClientURI + "/broker/wallet/endpoint" }, []string{`"alias": "wallet"`, "instances/wallet/mappers"}, `"near"`},
		"oauth2-proxy": {func(c *idp.Client) { c.Lifetimes.AccessToken = 90e9 }, []string{`cookie_refresh = "45s"`, "--cookie-refresh=45s"}, "allowed_group"},
		"gitea":        {func(c *idp.Client) { c.RedirectURIs[0] = c.ClientURI + "/user/oauth2/wallet/callback" }, []string{"--name=wallet"}, "--name=near"},
		"nextcloud": {func(c *idp.Client) {
			c.BackchannelLogoutURI = c.ClientURI + "/apps/user_oidc/backchannel-logout/wallet"
		}, []string{"user_oidc:provider wallet"}, "provider near"},
		"discourse": {func(c *idp.Client) { c.PostLogoutRedirectURIs = nil }, []string{"openid_connect_rp_initiated_logout: true"}, "logout_redirect:"},
		"argocd":    {func(c *idp.Client) { c.PostLogoutRedirectURIs = nil }, []string{"enablePKCEAuthentication: true"}, "logoutURL"},
		"mcp":       {func(c *idp.Client) { c.Scope = "openid mcp:tools" }, []string{`scopes: ["mcp:tools"]`, `"scope": "openid mcp:tools"`, "oauth-protected-resource/mcp"}, "--scope"},
		"spa":       {func(c *idp.Client) { c.Scope = "openid" }, []string{`"automaticSilentRenew": false`}, "offline"},
		"m2m":       {func(c *idp.Client) { c.Scope = "reports.read" }, []string{"--data-urlencode scope=reports.read"}, "introspect"},
	} {
		p, c := register(t, name)
		at.change(&c)
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range at.want {
			if !strings.Contains(s.String(), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, s)
			}
		}
		if strings.Contains(s.String(), at.not) {
			t.Errorf("%s has %q:\n%s", name, at.not, s)
		}
	}
}

// Software that makes an account for whoever signs in must not do so unnoticed.
func TestClientsThatAreOpenToAllAreToldSo(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		_, c := register(t, p.Name)
		for _, policy := range []string{"", "staff"} {
			c.AccessPolicy = policy
			s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c})
			if err != nil {
				t.Fatal(err)
			}
			if told := strings.Contains(s.String(), "Whoever has a NEAR account can sign in"); told != (policy == "" && p.Name != "m2m") {
				t.Errorf("%s with the access policy %q: told %v", p.Name, policy, told)
			}
		}
	}
}

// A client that was registered by hand gets its snippet too, as far as it fits.
func TestClientsThatDoNotFitAreErrors(t *testing.T) {
	t.Parallel()
	_, site := register(t, "grafana")
	_, app := register(t, "spa")
	byHand := site
	byHand.ClientURI = ""
	for _, at := range []struct {
		preset string
		client idp.Client
		want   string // "": it fits
	}{
		{"grafana", byHand, ""},
		{"grafana", app, "it is public, but this needs a client secret"},
		{"spa", site, "it has a secret, which this cannot keep"},
		{"gitea", byHand, "it has no client_uri"},
		{"gitea", idp.Client{ID: "x", ClientURI: "https://x.example.com"}, "it has no redirect_uris"},
		{"keycloak", site, "names no realm"},
		{"grafana", idp.Client{ID: "x", ClientURI: "http://x.example.com", RedirectURIs: []string{"https://x.example.com/"}}, "client_uri is"},
		{"grafana", idp.Client{ID: "x", TokenEndpointAuthMethod: idp.AuthPrivateKey}, "it signs instead"},
		{"kubernetes", func() idp.Client { c := app; c.IDTokenSignedResponseAlg = idp.EdDSA; return c }(), "which Kubernetes does not verify"},
	} {
		p, err := presets.Find(at.preset)
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: at.client})
		if at.want == "" {
			if err != nil || !strings.Contains(s.String(), "root_url in [server] to https://grafana.example.com/") {
				t.Errorf("%s: %v\n%s", at.preset, err, s)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), at.want) {
			t.Errorf("%s, %+v: %v, want %q", at.preset, at.client, err, at.want)
		}
	}
}
