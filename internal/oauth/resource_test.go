package oauth_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

const (
	files = "https://files.example.com/api"
	mail  = "https://mail.example.com/api"
)

var resources = []idp.Resource{
	{URI: files, Scopes: []string{"files.read", "files.write"}, AccessToken: idp.Duration(5 * time.Minute), ServedBy: []string{"files-api"}},
	{URI: mail, Scopes: []string{"mail.read"}},
}

// withResources adds resource parameters.
func withResources(form url.Values, uris ...string) url.Values {
	form["resource"] = uris
	return form
}

func (e *env) audience(token string) string {
	e.Helper()
	var list []string
	for _, uri := range e.payload(token)["aud"].([]any) {
		list = append(list, uri.(string))
	}
	return strings.Join(list, " ")
}

// J02: an access token is for the resources that were asked for, and for userinfo only if openid was granted.
func TestAudienceIsTheRequestedResources(t *testing.T) {
	e := setup(t)
	for _, tt := range []struct {
		scope     string
		resources []string
		aud       string
		granted   string
		life      int64
	}{
		{"openid", nil, issuer, "openid", 900},
		{"profile", nil, issuer, "profile", 900},
		{"openid files.read", []string{files}, issuer + " " + files, "openid files.read", 300},
		{"openid files.read mail.read", []string{mail}, issuer + " " + mail, "openid mail.read", 900},
		{"files.read mail.read", []string{mail, files, mail}, mail + " " + files, "files.read mail.read", 300},
		{"openid", []string{mail}, issuer + " " + mail, "openid", 900},
		{"openid files.write nonsense", nil, issuer + " " + files, "openid files.write", 300}, // implied by the scope
		{"mail.read", nil, mail, "mail.read", 900},
	} {
		form := request("client_id", "app", "scope", tt.scope)
		if tt.resources != nil {
			withResources(form, tt.resources...)
		}
		got := e.tokens(codeForm(e.signIn(form).Get("code"), "client_id", "app"))
		claims := e.payload(got.AccessToken)
		if aud := e.audience(got.AccessToken); aud != tt.aud || claims["scope"] != tt.granted || got.Scope != tt.granted {
			t.Errorf("%s %q: aud %s, scope %v", tt.scope, tt.resources, aud, claims["scope"])
		}
		if life := int64(claims["exp"].(float64) - claims["iat"].(float64)); life != tt.life || got.ExpiresIn != tt.life {
			t.Errorf("%s %q: lives %d s, expires_in %d", tt.scope, tt.resources, life, got.ExpiresIn)
		}
		_, err := e.UserInfo(t.Context(), got.AccessToken)
		if forUserInfo := strings.Contains(tt.scope, "openid"); (err == nil) != forUserInfo {
			t.Errorf("%s %q at userinfo: %v", tt.scope, tt.resources, err)
		}
	}
}

// RFC 8707 section 2: what does not exist, and what the client may not have, is one and the same.
func TestUnknownResourcesAreRefused(t *testing.T) {
	e := setup(t)
	for _, uri := range []string{"https://other.example.com", files + "/", strings.ToUpper(files), files + "#x", "x", issuer, "\xff", "a\x00"} {
		_, err := e.Authorize(t.Context(), withResources(request("client_id", "app"), mail, uri))
		refusal := e.refused(err, "invalid_target")
		if to, _ := url.Parse(refusal.RedirectTo); to.Query().Get("error") != "invalid_target" {
			t.Errorf("%q: %s", uri, refusal.RedirectTo)
		}
		_, err = e.post(withResources(codeForm("", "grant_type", "client_credentials", "client_id", "robot"), uri))
		e.refused(err, "invalid_target")
	}
	_, err := e.Authorize(t.Context(), withResources(request(), files)) // a client without its scopes
	e.refused(err, "invalid_target")
	if _, err := e.Authorize(t.Context(), withResources(request(), "")); err != nil { // A02: empty is absent
		t.Error(err)
	}
}

// A token request may pick some of the granted resources, and never others.
func TestTokensForSomeOfTheResources(t *testing.T) {
	e := setup(t)
	form := withResources(request("client_id", "app", "scope", "openid offline_access files.read mail.read"), files, mail)
	first := e.tokens(withResources(codeForm(e.signIn(form).Get("code"), "client_id", "app"), mail))
	if aud := e.audience(first.AccessToken); aud != mail || first.Scope != "mail.read" || first.ExpiresIn != 900 {
		t.Errorf("aud %s, scope %s, %d s", aud, first.Scope, first.ExpiresIn)
	}
	if first.IDToken == "" || first.RefreshToken == "" {
		t.Error("what else was granted is missing")
	}
	_, err := e.UserInfo(t.Context(), first.AccessToken)
	e.refused(err, "invalid_token")

	second := e.tokens(withResources(refreshForm(first.RefreshToken, "client_id", "app"), files))
	if aud := e.audience(second.AccessToken); aud != files || second.Scope != "files.read" || second.ExpiresIn != 300 {
		t.Errorf("aud %s, scope %s, %d s", aud, second.Scope, second.ExpiresIn)
	}
	for _, uri := range []string{"https://other.example.com", issuer} {
		_, err = e.post(withResources(refreshForm(second.RefreshToken, "client_id", "app"), uri))
		e.refused(err, "invalid_target") // and the refresh token is not spent
	}
	whole := e.tokens(refreshForm(second.RefreshToken, "client_id", "app"))
	if aud := e.audience(whole.AccessToken); aud != issuer+" "+files+" "+mail || whole.Scope != "openid offline_access files.read mail.read" {
		t.Errorf("aud %s, scope %s", aud, whole.Scope)
	}

	narrow := e.tokens(codeForm(e.signIn(withResources(request("client_id", "app", "scope", "openid mail.read offline_access"), mail)).Get("code"), "client_id", "app"))
	_, err = e.post(withResources(refreshForm(narrow.RefreshToken, "client_id", "app"), files))
	e.refused(err, "invalid_target")
}

// The person is asked about resources, too.
func TestConsentNamesTheResources(t *testing.T) {
	e := setup(t)
	req, err := e.Authorize(t.Context(), withResources(request("client_id", "app", "scope", "openid files.read"), files, mail))
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.Issue(t.Context(), &idp.Login{ID: idp.NewID(), ClientID: "app", Params: req.Params}, "alice.near", true)
	if err != nil || !slices.Equal(code.Consent.Resources, []string{files, mail}) || !slices.Contains(code.Consent.Scopes, "files.read") {
		t.Errorf("%+v, %v", code, err)
	}
}

func (e *env) robot(changes ...string) (*oauth.TokenResponse, error) {
	return e.post(change(url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret}}, changes))
}

// T09: a client's own token names the client, no person, and is for resources alone.
func TestClientCredentials(t *testing.T) {
	e := setup(t)
	for scope, want := range map[string][2]string{
		"":           {"files.read mail.read", files + " " + mail},
		"files.read": {"files.read", files},
		"openid offline_access profile files.read files.write": {"files.read", files},
	} {
		got, err := e.robot("scope", scope)
		if err != nil {
			t.Fatal(err)
		}
		claims := e.payload(got.AccessToken)
		if got.Scope != want[0] || claims["scope"] != want[0] || e.audience(got.AccessToken) != want[1] || got.ExpiresIn != 300 {
			t.Errorf("%q: %+v, aud %s", scope, got, e.audience(got.AccessToken))
		}
		if claims["sub"] != "robot" || claims["client_id"] != "robot" || claims["auth_time"] != nil || got.IDToken != "" || got.RefreshToken != "" {
			t.Errorf("%q: %v", scope, claims)
		}
		_, err = e.UserInfo(t.Context(), got.AccessToken)
		e.refused(err, "invalid_token")
	}
	one, err := e.post(withResources(url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret}}, mail))
	if err != nil || one.Scope != "mail.read" || e.audience(one.AccessToken) != mail {
		t.Errorf("%+v, %v", one, err)
	}
	for _, scope := range []string{"openid", "openid profile offline_access", "files.write", "nonsense"} {
		_, err := e.robot("scope", scope)
		e.refused(err, "invalid_scope")
	}
	_, err = e.robot("client_id", "files-api") // registered for no scope
	e.refused(err, "invalid_scope")
	for _, client := range []string{"web", "app"} {
		_, err = e.robot("client_id", client)
		e.refused(err, "unauthorized_client")
	}
	_, err = e.robot("client_id", "spa", "client_secret", "")
	e.refused(err, "unauthorized_client")
	_, err = e.robot("client_secret", "wrong") // C01
	e.refused(err, "invalid_client")
	_, err = e.Authorize(t.Context(), request("client_id", "robot"))
	e.refused(err, "invalid_request") // it has no redirect URI
	before := e.queries.Load()
	if _, err := e.robot(); err != nil || e.queries.Load() != before+1 {
		t.Errorf("%d statements, %v", e.queries.Load()-before, err)
	}
}

// I01, I02: a client's own token can be introspected and revoked as any other.
func TestClientCredentialsTokenIsRevocable(t *testing.T) {
	e := setup(t)
	tokens, err := e.robot("scope", "files.read")
	if err != nil {
		t.Fatal(err)
	}
	for _, caller := range []string{"robot", "files-api"} {
		got := e.introspect(tokens.AccessToken, "client_id", caller)
		if !got.Active || got.Subject != "robot" || got.Username != "" || got.AccountID != "" || got.SID != "" || !slices.Equal(got.Audience, []string{files}) {
			t.Errorf("for %s: %+v", caller, got)
		}
	}
	if err := e.revoke(tokens.AccessToken, "client_id", "robot"); err != nil {
		t.Error(err)
	}
	if e.introspect(tokens.AccessToken, "client_id", "files-api").Active {
		t.Error("a revoked token is active")
	}
}

// I01: who serves a resource learns of the tokens for it, and of no others.
func TestIntrospectionByAResourceServer(t *testing.T) {
	e := setup(t)
	form := withResources(request("client_id", "app", "scope", "openid offline_access files.read mail.read"), files, mail)
	tokens := e.tokens(codeForm(e.signIn(form).Get("code"), "client_id", "app"))
	if got := e.introspect(tokens.AccessToken, "client_id", "files-api"); !got.Active || got.ClientID != "app" || got.AccountID != "alice.near" {
		t.Errorf("%+v", got)
	}
	forMail := e.tokens(withResources(refreshForm(tokens.RefreshToken, "client_id", "app"), mail))
	for what, token := range map[string]string{"a token for another resource": forMail.AccessToken, "a refresh token": forMail.RefreshToken, "an ID token": forMail.IDToken} {
		if got := e.introspect(token, "client_id", "files-api"); got.Active || got.ClientID != "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	e.clients["app"].Disabled = true // G03: its tokens are worth nothing to anybody
	if e.introspect(tokens.AccessToken, "client_id", "files-api").Active {
		t.Error("a token of a disabled client is active")
	}
	e.clients["app"].Disabled = false
	e.clients["files-api"].Disabled = true
	_, err := e.Introspect(t.Context(), &http.Request{Method: "POST", Header: http.Header{}, PostForm: tokenForm(tokens.AccessToken, "client_id", "files-api")})
	e.refused(err, "invalid_client")
}

// Pushed requests and devices name resources as the authorization endpoint does.
func TestResourcesElsewhere(t *testing.T) {
	e := setup(t)
	e.clients["app"].GrantTypes = append(e.clients["app"].GrantTypes, idp.GrantDeviceCode)
	form := withResources(request("client_id", "app", "client_secret", secret, "scope", "openid files.read mail.read"), files, mail)
	req, err := e.Authorize(t.Context(), pushedForm("app", e.mustPush(form)))
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := url.ParseQuery(req.Params); err != nil || !slices.Equal(kept["resource"], []string{files, mail}) {
		t.Errorf("a pushed request keeps %v, %v", kept, err)
	}
	_, err = e.push(withResources(form, files, "https://other.example.com"))
	e.refused(err, "invalid_target")

	ask := func(uris ...string) (*oauth.DeviceResponse, error) {
		r := asClient(withResources(url.Values{"client_id": {"app"}, "client_secret": {secret}, "scope": {"openid files.read mail.read"}}, uris...))
		return e.AuthorizeDevice(t.Context(), r, idp.Sender{Network: "192.0.2.0/24"})
	}
	_, err = ask("https://other.example.com")
	e.refused(err, "invalid_target")
	device, err := ask(files)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.FindDevice(t.Context(), device.UserCode, idp.Sender{Network: "192.0.2.0/24"})
	if err != nil || !slices.Equal(d.Audience, []string{issuer, files}) || !slices.Equal(d.Scopes, []string{"openid", "files.read"}) {
		t.Fatalf("%+v, %v", d, err)
	}
	asked, err := e.RequestFor(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.Issue(t.Context(), &idp.Login{ID: idp.NewID(), ClientID: "app", Params: asked.Params}, "alice.near", true)
	if err != nil || !slices.Equal(code.Consent.Resources, []string{files}) {
		t.Errorf("%+v, %v", code, err)
	}
}

// T09: a client's own token can be bound to a key as any other.
func TestClientCredentialsWithAProof(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	tokens := e.bound(url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret}}, h)
	if got := e.introspect(tokens.AccessToken, "client_id", "files-api"); got.TokenType != "DPoP" || got.Confirmation == nil {
		t.Errorf("%+v", got)
	}
}
