package claims_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var alice = idp.Identity{
	Subject: "alice.near#2", AccountID: "alice.near", Network: "mainnet",
	PublicKey: "ed25519:6E8sCci9badyRkXb3JoRpBj5p8C6Tw41ELDZoiihKEtp", SID: "s1",
}

func TestScopesGiveTheirClaimsAndNoOthers(t *testing.T) {
	t.Parallel()
	openid := map[string]any{"sub": "alice.near#2", "near_account_id": "alice.near", "near_network": "mainnet"}
	profile := map[string]any{"preferred_username": "alice.near", "name": "alice.near", "near_public_key": alice.PublicKey}
	maps.Copy(profile, openid)
	for scope, want := range map[string]map[string]any{
		"":                               {},
		"profile":                        {},
		"openid":                         openid,
		"openid offline_access":          openid,
		"openid OPENID Profile profile2": openid,
		"openid email address phone":     openid,
		"profile openid":                 profile,
		"openid profile offline_access":  profile,
	} {
		if got := claims.Profile(alice, strings.Fields(scope)); !maps.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", scope, got, want)
		}
	}
}

func TestDiscoveryNamesExactlyTheClaimsThatExist(t *testing.T) {
	t.Parallel()
	scopes, names := claims.Scopes(), claims.Names()
	given := slices.Sorted(maps.Keys(claims.Profile(alice, scopes)))
	if slices.Sort(names); !slices.Equal(given, names) {
		t.Errorf("supported %v, given %v", names, given)
	}
	for _, scope := range scopes {
		if claims.Describe(scope) == "" {
			t.Errorf("%s has no description", scope)
		}
	}
	if claims.Describe("email") != "" {
		t.Error("an unknown scope has a description")
	}
}
