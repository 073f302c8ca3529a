package oauth_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/oauth"
	"near-idp/internal/postgres"
)

// registered are the error codes of the endpoints that clients call themselves
// (RFC 6749 section 5.2, RFC 8628 section 3.5, RFC 8707 section 2, RFC 9449 sections 5 and 8).
var registered = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target",
	"authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_dpop_proof", "use_dpop_nonce",
}

// A07, C01, I01, I02: any form and any Authorization header whatever get tokens from nobody, a registered
// error in plain ASCII, or, where the database would decide, are told that it does not answer.
func FuzzClientRequests(f *testing.F) {
	good := url.Values{"client_id": {"web"}, "client_secret": {secret}}
	for _, body := range []url.Values{
		{"grant_type": {"authorization_code"}, "code": {"nac_" + strings.Repeat("A", 69)}, "code_verifier": {verifier}, "redirect_uri": {"\x00"}},
		{"grant_type": {"refresh_token"}, "refresh_token": {"nrt_" + strings.Repeat("A", 70)}, "scope": {"\xff"}},
		{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "scope": {"files.read"}, "resource": {files, "x"}},
		{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {"ndc_" + strings.Repeat("A", 69)}},
		{"token": {"nrt_" + strings.Repeat("A", 70)}}, {"token": {"a.b.c"}, "token_type_hint": {"x"}}, {"token": {"", ""}},
	} {
		for name, value := range good {
			if !body.Has(name) {
				body[name] = value
			}
		}
		for endpoint := range uint8(3) {
			f.Add(endpoint, body.Encode(), "")
			f.Add(endpoint, body.Encode(), "Basic d2ViOng=")
		}
	}
	keys, err := ring()
	if err != nil {
		f.Fatal(err)
	}
	store, err := postgres.Open(f.Context(), postgres.Options{URL: "postgres:///idp?host=/nonexistent"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(store.Close)
	hash := sha256.Sum256([]byte(secret))
	secrets := []idp.ClientSecret{{Hash: hash[:]}}
	e := &env{clients: map[string]*idp.Client{
		"web":   {ID: "web", Secrets: secrets, GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken, idp.GrantDeviceCode}, Scope: "openid"},
		"robot": {ID: "robot", Secrets: secrets, GrantTypes: []string{idp.GrantClientCredentials}, Scope: "files.read"},
	}}
	p, err := oauth.New(oauth.Options{
		Issuer: issuer, Clients: e, Keys: keys, Store: store, Lifetimes: idp.DefaultLifetimes, DefaultAlg: idp.RS256, CheckSecret: clients.CheckSecret,
		Profile: builtin.Profile, ProfileClaims: builtin.Names, Allowed: e.allowed, Scopes: claims.Scopes(), Resources: resources,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, endpoint uint8, body, authorization string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: form}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		switch endpoint % 3 {
		case 0:
			var got *oauth.TokenResponse
			if got, err = p.Token(t.Context(), r); err == nil {
				t.Errorf("tokens: %+v", got)
			}
		case 1:
			err = p.Revoke(t.Context(), r)
		default:
			var got *oauth.Introspection
			if got, err = p.Introspect(t.Context(), r); err == nil && got.Active {
				t.Errorf("active: %+v", got)
			}
		}
		var refusal *oauth.Error
		switch {
		case err == nil, errors.Is(err, idp.ErrUnavailable):
		case !errors.As(err, &refusal) || !slices.Contains(registered, refusal.Code) || refusal.Status < 400 || refusal.Status >= 500:
			t.Errorf("%v", err)
		case strings.ContainsFunc(refusal.Description, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }):
			t.Errorf("description %q", refusal.Description)
		}
	})
}
