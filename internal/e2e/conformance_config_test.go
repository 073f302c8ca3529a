package e2e

import (
	"slices"
	"strings"
	"testing"
)

// D01, J04: the config plan, whose one module is oidcc-discovery-endpoint-verification.
func TestConformanceConfigPlan(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	r := p.browser().send("GET", "/.well-known/openid-configuration", "")
	metadata := r.json()
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), typeJSON) || metadata["issuer"] != p.issuer {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"} {
		if url, _ := metadata[name].(string); !strings.HasPrefix(url, p.issuer+"/") {
			t.Errorf("%s is %q", name, url)
		}
	}
	for name, want := range map[string][]string{
		"response_types_supported": {"code"}, "subject_types_supported": {"public"}, "id_token_signing_alg_values_supported": {"RS256"},
		"scopes_supported": {"openid"}, "claims_supported": {"sub", "iss", "auth_time"}, "grant_types_supported": {"authorization_code"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"code_challenge_methods_supported":      {"S256"}, "response_modes_supported": {"query"},
	} {
		list, _ := metadata[name].([]any)
		for _, value := range want {
			if !slices.Contains(list, any(value)) {
				t.Errorf("%s is %v, %s is missing", name, list, value)
			}
		}
	}
	for name, want := range map[string]any{
		"claims_parameter_supported": true, "request_parameter_supported": false, "request_uri_parameter_supported": false,
		"authorization_response_iss_parameter_supported": true,
	} {
		if metadata[name] != want {
			t.Errorf("%s is %v", name, metadata[name])
		}
	}
	keys, _ := p.browser().send("GET", "/jwks", "").json()["keys"].([]any)
	for _, key := range keys {
		key := key.(map[string]any)
		if key["kid"] == nil || key["use"] != "sig" || key["alg"] == nil || key["d"] != nil {
			t.Errorf("key %v", key)
		}
	}
	if len(keys) == 0 {
		t.Error("no keys are published")
	}
}
