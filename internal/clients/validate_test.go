package clients_test

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/near"
)

func valid(id string) idp.Client {
	return idp.Client{ID: id, RedirectURIs: []string{"https://app.example.com/cb"}}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	in := valid("grafana")
	in.RedirectURIs = append(in.RedirectURIs, in.RedirectURIs[0])
	in.Name = " Grafana "
	c, err := clients.Validate(in)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case c.Name != "Grafana", len(c.RedirectURIs) != 1,
		strings.Join(c.GrantTypes, " ") != "authorization_code refresh_token", strings.Join(c.ResponseTypes, " ") != "code",
		c.Scope != "openid profile email groups offline_access", c.IDTokenSignedResponseAlg != "RS256", c.Lifetimes != idp.DefaultLifetimes,
		c.RequirePKCE == nil || !*c.RequirePKCE, c.Public(), !c.MustUsePKCE():
		t.Errorf("not complete: %+v", c)
	}
	if len(in.RedirectURIs) != 2 || in.RequirePKCE != nil {
		t.Error("the argument was changed")
	}
	again, err := clients.Validate(c)
	if err != nil || again.Scope != c.Scope || again.Lifetimes != c.Lifetimes {
		t.Errorf("the normal form is not stable: %+v, %v", again, err)
	}
	in.GrantTypes = []string{"authorization_code"}
	if c, err = clients.Validate(in); err != nil || c.Scope != "openid profile email groups" {
		t.Errorf("without refresh tokens: scope %q, %v", c.Scope, err)
	}
}

func TestOperatorsDefaultsHoldUnlessTheClientSaysOtherwise(t *testing.T) {
	t.Parallel()
	d := clients.Defaults{Alg: idp.ES256, Lifetimes: idp.Lifetimes{AccessToken: idp.Duration(2 * time.Hour)}}
	c, err := d.Validate(valid("a"))
	if err != nil || c.IDTokenSignedResponseAlg != idp.ES256 || c.Lifetimes.AccessToken.Std() != 2*time.Hour || c.Lifetimes.IDToken.Std() != 2*time.Hour {
		t.Errorf("%+v, %v", c.Lifetimes, err)
	}
	in := valid("a")
	in.IDTokenSignedResponseAlg = idp.EdDSA
	in.Lifetimes = idp.Lifetimes{AccessToken: idp.Duration(time.Minute), RefreshAbsolute: idp.Duration(time.Hour)}
	c, err = d.Validate(in)
	if err != nil || c.IDTokenSignedResponseAlg != idp.EdDSA || c.Lifetimes.AccessToken.Std() != time.Minute || c.Lifetimes.RefreshIdle.Std() != time.Hour {
		t.Errorf("%+v, %v", c.Lifetimes, err)
	}
}

// Everything wrong is reported at once, each with its field, value and remedy.
func TestValidationErrorsNameFieldValueAndRemedy(t *testing.T) {
	t.Parallel()
	no := false
	for want, change := range map[string]func(*idp.Client){
		`client_id "" is empty`:                                          func(c *idp.Client) { c.ID = "" },
		`client_name "a\u202eb" has the invisible`:                       func(c *idp.Client) { c.Name = "a\u202eb" },
		`client_name "a\nb" has the invisible`:                           func(c *idp.Client) { c.Name = "a\nb" },
		`at most 100 are allowed, shorten it`:                            func(c *idp.Client) { c.Name = strings.Repeat("é", 101) },
		`client_name "\xff" is not UTF-8`:                                func(c *idp.Client) { c.Name = "\xff" },
		`token_endpoint_auth_method "tls"`:                               func(c *idp.Client) { c.TokenEndpointAuthMethod = "tls" },
		`client_secret_basic, client_secret_post, private_key_jwt, none`: func(c *idp.Client) { c.TokenEndpointAuthMethod = "None" },
		`grant_types "password" is not known: use one of authorization_`: func(c *idp.Client) { c.GrantTypes = []string{"authorization_code", "password"} },
		`a public client has no credentials`: func(c *idp.Client) {
			c.TokenEndpointAuthMethod, c.GrantTypes = idp.AuthNone, []string{"authorization_code", "client_credentials"}
		},
		`refresh_token but no grant that signs a user in`:                 func(c *idp.Client) { c.GrantTypes = []string{"client_credentials", "refresh_token"} },
		`grant_types lacks authorization_code`:                            func(c *idp.Client) { c.GrantTypes = []string{"refresh_token"} },
		`grant_types lacks refresh_token`:                                 func(c *idp.Client) { c.GrantTypes, c.Scope = []string{"authorization_code"}, "openid offline_access" },
		`response_types "token" is not known: use one of code`:            func(c *idp.Client) { c.ResponseTypes = []string{"token"} },
		`scope "address" is not known: use one of openid, profile, email`: func(c *idp.Client) { c.Scope = "openid address" },
		`alg "HS256" is not known: use one of RS256, ES256, EdDSA`:        func(c *idp.Client) { c.IDTokenSignedResponseAlg = "HS256" },
		`alg "none"`:             func(c *idp.Client) { c.IDTokenSignedResponseAlg = "none" },
		`redirect_uris is empty`: func(c *idp.Client) { c.RedirectURIs = nil },
		`redirect_uris "http://x.com" is http: use htt`: func(c *idp.Client) { c.RedirectURIs = []string{"http://x.com"} },
		`redirect_uris has 51 entries`: func(c *idp.Client) {
			for i := range 50 {
				c.RedirectURIs = append(c.RedirectURIs, "https://app.example.com/"+strings.Repeat("a", i))
			}
		},
		`post_logout_redirect_uris "http://x.com" is http`: func(c *idp.Client) { c.PostLogoutRedirectURIs = []string{"http://x.com"} },
		`post_logout_redirect_uris "com.example:/x" has the private-use`: func(c *idp.Client) {
			c.PostLogoutRedirectURIs = []string{"com.example:/x"}
		},
		`client_uri "javascript:alert(1)" has the scheme`:        func(c *idp.Client) { c.ClientURI = "javascript:alert(1)" },
		`client_uri "/wiki" is relative`:                         func(c *idp.Client) { c.ClientURI = "/wiki" },
		`preset "<b>" is no name of a preset`:                    func(c *idp.Client) { c.Preset = "<b>" },
		`backchannel_logout_uri "http://10.0.0.1/x" is http`:     func(c *idp.Client) { c.BackchannelLogoutURI = "http://10.0.0.1/x" },
		`backchannel_logout_uri "file:///etc/passwd" has`:        func(c *idp.Client) { c.BackchannelLogoutURI = "file:///etc/passwd" },
		`backchannel_logout_uri "https://x.com/#a" has a frag`:   func(c *idp.Client) { c.BackchannelLogoutURI = "https://x.com/#a" },
		`backchannel_logout_uri "https://u:p@x.com/" has a user`: func(c *idp.Client) { c.BackchannelLogoutURI = "https://u:p@x.com/" },
		`backchannel_logout_session_required is true but`:        func(c *idp.Client) { c.BackchannelLogoutSessionRequired = true },
		`backchannel_logout_uri "com.example:/x" has the privat`: func(c *idp.Client) {
			c.TokenEndpointAuthMethod, c.BackchannelLogoutURI = "none", "com.example:/x"
		},
		`require_pkce is false, but a public client`:    func(c *idp.Client) { c.TokenEndpointAuthMethod, c.RequirePKCE = "none", &no },
		`lifetimes.code is 11m: it must be`:             func(c *idp.Client) { c.Lifetimes.Code = idp.Duration(11 * time.Minute) },
		`lifetimes.access_token is 25h: it must be`:     func(c *idp.Client) { c.Lifetimes.AccessToken = idp.Duration(25 * time.Hour) },
		`lifetimes.id_token is 1m, shorter than access`: func(c *idp.Client) { c.Lifetimes.IDToken = idp.Duration(time.Minute) },
		`lifetimes.refresh_idle is 100d, longer than re`: func(c *idp.Client) {
			c.Lifetimes.RefreshIdle = idp.Duration(100 * 24 * time.Hour)
		},
		`lifetimes.refresh_grace is 2m`: func(c *idp.Client) { c.Lifetimes.RefreshGrace = idp.Duration(2 * time.Minute) },
	} {
		c := valid("grafana")
		change(&c)
		if _, err := clients.Validate(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s\n got %v", want, err)
		}
	}
	bad := idp.Client{ID: "a b", Scope: "x", RedirectURIs: []string{"javascript:alert(1)"}}
	_, err := clients.Validate(bad)
	for _, field := range []string{"client_id", "scope", "redirect_uris"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s missing from %v", field, err)
		}
	}
}

func TestNamesInAnyScriptAreAllowed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Grafana", "Šifra 🔑", "日本語アプリ", strings.Repeat("é", 100)} {
		c := valid("a")
		c.Name = name
		if _, err := clients.Validate(c); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// T09: A client whose id is an account's could be taken for that person (RFC 9068 section 5).
func TestClientIDNeverHasTheFormOfASubject(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"alice.near", "alice.testnet", "Alice.near", "ALICE.NEAR", "a.b", "sub.alice.near", "alice.tg", "alice.near#2", "grafana#2", "users.kaiching",
		strings.Repeat("0123456789abcdef", 4), strings.Repeat("0123456789ABCDEF", 4),
		"0x" + strings.Repeat("ab", 20), "0s" + strings.Repeat("ab", 20), "0X" + strings.Repeat("AB", 20),
		"", ".", "..", "a b", "a/b", "a:b", "a@b", "a\n", "é", "a%2eb", strings.Repeat("a", 65), "google.com", "my_app.prod",
	} {
		if _, err := clients.Validate(valid(id)); err == nil {
			t.Errorf("%q: accepted", id)
		}
	}
	for _, id := range []string{"grafana", "g", "near-idp", "my_app", "Grafana.Prod", "a~b", "A", "argo-cd-prod", "0xabc", "v1.2-", "MFRGGZDFMZTWQ2LKNNWG23TPOA"} {
		if _, err := clients.Validate(valid(id)); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := near.ParseAccountID(id); err == nil && strings.Contains(id, ".") {
			t.Errorf("%q is an account that anybody could create", id)
		}
	}
}

func TestKnownScopesAreThoseThatGiveClaims(t *testing.T) {
	t.Parallel()
	c := valid("a")
	c.Scope = strings.Join(claims.Scopes(), " ")
	if got, err := clients.Validate(c); err != nil || got.Scope != c.Scope {
		t.Error(got.Scope, err)
	}
	if c, _ := clients.Validate(valid("a")); c.Scope != strings.Join(claims.Scopes(), " ") {
		t.Errorf("default scope %q", c.Scope)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("grafana", "Grafana", "https://app.example.com/cb", "openid", "none")
	f.Add("a.b", "\u202e", "com.example.app:/cb", "email", "")
	f.Fuzz(func(t *testing.T, id, name, uri, scope, auth string) {
		c, err := clients.Validate(idp.Client{ID: id, Name: name, RedirectURIs: []string{uri}, Scope: scope, TokenEndpointAuthMethod: auth})
		if err != nil {
			return
		}
		if again, err := clients.Validate(c); err != nil || again.Name != c.Name || again.Scope != c.Scope {
			t.Errorf("the normal form of %+v is not valid: %v", c, err)
		}
		if !clients.MatchRedirect(c.RedirectURIs, uri) || strings.ContainsAny(uri, "# *\\\r\n") {
			t.Errorf("%q registered", uri)
		}
		if origin := clients.Origin(uri); origin != "" && !clients.OriginAllowed(&c, origin) {
			t.Errorf("%q does not allow its own origin", uri)
		}
	})
}

// T09: who asks for itself needs no redirect URI and is given no scope about a person unasked.
func TestClientWithoutPeople(t *testing.T) {
	t.Parallel()
	d := clients.Defaults{Scopes: []string{"files.read"}}
	c, err := d.Validate(idp.Client{ID: "robot", GrantTypes: []string{idp.GrantClientCredentials}})
	if err != nil || c.Scope != "" || len(c.ResponseTypes) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = d.Validate(idp.Client{ID: "robot", GrantTypes: []string{idp.GrantClientCredentials}, Scope: "files.read"}); err != nil || c.Scope != "files.read" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err = clients.Validate(c); err == nil {
		t.Error("a scope of no resource is accepted")
	}
}
