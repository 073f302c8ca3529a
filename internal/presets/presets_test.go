package presets_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/presets"
)

// registry validates as a provider does whose configuration has a resource.
var registry = clients.Defaults{Scopes: []string{"email", "groups", "mcp:tools", "reports.read"}}

// register returns what the registry makes of a preset for an application at its example.
func register(t *testing.T, name string) (*presets.Preset, idp.Client) {
	t.Helper()
	p, err := presets.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	c := idp.Client{ID: "app"}
	if err := p.Apply(p.Example, &c); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	full, err := registry.Validate(c)
	if err != nil {
		t.Fatalf("%s registers what the registry refuses: %v", name, err)
	}
	return p, full
}

// A registration is what the software of a preset depends on.
type registration struct {
	redirects, logouts []string
	backchannel        string
	grants             string
	scope, policy      string
	public, noPKCE     bool
}

var registrations = map[string]registration{
	"grafana": {
		redirects: []string{"https://grafana.example.com/login/generic_oauth"}, logouts: []string{"https://grafana.example.com/login"},
		grants: "authorization_code refresh_token", scope: "openid profile email groups offline_access", policy: claims.PolicyEmail,
	},
	"keycloak": {
		redirects:   []string{"https://keycloak.example.com/realms/apps/broker/near/endpoint"},
		logouts:     []string{"https://keycloak.example.com/realms/apps/broker/near/endpoint/logout_response"},
		backchannel: "https://keycloak.example.com/realms/apps/protocol/openid-connect/logout/backchannel-logout",
		grants:      "authorization_code", scope: "openid profile email groups", policy: claims.PolicyKeycloak,
	},
	"oauth2-proxy": {
		redirects: []string{"https://app.example.com/oauth2/callback"}, logouts: []string{"https://app.example.com/"},
		grants: "authorization_code refresh_token", scope: "openid profile email groups offline_access", policy: claims.PolicyEmailPlain,
	},
	"gitea": {
		redirects: []string{"https://git.example.com/user/oauth2/near/callback"}, logouts: []string{"https://git.example.com/"},
		grants: "authorization_code", scope: "openid profile email groups", policy: claims.PolicyEmail, noPKCE: true,
	},
	"nextcloud": {
		redirects:   []string{"https://cloud.example.com/apps/user_oidc/code", "https://cloud.example.com/index.php/apps/user_oidc/code"},
		logouts:     []string{"https://cloud.example.com/"},
		backchannel: "https://cloud.example.com/index.php/apps/user_oidc/backchannel-logout/near",
		grants:      "authorization_code", scope: "openid profile email groups", policy: claims.PolicyEmail,
	},
	"gitlab": {
		redirects: []string{"https://gitlab.example.com/users/auth/openid_connect/callback"}, logouts: []string{"https://gitlab.example.com/"},
		grants: "authorization_code", scope: "openid profile email groups", policy: claims.PolicyEmail,
	},
	"synapse": {
		redirects:   []string{"https://matrix.example.com/_synapse/client/oidc/callback"},
		backchannel: "https://matrix.example.com/_synapse/client/oidc/backchannel_logout",
		grants:      "authorization_code", scope: "openid profile groups",
	},
	"discourse": {
		redirects: []string{"https://forum.example.com/auth/oidc/callback"}, logouts: []string{"https://forum.example.com/"},
		grants: "authorization_code", scope: "openid profile groups",
	},
	"argocd": {
		redirects: []string{"https://argocd.example.com/auth/callback"}, logouts: []string{"https://argocd.example.com", "https://argocd.example.com/"},
		grants: "authorization_code refresh_token", scope: "openid profile email groups offline_access", policy: claims.PolicyEmail,
	},
	"kubernetes": {
		redirects: []string{"http://localhost:8000", "http://localhost:18000"}, public: true,
		grants: "authorization_code refresh_token " + idp.GrantDeviceCode, scope: "openid profile groups offline_access",
	},
	"mcp": {
		redirects: []string{"http://127.0.0.1/callback", "http://localhost/callback", "http://127.0.0.1/", "http://localhost/oauth/callback"},
		public:    true, grants: "authorization_code refresh_token", scope: "openid profile offline_access",
	},
	"spa": {
		redirects: []string{"https://app.example.com/callback"}, logouts: []string{"https://app.example.com/"},
		public: true, grants: "authorization_code refresh_token", scope: "openid profile offline_access",
	},
	"native": {
		redirects: []string{"com.example.app:/oauth2redirect", "http://127.0.0.1/oauth2redirect"}, logouts: []string{"com.example.app:/signedout"},
		public: true, grants: "authorization_code refresh_token", scope: "openid profile offline_access",
	},
	"m2m": {grants: "client_credentials"},
}

// R01: each preset registers the exact addresses that its software uses, and no more rights than it needs.
func TestPresetsRegisterExactlyWhatTheirSoftwareUses(t *testing.T) {
	t.Parallel()
	if len(presets.List()) != len(registrations) {
		t.Errorf("%d presets, %d of them tested", len(presets.List()), len(registrations))
	}
	for name, want := range registrations {
		p, c := register(t, name)
		got := registration{
			c.RedirectURIs, c.PostLogoutRedirectURIs, c.BackchannelLogoutURI, strings.Join(c.GrantTypes, " "), c.Scope, c.ClaimPolicy,
			c.Public(), !c.MustUsePKCE(),
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		if c.Preset != name || c.Name != p.Title || c.ClientURI != p.Example {
			t.Errorf("%s: preset %q, name %q, client_uri %q", name, c.Preset, c.Name, c.ClientURI)
		}
		if c.FirstParty || c.AccessPolicy != "" {
			t.Errorf("%s decides who may sign in without being asked", name)
		}
		if c.UsesSecret() && c.TokenEndpointAuthMethod != "" {
			t.Errorf("%s accepts %s alone, though its software may send the other", name, c.TokenEndpointAuthMethod)
		}
		if c.Lifetimes.IDToken < c.Lifetimes.AccessToken {
			t.Errorf("%s: the ID token ends before the access token", name)
		}
	}
}

// An operator who signs with ES256 by default still gets relying parties that work.
func TestPresetsPinTheAlgorithmThatEveryRelyingPartyVerifies(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		c := idp.Client{ID: "app"}
		if err := p.Apply(p.Example, &c); err != nil {
			t.Fatal(err)
		}
		full, err := clients.Defaults{Alg: idp.ES256, Scopes: registry.Scopes}.Validate(c)
		if err != nil || full.IDTokenSignedResponseAlg != idp.RS256 && p.Name != "m2m" {
			t.Errorf("%s: %s, %v", p.Name, full.IDTokenSignedResponseAlg, err)
		}
	}
}

func TestWhatWasSaidExplicitlyStays(t *testing.T) {
	t.Parallel()
	required := true
	said := idp.Client{
		ID: "git", Name: "Our Git", ClientURI: "https://code.example.com", RedirectURIs: []string{"https://git.example.com/user/oauth2/wallet/callback"},
		PostLogoutRedirectURIs: []string{"https://git.example.com/bye"}, BackchannelLogoutURI: "https://git.example.com/bcl",
		TokenEndpointAuthMethod: idp.AuthSecretBasic, GrantTypes: []string{idp.GrantAuthorizationCode}, Scope: "openid",
		IDTokenSignedResponseAlg: idp.ES256, RequirePKCE: &required, ClaimPolicy: "mine", AccessPolicy: "staff",
	}
	p, err := presets.Find("gitea")
	if err != nil {
		t.Fatal(err)
	}
	got := said
	if err := p.Apply("https://git.example.com", &got); err != nil {
		t.Fatal(err)
	}
	said.Preset = "gitea"
	if !reflect.DeepEqual(got, said) {
		t.Errorf("got %+v\nwant %+v", got, said)
	}
	// The lists of a preset are not shared between clients.
	var one, two idp.Client
	if p.Apply(p.Example, &one) != nil || p.Apply(p.Example, &two) != nil {
		t.Fatal("cannot be applied")
	}
	one.RedirectURIs[0] = "https://evil.example.com/"
	if two.RedirectURIs[0] == one.RedirectURIs[0] {
		t.Error("two clients share their redirect URIs")
	}
}

func TestURLsWithPathsAndTrailingSlashes(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ preset, url, redirect string }{
		{"grafana", "https://example.com/grafana/", "https://example.com/grafana/login/generic_oauth"},
		{"grafana", "http://localhost:3000", "http://localhost:3000/login/generic_oauth"},
		{"keycloak", "https://example.com/auth/realms/apps/", "https://example.com/auth/realms/apps/broker/near/endpoint"},
		{"nextcloud", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/apps/user_oidc/code"},
		{"native", "https://App.Example.co.uk/x", "uk.co.example.app:/oauth2redirect"},
	} {
		p, err := presets.Find(at.preset)
		if err != nil {
			t.Fatal(err)
		}
		var c idp.Client
		if err := p.Apply(at.url, &c); err != nil || c.RedirectURIs[0] != at.redirect {
			t.Errorf("%s at %s: %v, %v", at.preset, at.url, c.RedirectURIs, err)
		}
		// A client of the configuration file says it in client_uri.
		c = idp.Client{ClientURI: at.url}
		if err := p.Apply("", &c); err != nil || c.RedirectURIs[0] != at.redirect {
			t.Errorf("%s with client_uri %s: %v, %v", at.preset, at.url, c.RedirectURIs, err)
		}
	}
}

// R05: a URL that could send people elsewhere, or means something in a snippet, registers nothing.
func TestWrongURLsRegisterNothing(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"grafana.example.com":                   "not an absolute URL",
		"/grafana":                              "not an absolute URL",
		"https:grafana.example.com":             "not an absolute URL",
		"https:///grafana":                      "not an absolute URL",
		"http://grafana.example.com":            "is http: use https",
		"http://localhost.example.com":          "is http: use https",
		"ftp://grafana.example.com":             "has the scheme ftp",
		"javascript://grafana.example.com/%0aa": "has the scheme javascript",
		"https://user@grafana.example.com":      "user name",
		"https://grafana.example.com?x=1":       "query or a fragment",
		"https://grafana.example.com?":          "query or a fragment",
		"https://grafana.example.com#x":         "query or a fragment",
		"https://grafana.example.com/a b":       "characters",
		"https://grafana.example.com/\n[auth]":  "characters",
		"https://grafana.example.com/$(id)":     "characters",
		"https://grafana.example.com/`id`":      "characters",
		"https://grafana.example.com/${HOME}":   "characters",
		"https://grafana.example.com/'x":        "characters",
		"https://gräfana.example.com":           "characters",
		"https://grafana.example.com/%(name)s":  "characters",
		"https://grafana.example.com/%zz":       "not an absolute URL",
	} {
		for _, p := range presets.List() {
			c := idp.Client{ID: "app", Scope: "openid"}
			err := p.Apply(url, &c)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "the URL of the application") {
				t.Errorf("%s at %q: %v", p.Name, url, err)
			}
			if !reflect.DeepEqual(c, idp.Client{ID: "app", Scope: "openid"}) {
				t.Errorf("%s at %q: half applied: %+v", p.Name, url, c)
			}
		}
	}
	for preset, at := range map[string][2]string{
		"grafana":  {"", "needs the URL of the application: write for example https://grafana.example.com"},
		"keycloak": {"https://keycloak.example.com", `"https://keycloak.example.com", which names no realm`},
		"native":   {"https://localhost", "gives no scheme"},
		"spa":      {"https://" + strings.Repeat("a", 3000) + " ", "characters"},
	} {
		p, err := presets.Find(preset)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Apply(at[0], new(idp.Client))
		if err == nil || !strings.Contains(err.Error(), at[1]) || len(err.Error()) > 400 {
			t.Errorf("%s at %q: %v", preset, at[0], err)
		}
	}
}

func TestUnknownPresetSuggestsTheNearest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"grafna": "did you mean grafana?", "Keycloak": "did you mean keycloak?", "oauth2proxy": "did you mean oauth2-proxy?",
		"zzzz": "use one of grafana, keycloak,", "": "use one of", strings.Repeat("x", 1000): "use one of",
	} {
		p, err := presets.Find(name)
		if p != nil || err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range presets.Names() {
		if p, err := presets.Find(name); err != nil || p.Name != name || p.Title == "" || p.Summary == "" || p.Example == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	names := presets.Names()
	if slices.Sort(names); len(slices.Compact(names)) != len(presets.List()) {
		t.Error("two presets have one name")
	}
}
