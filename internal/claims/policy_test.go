package claims_test

import (
	"net/mail"
	"strconv"
	"strings"
	"testing"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
	"near-idp/internal/near"
)

// refused asserts that a policy is refused for its one mistake, and returns the sentence.
func refused(t *testing.T, policy idp.ClaimPolicy, key string) string {
	t.Helper()
	_, problems := claims.New("id.example.com", map[string]idp.ClaimPolicy{"p": policy}, admins)
	if len(problems) != 1 || problems[0].Key != "claim_policies.p."+key {
		t.Errorf("%v: %v", policy, problems)
		return ""
	}
	return problems[0].Error()
}

// Whoever could set these would forge what a token says of itself.
func TestPolicyCannotSetWhatATokenIs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "auth_time", "amr", "acr", "azp", "at_hash", "sid", "cnf", "client_id", "scope",
		"near_account_id", "near_network", "near_public_key", "_claim_sources"} {
		if told := refused(t, idp.ClaimPolicy{Add: map[string]string{name: "{account_id}"}}, "add."+name); !strings.Contains(told, "iss, sub, aud, exp") {
			t.Errorf("%s: %s", name, told)
		}
	}
}

// An address that nobody verified would let a NEAR account into the account of whoever
// has the address in an application.
func TestMadeUpAddressIsNeverVerified(t *testing.T) {
	t.Parallel()
	const address = "{account_id}@users.example.com"
	told := refused(t, idp.ClaimPolicy{Add: map[string]string{"email": address, "email_verified": "true"}}, "add.email_verified")
	if !strings.Contains(told, "never true") || !strings.Contains(told, "omit") {
		t.Error(told)
	}
	for _, value := range []string{"yes", "TRUE", "", "1", "{account_id}"} {
		refused(t, idp.ClaimPolicy{Add: map[string]string{"email": address, "email_verified": value}}, "add.email_verified")
	}
	refused(t, idp.ClaimPolicy{Add: map[string]string{"email_verified": "false"}}, "add.email_verified")
}

// An address at a provider of mail may be somebody's.
func TestAddressesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	for _, template := range []string{
		"{account_id}@near.email", "{account_id}@x.near.email", "{account_id}@gmail.com", "{account_id}@protonmail.com",
		"{account_id}@localhost", "{account_id}@Example.com", "{account_id}@{account_id}.example.com", "{account_id}@example.com.", "{account_id}@-a.com", "{account_id}@127.0.0.1",
		"{account_id}@a@example.com", "{account_id}@", "@example.com", "everybody@example.com", "{sub}@example.com", "{account_id}{account_id}@example.com", "{account_id}",
		"{account_id} @example.com", `"{account_id}"@example.com`, ".{account_id}@example.com", "a..{account_id}@example.com", "x--{account_id}@example.com", "{account_id}<@example.com",
		strings.Repeat("a", 33) + "{account_id}@example.com", "{account_id}@" + strings.Repeat("a.", 100) + "com",
	} {
		refused(t, idp.ClaimPolicy{Add: map[string]string{"email": template}}, "add.email")
	}
	// Nor under another name: some applications read upn for an address.
	refused(t, idp.ClaimPolicy{Add: map[string]string{"upn": "{account_id}@near.email"}}, "add.upn")
}

// Every account has an address that is fit for use, and no two have the same.
func TestNoTwoPeopleHaveTheSameAddress(t *testing.T) {
	t.Parallel()
	implicit := strings.Repeat("0f", 32)
	people := []idp.Identity{
		{AccountID: "alice.near", Subject: "alice.near"}, {AccountID: "alice.near", Subject: "alice.near#2"}, {AccountID: "alice.near", Subject: "alice.near#22"},
		{AccountID: "alice-2.near", Subject: "alice-2.near"}, {AccountID: "a_b-c.near", Subject: "a_b-c.near"}, {AccountID: "a-b_c.near", Subject: "a-b_c.near"},
		{AccountID: implicit, Subject: implicit}, {AccountID: implicit, Subject: implicit + "#2"}, {AccountID: implicit, Subject: implicit + "#3"},
		{AccountID: strings.Repeat("1f", 32), Subject: strings.Repeat("1f", 32) + "#2"},
		{AccountID: strings.Repeat("a", 59) + ".near", Subject: strings.Repeat("a", 59) + ".near"},
	}
	for _, template := range []string{"{account_id}@users.example.com", "near+{account_id}@example.invalid", "{account_id}.idp@" + strings.Repeat("a.", 92) + "com"} {
		p, problems := claims.New("id.example.com", map[string]idp.ClaimPolicy{"p": {Add: map[string]string{"email": template}}}, admins)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		seen := map[string]string{}
		for _, who := range people {
			address := p.Profile(&idp.Client{ClaimPolicy: "p"}, who, []string{"openid", "email"}, idp.PlaceIDToken)["email"].(string)
			local, _, _ := strings.Cut(address, "@")
			parsed, err := mail.ParseAddress(address)
			if err != nil || parsed.Address != address || len(local) > 64 || len(address) > 254 || strings.Contains(address, "#") {
				t.Errorf("%s: %q: %v", who.Subject, address, err)
			}
			if other := seen[address]; other != "" {
				t.Errorf("%s and %s are both %s", other, who.Subject, address)
			}
			seen[address] = who.Subject
		}
	}
}

// An issuer on any host has built-in policies that work.
func TestBuiltInAddressesFitEveryIssuer(t *testing.T) {
	t.Parallel()
	for host, domain := range map[string]string{
		"id.example.com": "users.id.example.com.invalid", "localhost": "users.localhost.invalid", "127.0.0.1": "users.127.0.0.1.invalid",
		"::1": "users.1.invalid", "ID.Example.com": "users.id.example.com.invalid", strings.Repeat("a.", 100) + "com": "users.invalid",
	} {
		if got := claims.Domain(host); got != domain {
			t.Errorf("%s: %s", host, got)
		}
		if _, problems := claims.New(host, nil, admins); len(problems) > 0 {
			t.Errorf("%s: %v", host, problems)
		}
	}
}

// A claim that is the same for everybody makes one user of them all.
func TestPolicyMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value string }{
		{"preferred_username", "near"}, {"nickname", "{network}"}, {"login", "x"}, {"upn", "x"},
		{"groups", "admins"}, {"name", "{account}"}, {"name", "a}b"}, {"name", "{groups} of {account_id}"}, {"name", ""}, {"name", strings.Repeat("x", 257)},
		{"picture", "http://example.com/x.png"}, {"picture", "javascript:alert(1)"}, {"picture", "https:///x"}, {"bad name", "x"}, {"ü", "x"},
	} {
		refused(t, idp.ClaimPolicy{Add: map[string]string{c.name: c.value}}, "add."+c.name)
	}
	refused(t, idp.ClaimPolicy{IDToken: []string{"name", "email"}}, "id_token[1]")
	refused(t, idp.ClaimPolicy{UserInfo: []string{"iss"}}, "userinfo[0]")
}

// Whatever template is accepted gives every account an address that can be read as one,
// at a domain that was written there.
func FuzzAddress(f *testing.F) {
	f.Add("{account_id}@users.example.com", "alice.near", "2")
	f.Add("near+{account_id}.x@a.invalid", strings.Repeat("0f", 32), "")
	f.Fuzz(func(t *testing.T, template, account, incarnation string) {
		p, problems := claims.New("id.example.com", map[string]idp.ClaimPolicy{"p": {Add: map[string]string{"email": template}}}, admins)
		if _, err := near.ParseAccountID(account); err != nil || len(problems) > 0 {
			return
		}
		give := func(subject string) string {
			who := idp.Identity{AccountID: account, Subject: subject}
			return p.Profile(&idp.Client{ClaimPolicy: "p"}, who, []string{"openid", "email"}, idp.PlaceIDToken)["email"].(string)
		}
		first := give(account)
		parsed, err := mail.ParseAddress(first)
		_, domain, _ := strings.Cut(template, "@")
		if err != nil || parsed.Address != first || !strings.HasSuffix(first, "@"+domain) || len(first) > 254 || strings.HasSuffix(domain, "near.email") {
			t.Errorf("%q gives %q: %v", template, first, err)
		}
		if n, err := strconv.Atoi(incarnation); err == nil && n > 1 && give(account+"#"+strconv.Itoa(n)) == first {
			t.Errorf("%q gives two people %q", template, first)
		}
	})
}
