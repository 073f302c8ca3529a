package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

const (
	filesAPI = "https://files.example.com/api"
	mailAPI  = "https://mail.example.com/api"
	// resourceSite is the rest of a configuration with two APIs and their clients.
	resourceSite = `  - {client_id: reader, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], scope: openid offline_access files.read mail.read}
  - {client_id: robot, secret: "${CLIENT_SECRET}", grant_types: [client_credentials], redirect_uris: [], scope: files.read}
  - {client_id: files-api, secret: "${CLIENT_SECRET}", grant_types: [client_credentials], redirect_uris: []}
resources:
  - {uri: "` + filesAPI + `", scopes: [files.read, files.write], access_token: 10m, served_by: [files-api]}
  - {uri: "` + mailAPI + `", scopes: [mail.read]}
`
)

// I01, I02, J02, T09, RT03: an independent client revokes, introspects, names resources and asks for itself.
func TestOpenIDClientHandlesTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = resourceSite
	p := s.serve()
	got := node(t, p, "openid-client-tokens.mjs", map[string]any{
		"issuer": p.issuer, "client_secret": clientSecret, "redirect_uri": redirectURI,
		"app": "reader", "api": "files-api", "robot": "robot", "files": filesAPI, "mail": mailAPI,
	})
	inactive := map[string]any{"active": false}
	for name, want := range map[string]any{
		"forRobot": inactive, "mailForAPI": inactive, "revoked": inactive, "ownRevoked": inactive,
		"foreign": "invalid_target", "afterRevocation": "invalid_grant", "userinfoAfterRevocation": float64(http.StatusUnauthorized), "personal": "invalid_scope",
		"expiresIn": float64(600), "mailExpiresIn": float64(900), "ownExpiresIn": float64(600),
	} {
		if fmt.Sprint(got[name]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if grants, _ := got["grants"].(string); !slices.Contains(strings.Fields(grants), "client_credentials") {
		t.Errorf("grant_types_supported: %v", grants)
	}
	for name, want := range map[string]map[string]any{
		"forApp":       {"client_id": "reader", "sub": "alice.testnet", "username": "alice.testnet", "near_account_id": "alice.testnet", "token_type": "Bearer", "scope": "openid offline_access files.read mail.read", "aud": []any{p.issuer, filesAPI, mailAPI}},
		"forAPI":       {"client_id": "reader", "sub": "alice.testnet"},
		"refreshToken": {"client_id": "reader", "sub": "alice.testnet"},
		"mailForApp":   {"scope": "mail.read", "aud": []any{mailAPI}},
		"ownForAPI":    {"client_id": "robot", "sub": "robot", "username": nil, "near_account_id": nil, "sid": nil, "aud": []any{filesAPI}},
	} {
		object, _ := got[name].(map[string]any)
		for claim, value := range want {
			if fmt.Sprint(object[claim]) != fmt.Sprint(value) || object["active"] != true {
				t.Errorf("%s: %s is %v, want %v", name, claim, object[claim], value)
			}
		}
	}
}

// A02 and the promise of every endpoint: no resource, scope or token makes a request fail otherwise than it should.
func TestHostileTokenRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = resourceSite
	p := s.serve()
	b := p.browser()
	q := newRequest("reader", "openid offline_access files.read")
	tokens := b.postForm("/token", q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code")))
	for path, form := range map[string]url.Values{
		"/token#machine": {"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {clientSecret}},
		"/token#refresh": refresh("reader", "nrt_"+strings.Repeat("A", 70)),
		"/authorize":     q.form(),
		"/revoke":        shown("reader", "x"),
		"/introspect":    shown("reader", tokens.text("access_token")),
	} {
		for _, name := range []string{"resource", "scope", "token", "token_type_hint", "refresh_token"} {
			for _, value := range append(values, filesAPI, tokens.text("id_token")) {
				changed := maps.Clone(form)
				changed[name] = []string{value}
				if name == "resource" {
					changed[name] = []string{filesAPI, value, filesAPI}
				}
				target, _, _ := strings.Cut(path, "#")
				r := p.browser().postForm(target, changed)
				if !slices.Contains([]int{200, 303, 400, 401, 413}, r.status) || r.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s with %s %.40q: %d %.200s", path, name, value, r.status, r.body)
				}
			}
		}
	}
	if info := b.userInfo(tokens.text("access_token")); info.status != http.StatusOK {
		t.Errorf("userinfo: %d", info.status)
	}
}
