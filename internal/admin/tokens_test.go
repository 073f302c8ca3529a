package admin_test

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/oauth"
)

// issuing lets a site issue tokens. mallory.testnet may sign in nowhere.
func (s *site) issuing() *oauth.Provider {
	s.Helper()
	ring, err := keyring.Open(s.Context(), s.options.Keys)
	if err != nil {
		s.Fatal(err)
	}
	policies, problems := claims.New("id.example.com", nil, func(string) []string { return []string{"admins"} })
	if len(problems) > 0 {
		s.Fatal(problems)
	}
	registry := clients.New(s.store, slog.New(slog.DiscardHandler), time.Now)
	registry.SetDefaults(s.options.Clients.Defaults)
	protocol, err := oauth.New(oauth.Options{
		Issuer: s.options.Issuer, Clients: registry, Keys: ring, Store: s.store, Lifetimes: idp.DefaultLifetimes, DefaultAlg: idp.ES256,
		MatchRedirect: clients.MatchRedirect, CheckSecret: clients.CheckSecret, Profile: policies.Profile, ProfileClaims: policies.Names,
		Allowed: func(_ *idp.Client, account string) error {
			if account == "mallory.testnet" {
				return errors.New("mallory.testnet is on the list deny")
			}
			return nil
		},
		Scopes: claims.Scopes(), Resources: []idp.Resource{{URI: "https://api.example.com", Scopes: []string{"tools:read"}}},
	})
	if err != nil {
		s.Fatal(err)
	}
	return protocol
}

func TestPreviewShowsWhatTheClientWouldLearn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := grafana()
	c["id_token_signed_response_alg"] = "ES256"
	s.do("POST", "/admin/v1/clients", c).want(201, "")
	s.do("GET", "/admin/v1/clients/grafana/preview?account_id=alice.testnet", nil).want(409, "conflict")
	s.withTokens(s.issuing())
	r := s.do("GET", "/admin/v1/clients/grafana/preview?account_id=alice.testnet&scope=openid+profile+nonsense", nil).want(200, "")
	for path, want := range map[string]string{
		"id_token.claims.sub": "alice.testnet", "id_token.claims.preferred_username": "alice.testnet", "id_token.claims.aud": "grafana",
		"id_token.header.alg": "ES256", "access_token.header.typ": "at+jwt", "access_token.claims.scope": "openid profile",
		"userinfo.sub": "alice.testnet", "userinfo.near_account_id": "alice.testnet", "scopes": `["openid","profile"]`, "denied": "",
	} {
		if got := r.text(path); got != want {
			t.Errorf("%s is %q, want %q: %s", path, got, want, r.body)
		}
	}
	if r := s.do("GET", "/admin/v1/clients/grafana/preview?account_id=mallory.testnet", nil).want(200, ""); !strings.Contains(r.text("denied"), "deny") {
		t.Error(r.body)
	}
	s.do("GET", "/admin/v1/clients/grafana/preview?account_id=Alice", nil).want(422, "invalid")
	s.do("GET", "/admin/v1/clients/none/preview?account_id=alice.testnet", nil).want(404, "not_found")
	s.do("GET", "/admin/v1/clients/grafana/preview?account_id=alice.testnet&resource=https://evil.example.com", nil).want(422, "invalid")
}

// Whoever may read clients gets nothing that a relying party would take for a token: not
// even the parts put together again, with a grant that does not exist.
func TestPreviewCannotBeUsedAsToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := grafana()
	c["id_token_signed_response_alg"] = "ES256"
	s.do("POST", "/admin/v1/clients", c).want(201, "")
	protocol := s.issuing()
	s.withTokens(protocol)
	r := s.as(s.newKey("clients:read")).do("GET", "/admin/v1/clients/grafana/preview?account_id=alice.testnet", nil).want(200, "")
	part := func(path string) string { return base64.RawURLEncoding.EncodeToString([]byte(r.text(path))) }
	if strings.Contains(r.body, "eyJ") {
		t.Errorf("an encoded token: %s", r.body)
	}
	for _, token := range []string{part("access_token.header") + "." + part("access_token.claims") + ".", part("access_token.header") + "." + part("access_token.claims") + "." + strings.Repeat("A", 86)} {
		if found := s.do("POST", "/admin/v1/tokens:introspect", map[string]any{"token": token}).want(200, ""); found.text("active") != "false" {
			t.Error(found.body)
		}
	}
	if _, err := s.store.Grant(t.Context(), r.text("access_token.claims.grant_id")); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a grant stands behind it: %v", err)
	}
}

func TestTokensAreExaminedAndRevoked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.options.Clients.Defaults.Scopes = []string{"tools:read"}
	protocol := s.issuing()
	s.withTokens(protocol)
	made := s.do("POST", "/admin/v1/clients", map[string]any{
		"client_id": "robot", "grant_types": []string{"client_credentials"}, "redirect_uris": nil, "scope": "tools:read",
	}).want(201, "")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {made.text("client_secret")}}
	request := httptest.NewRequest("POST", "/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := request.ParseForm(); err != nil {
		t.Fatal(err)
	}
	issued, err := protocol.Token(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	token := map[string]any{"token": issued.AccessToken}
	active := func() string { return s.do("POST", "/admin/v1/tokens:introspect", token).want(200, "").text("active") }
	if r := s.do("POST", "/admin/v1/tokens:introspect", token).want(200, ""); r.text("client_id") != "robot" || r.text("scope") != "tools:read" {
		t.Error(r.body)
	}
	s.do("POST", "/admin/v1/tokens:revoke?dry_run=true", token).want(204, "")
	if active() != "true" {
		t.Error("a dry run ended it")
	}
	s.do("POST", "/admin/v1/tokens:revoke", token).want(204, "")
	if active() != "false" {
		t.Error("it lives on")
	}
	if r := s.do("POST", "/admin/v1/tokens:revoke", token).want(404, "not_found"); strings.Contains(r.body, issued.AccessToken[:20]) {
		t.Error("the token is repeated")
	}
	s.do("POST", "/admin/v1/tokens:revoke", map[string]any{"token": "nrt_x"}).want(404, "not_found")
	s.do("POST", "/admin/v1/tokens:introspect", "{}").want(422, "invalid")
}
