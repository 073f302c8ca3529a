package claims_test

import (
	"encoding/json"
	"maps"
	"reflect"
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

var places = []string{idp.PlaceIDToken, idp.PlaceUserInfo}

func admins(subject string) []string {
	if subject == "alice.near#2" { // and not whoever had the account before
		return []string{"admins"}
	}
	return []string{}
}

func policies(t *testing.T, configured map[string]idp.ClaimPolicy) *claims.Policies {
	t.Helper()
	p, problems := claims.New("id.example.com", configured, admins)
	for _, problem := range problems {
		t.Error(problem)
	}
	return p
}

// U03: each scope gives its claims, in both places, and no others.
func TestScopesGiveTheirClaimsAndNoOthers(t *testing.T) {
	t.Parallel()
	p := policies(t, nil)
	openid := map[string]any{"sub": "alice.near#2", "near_account_id": "alice.near", "near_network": "mainnet"}
	with := func(more map[string]any) map[string]any {
		maps.Copy(more, openid)
		return more
	}
	profile := with(map[string]any{"preferred_username": "alice.near", "name": "alice.near", "nickname": "alice.near", "near_public_key": alice.PublicKey})
	for scope, want := range map[string]map[string]any{
		"":                               {},
		"profile":                        {},
		"email groups":                   {},
		"openid":                         openid,
		"openid offline_access":          openid,
		"openid OPENID Profile profile2": openid,
		"openid email address phone":     openid, // the default policy has no address
		"openid groups":                  with(map[string]any{"groups": []string{"admins"}}),
		"profile openid":                 profile,
		"openid profile offline_access":  profile,
	} {
		for _, place := range places {
			if got := p.Profile(&idp.Client{}, alice, strings.Fields(scope), place); !reflect.DeepEqual(got, want) {
				t.Errorf("%q gives the %s %v, want %v", scope, place, got, want)
			}
		}
	}
}

// What presets refer to is there without configuration, and says what their clients need to hear.
func TestBuiltInPoliciesNeedNoConfiguration(t *testing.T) {
	t.Parallel()
	p := policies(t, nil)
	address := "alice.near--2@users.id.example.com.invalid"
	for name, want := range map[string]map[string]any{
		claims.PolicyDefault:    {},
		claims.PolicyEmail:      {"email": address, "email_verified": false},
		claims.PolicyEmailPlain: {"email": address},
		claims.PolicyKeycloak:   {"email": address, "email_verified": false, "given_name": "alice.near", "family_name": "NEAR"},
	} {
		c := &idp.Client{ClaimPolicy: name}
		for _, place := range places {
			got := p.Profile(c, alice, claims.Scopes(), place)
			maps.DeleteFunc(got, func(claim string, value any) bool {
				return reflect.DeepEqual(p.Profile(&idp.Client{}, alice, claims.Scopes(), place)[claim], value)
			})
			if !maps.Equal(got, want) {
				t.Errorf("%s adds %v", name, got)
			}
		}
		if got := p.Profile(c, alice, []string{"openid", "profile"}, idp.PlaceIDToken); got["email"] != nil || got["email_verified"] != nil {
			t.Errorf("%s gives an address without the scope: %v", name, got)
		}
	}
	if got := p.Known(); !slices.Equal(got, []string{"default", "email", "email-plain", "keycloak"}) {
		t.Errorf("known: %q", got)
	}
}

// A policy that is taken out of the configuration takes what it allowed with it.
func TestVanishedPolicyGivesNothingBeyondOpenID(t *testing.T) {
	t.Parallel()
	p := policies(t, nil)
	for _, name := range []string{"gone", "Email", " "} {
		if got := p.Profile(&idp.Client{ClaimPolicy: name}, alice, claims.Scopes(), idp.PlaceUserInfo); len(got) != 3 || got["sub"] == nil {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestConfiguredPolicyTakesThePlaceOfABuiltInOne(t *testing.T) {
	t.Parallel()
	p := policies(t, map[string]idp.ClaimPolicy{
		"default": {Add: map[string]string{"login": "{account_id}"}},
		"email":   {Add: map[string]string{"email": "near-{account_id}@users.example.com", "email_verified": "omit", "roles": "{groups}", "picture": "https://example.com/{account_id}.png"}},
		"split": {
			Add:     map[string]string{"email": "{account_id}@users.example.com"},
			IDToken: []string{"preferred_username", "email"}, UserInfo: []string{},
		},
	})
	get := func(policy, place string) map[string]any {
		return p.Profile(&idp.Client{ClaimPolicy: policy}, alice, claims.Scopes(), place)
	}
	if got := get("", idp.PlaceIDToken); got["login"] != "alice.near" || got["email"] != nil {
		t.Errorf("default: %v", got)
	}
	got := get("email", idp.PlaceIDToken)
	if _, verified := got["email_verified"]; verified || got["email"] != "near-alice.near--2@users.example.com" || got["picture"] != "https://example.com/alice.near.png" {
		t.Errorf("email: %v", got)
	}
	if text, _ := json.Marshal(got["roles"]); string(text) != `["admins"]` {
		t.Errorf("roles: %s", text)
	}
	if got := p.Profile(&idp.Client{ClaimPolicy: "email"}, alice, []string{"openid", "profile"}, idp.PlaceIDToken); got["roles"] != nil {
		t.Errorf("roles without the scope groups: %v", got)
	}
	if got, want := get("split", idp.PlaceIDToken), (map[string]any{"sub": "alice.near#2", "preferred_username": "alice.near", "email": "alice.near--2@users.example.com"}); !maps.Equal(got, want) {
		t.Errorf("ID token: %v", got)
	}
	if got, want := get("split", idp.PlaceUserInfo), (map[string]any{"sub": "alice.near#2"}); !maps.Equal(got, want) {
		t.Errorf("userinfo: %v", got)
	}
}

// Applications take an absent list for a malformed token and a null for a crash.
func TestGroupsOfNobodyAreAnEmptyArray(t *testing.T) {
	t.Parallel()
	bob := idp.Identity{Subject: "bob.near", AccountID: "bob.near"}
	got, err := json.Marshal(policies(t, nil).Profile(&idp.Client{}, bob, []string{"openid", "groups"}, idp.PlaceIDToken)["groups"])
	if err != nil || string(got) != "[]" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestDiscoveryNamesExactlyTheClaimsThatExist(t *testing.T) {
	t.Parallel()
	p := policies(t, map[string]idp.ClaimPolicy{"x": {Add: map[string]string{"picture": "https://example.com/{account_id}", "login": "{account_id}"}}})
	given := map[string]any{}
	for _, name := range p.Known() {
		maps.Copy(given, p.Profile(&idp.Client{ClaimPolicy: name}, alice, claims.Scopes(), idp.PlaceIDToken))
	}
	if names := p.Names(); !slices.Equal(slices.Sorted(maps.Keys(given)), names) {
		t.Errorf("supported %v, given %v", names, given)
	}
	for _, scope := range claims.Scopes() {
		if claims.Describe(scope) == "" {
			t.Errorf("%s has no description", scope)
		}
	}
	if claims.Describe("address") != "" {
		t.Error("an unknown scope has a description")
	}
}
