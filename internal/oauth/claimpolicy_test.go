package oauth_test

import (
	"reflect"
	"testing"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

// policy gives the client "web" a claim policy, and its requests all scopes.
func (e *env) policy(p idp.ClaimPolicy) {
	e.Helper()
	policies, problems := claims.New("id.example.com", map[string]idp.ClaimPolicy{"p": p}, func(account string) []string { return []string{"of " + account} })
	if len(problems) > 0 {
		e.Fatal(problems)
	}
	e.clients["web"].ClaimPolicy = "p"
	e.claims.Store(policies)
}

// both returns the ID token's and userinfo's claims of one sign-in.
func (e *env) both(changes ...string) (id, info map[string]any, scope string) {
	e.Helper()
	got := e.tokens(codeForm(e.signIn(request(changes...)).Get("code")))
	info, err := e.UserInfo(e.Context(), got.AccessToken)
	if err != nil {
		e.Fatal(err)
	}
	return e.payload(got.IDToken), info, got.Scope
}

const everyScope = "openid profile email groups"

var addressed = idp.ClaimPolicy{Add: map[string]string{"email": "{account_id}@users.example.com", "login": "{account_id}"}}

// U03: the client's policy says what its scopes give, the same in the ID token and userinfo.
func TestClaimsFollowTheClientsPolicy(t *testing.T) {
	e := setup(t)
	e.policy(addressed)
	id, info, scope := e.both("scope", everyScope)
	for name, want := range map[string]any{
		"email": "alice.near@users.example.com", "email_verified": false, "login": "alice.near", "groups": []any{"of alice.near"}, "sub": "alice.near", "nickname": "alice.near",
	} {
		if list, ok := info[name].([]string); ok {
			info[name] = []any{list[0]}
		}
		if !reflect.DeepEqual(id[name], want) || !reflect.DeepEqual(info[name], want) {
			t.Errorf("%s: %v in the ID token, %v in userinfo", name, id[name], info[name])
		}
	}
	if scope != everyScope {
		t.Errorf("granted %q", scope)
	}
	for scope, claim := range map[string]string{"openid profile groups": "email", "openid email groups": "login", "openid profile email": "groups"} {
		if id, info, _ := e.both("scope", scope); id[claim] != nil || info[claim] != nil {
			t.Errorf("%s gives %s: %v, %v", scope, claim, id, info)
		}
	}
	access := e.payload(e.tokens(codeForm(e.signIn(request("scope", everyScope)).Get("code"))).AccessToken)
	if access["email"] != nil || access["groups"] != nil {
		t.Errorf("the access token, which other services read, has %v", access)
	}
}

// A client whose policy has no address gets none, and nobody is asked to allow it one.
func TestEmailScopeWithoutAPolicyGivesNothing(t *testing.T) {
	e := setup(t)
	id, info, scope := e.both("scope", everyScope, "claims", `{"id_token":{"email":{"essential":true},"email_verified":null},"userinfo":{"email":null}}`)
	if id["email"] != nil || info["email"] != nil || scope != "openid profile groups" {
		t.Errorf("%v, %v, %q", id, info, scope)
	}
	if groups, _ := id["groups"].([]any); groups == nil || len(groups) > 0 {
		t.Errorf("groups of nobody: %#v", id["groups"])
	}
}

// What the operator parts stays parted, also for who asks by name.
func TestPolicyPartsIDTokenAndUserInfo(t *testing.T) {
	e := setup(t)
	policy := addressed
	policy.IDToken, policy.UserInfo = []string{"preferred_username"}, []string{"email", "email_verified"}
	e.policy(policy)
	id, info, _ := e.both("scope", everyScope, "claims", `{"id_token":{"email":null,"name":null},"userinfo":{"login":null,"near_public_key":null}}`)
	if id["email"] != nil || id["name"] != nil || id["preferred_username"] != "alice.near" || id["sub"] != "alice.near" {
		t.Errorf("ID token %v", id)
	}
	if want := (map[string]any{"sub": "alice.near", "email": "alice.near@users.example.com", "email_verified": false}); !reflect.DeepEqual(info, want) {
		t.Errorf("userinfo %v", info)
	}
}

// OpenID Connect Core section 5.5, as Nextcloud sends it with every request.
func TestClaimsParameterGivesWhatThePolicyAllows(t *testing.T) {
	e := setup(t)
	e.policy(addressed)
	const asked = `{"id_token":{"email":null,"name":null,"quota":null,"groups":null},"userinfo":{"email":null,"name":null,"quota":null,"groups":null}}`
	id, info, scope := e.both("scope", "openid", "claims", asked)
	for _, got := range []map[string]any{id, info} {
		if got["email"] != "alice.near@users.example.com" || got["name"] != "alice.near" || got["groups"] == nil || got["quota"] != nil || got["login"] != nil || got["email_verified"] != nil {
			t.Errorf("%v", got)
		}
	}
	if scope != "openid" {
		t.Errorf("scope %q", scope)
	}
	// Scopes that the client is not registered for bound what it can ask by name.
	e.clients["web"].Scope = "openid profile"
	if id, info, _ := e.both("scope", "openid", "claims", asked); id["email"] != nil || info["groups"] != nil || id["name"] != "alice.near" {
		t.Errorf("%v, %v", id, info)
	}
}

// A new logo, colour or link asks nobody again; a new name does, since it is what people agreed to.
func TestConsentIsForTheNameAndNotForTheLogo(t *testing.T) {
	e := setup(t)
	agreed := func(change func(*idp.Client)) string {
		t.Helper()
		change(e.clients["web"])
		req, err := e.Authorize(t.Context(), request("scope", "openid"))
		if err != nil {
			t.Fatal(err)
		}
		code, err := e.Issue(t.Context(), &idp.Login{ID: idp.NewID(), ClientID: "web", Params: req.Params}, "alice.near", true)
		if err != nil {
			t.Fatal(err)
		}
		return code.Consent.Client
	}
	before := agreed(func(*idp.Client) {})
	if agreed(func(c *idp.Client) {
		c.LogoURI, c.PolicyURI, c.TosURI, c.BrandColor, c.Logo.Hash = "https://a.example/l.png", "https://a.example/p", "https://a.example/t", "#123456", "ab"
	}) != before {
		t.Error("a new logo asks everybody again")
	}
	if agreed(func(c *idp.Client) { c.Name = "Another" }) == before {
		t.Error("a new name asks nobody")
	}
}

// A claim that is asked for by name needs the same consent as its scope.
func TestConsentCoversClaimsThatAreAskedForByName(t *testing.T) {
	e := setup(t)
	e.policy(addressed)
	req, err := e.Authorize(t.Context(), request("scope", "openid", "claims", `{"id_token":{"email":null,"sub":null,"groups":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.Issue(t.Context(), &idp.Login{ID: idp.NewID(), ClientID: "web", Params: req.Params}, "alice.near", true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := code.Consent.Scopes, []string{"openid", "email", "groups"}; !reflect.DeepEqual(got, want) {
		t.Errorf("asked to allow %q", got)
	}
	if got, want := code.Scopes, []string{"openid"}; !reflect.DeepEqual(got, want) {
		t.Errorf("granted %q", got)
	}
}
