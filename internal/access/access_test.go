package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/access"
	"near-idp/internal/idp"
	"near-idp/internal/near"
)

func rules(t *testing.T, groups map[string][]string, policies map[string]idp.AccessPolicy) *access.Rules {
	t.Helper()
	r, problems := access.New(groups, policies)
	for _, problem := range problems {
		t.Error(problem)
	}
	return r
}

// A glob is the accounts below one, never that one, nor whoever registered a name that looks alike.
func TestGlobDoesNotMatchItsParentOrALookalike(t *testing.T) {
	t.Parallel()
	r := rules(t, nil, map[string]idp.AccessPolicy{"staff": {Allow: []string{"*.mydao.near"}}})
	for account, in := range map[string]bool{
		"alice.mydao.near": true, "a.b.mydao.near": true, "x-y_z.mydao.near": true,
		"mydao.near": false, "evilmydao.near": false, "evil-mydao.near": false, "mydao.near.evil.near": false,
		"alice.mydao.near.evil.near": false, "alice.mydao.testnet": false, "near": false, "": false, ".mydao.near": true, // no account; never gets here
		strings.Repeat("a", 64): false,
	} {
		if err := r.Check("staff", account); (err == nil) != in {
			t.Errorf("%q: %v", account, err)
		}
	}
}

func TestDenyWinsOverAllow(t *testing.T) {
	t.Parallel()
	implicit := strings.Repeat("0f", 32)
	r := rules(t, map[string][]string{"ops": {"alice.near", "*.ops.near"}, "nobody": {}}, map[string]idp.AccessPolicy{
		"open":    {},
		"listed":  {Allow: []string{"alice.near", implicit}, Deny: []string{"alice.near"}},
		"banned":  {Deny: []string{"mallory.near", "*.mallory.near"}},
		"groups":  {Allow: []string{"group:ops"}, Deny: []string{"bob.ops.near"}},
		"but-ops": {Deny: []string{"group:ops"}},
		"empty":   {Allow: []string{"group:nobody"}},
		"closed":  {Deny: []string{"*"}},
		"all":     {Allow: []string{"*"}},
	})
	for _, c := range []struct {
		policy, account string
		in              bool
	}{
		{"", "anybody.near", true},
		{"open", "anybody.near", true},
		{"all", "anybody.near", true},
		{"closed", "alice.near", false},
		{"listed", "alice.near", false}, {"listed", implicit, true}, {"listed", "bob.near", false},
		{"banned", "mallory.near", false}, {"banned", "x.mallory.near", false}, {"banned", "malloryx.near", true},
		{"groups", "alice.near", true}, {"groups", "a.ops.near", true}, {"groups", "bob.ops.near", false}, {"groups", "ops.near", false},
		{"but-ops", "alice.near", false}, {"but-ops", "bob.near", true},
		{"empty", "alice.near", false},
		{"gone", "alice.near", false},
		{"Open", "alice.near", false},
	} {
		err := r.Check(c.policy, c.account)
		if (err == nil) != c.in || err != nil && !errors.Is(err, idp.ErrDenied) {
			t.Errorf("%s, %s: %v", c.policy, c.account, err)
		}
	}
}

// An account that its owner deleted can be made anew by anybody. Who did so is not let in as
// the one before, and does not come off a list by doing so to an account of their own.
func TestNextOwnerOfADeletedAccountInheritsNothing(t *testing.T) {
	t.Parallel()
	r := rules(t, map[string][]string{"ops": {"alice.near"}, "later": {"alice.near#2"}, "dao": {"*.dao.near"}}, map[string]idp.AccessPolicy{
		"listed": {Allow: []string{"alice.near"}}, "group": {Allow: []string{"group:ops"}}, "again": {Allow: []string{"alice.near#2"}},
		"dao": {Allow: []string{"*.dao.near"}}, "banned": {Deny: []string{"alice.near"}}, "ban-ops": {Deny: []string{"group:ops"}}, "ban-2": {Deny: []string{"alice.near#2"}},
	})
	for subject, in := range map[string][]string{
		"alice.near":     {"listed", "group", "ban-2"},
		"alice.near#2":   {"again"},
		"alice.near#22":  {"ban-2"},
		"bob.dao.near#2": {"dao", "banned", "ban-ops", "ban-2"}, // dao.near made it anew
	} {
		for _, policy := range r.Names() {
			if err := r.Check(policy, subject); (err == nil) != slices.Contains(in, policy) {
				t.Errorf("%s, %s: %v", policy, subject, err)
			}
		}
	}
	for subject, want := range map[string][]string{"alice.near": {"ops"}, "alice.near#2": {"later"}, "alice.near#3": {}, "bob.dao.near#2": {"dao"}} {
		if got := r.Groups(subject); !slices.Equal(got, want) {
			t.Errorf("%s: %q", subject, got)
		}
	}
	for _, entry := range []string{"alice.near#1", "alice.near#0", "alice.near#02", "alice.near#", "alice.near#2#2", "*.dao.near#2", "#2", "alice.near#2 "} {
		if _, problems := access.New(map[string][]string{"g": {entry}}, nil); len(problems) == 0 {
			t.Errorf("%q is an entry", entry)
		}
	}
}

func TestGroupsAreAListInOrderAndNeverNil(t *testing.T) {
	t.Parallel()
	r := rules(t, map[string][]string{"writers": {"alice.near"}, "admins": {"*.near", "bob.testnet"}, "all": {"*"}}, nil)
	for account, want := range map[string][]string{
		"alice.near": {"admins", "all", "writers"}, "bob.testnet": {"admins", "all"}, "near": {"all"},
	} {
		if got := r.Groups(account); !slices.Equal(got, want) {
			t.Errorf("%s: %q", account, got)
		}
	}
	if got := rules(t, nil, nil).Groups("alice.near"); got == nil || len(got) > 0 {
		t.Errorf("%#v", got)
	}
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	_, problems := access.New(map[string][]string{
		"ok": {"Alice.near", "*.", "a*.near", "group:ok", "**", "*.*.near", "alice..near", "*near"}, "no good": {"alice.near"},
	}, map[string]idp.AccessPolicy{"p": {Allow: []string{"alice.near", "group:none", ""}, Deny: []string{"al ice.near"}}})
	var keys []string
	for _, problem := range problems {
		keys = append(keys, problem.Key)
	}
	want := []string{
		"groups.no good", "groups.ok[0]", "groups.ok[1]", "groups.ok[2]", "groups.ok[3]", "groups.ok[4]", "groups.ok[5]", "groups.ok[6]", "groups.ok[7]",
		"access_policies.p.allow[1]", "access_policies.p.allow[2]", "access_policies.p.deny[0]",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("%q", keys)
	}
}

// Whatever is accepted as an entry matches by this one sentence: itself, or what ends in its part behind the *.
func FuzzEntry(f *testing.F) {
	f.Add("*.mydao.near", "alice.mydao.near")
	f.Add("mydao.near", "evilmydao.near")
	f.Add("*", "near")
	f.Fuzz(func(t *testing.T, entry, account string) {
		r, problems := access.New(map[string][]string{"g": {entry}}, map[string]idp.AccessPolicy{"allow": {Allow: []string{"group:g"}}, "deny": {Deny: []string{entry}}})
		if _, err := near.ParseAccountID(account); err != nil || len(problems) > 0 {
			return
		}
		want := entry == "*" || entry == account || strings.HasPrefix(entry, "*.") && strings.HasSuffix(account, entry[1:])
		if got := len(r.Groups(account)) == 1; got != want {
			t.Errorf("%q is in %q: %v", account, entry, got)
		}
		if allowed, denied := r.Check("allow", account) == nil, r.Check("deny", account) != nil; allowed != want || denied != want {
			t.Errorf("%q allowed by %q: %v, denied: %v", account, entry, allowed, denied)
		}
	})
}
