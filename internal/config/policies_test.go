package config

import (
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

func TestMistakesInPoliciesAreReportedWithTheirLines(t *testing.T) {
	t.Parallel()
	_, err := load(t, `claim_policies:
  wiki:
    add: {sub: "{account_id}"}
  forum:
    add:
      email: "{account_id}@near.email"
  shop: {add: {email: "{account_id}@users.example.com", email_verified: true}}
  shop: {}
  chat: {id_tokn: []}
  mail: {add: [email]}
access_policies:
  staff: {allow: [Alice.near, "group:ops"]}
  "": {}
groups:
  admins: [alice.near, "mydao.*"]
clients:
  - {client_id: a, redirect_uris: ["https://a.example.com/"], token_endpoint_auth_method: none, claim_policy: wikki, access_policy: staf}
`+required(""))
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{
		"config.yaml:3: claim_policies.wiki.add.sub: \"sub\" is set by the provider itself",
		"config.yaml:6: claim_policies.forum.add.email: \"near.email\" is not yours",
		"config.yaml:7: claim_policies.shop.add.email_verified: an address that is made up was verified by nobody",
		"config.yaml:8: claim_policies.shop: this name is already on line 7",
		"config.yaml:9: claim_policies.chat.id_tokn: unknown key; did you mean \"id_token\"?",
		"config.yaml:10: claim_policies.mail.add: must be a group of keys",
		"config.yaml:12: access_policies.staff.allow[0]: \"Alice.near\" is no account of NEAR",
		"config.yaml:12: access_policies.staff.allow[1]: there is no group \"ops\"",
		"config.yaml:13: access_policies.?: a name must be a word",
		"config.yaml:15: groups.admins[1]: \"mydao.*\" has a * that is not at its left end",
		"config.yaml:17: clients[0].claim_policy: \"wikki\" is not known: did you mean \"wiki\"?",
		"config.yaml:17: clients[0].access_policy: \"staf\" is not known: did you mean \"staff\"?",
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if i >= len(want) || !strings.Contains(line, want[i]) {
			t.Errorf("%s", line)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d mistakes, want %d", len(lines), len(want))
	}
}

func TestPoliciesOfTheExampleWork(t *testing.T) {
	t.Parallel()
	c, err := Load(exampleFile, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	policies, rules := c.Policies()
	who := idp.Identity{Subject: "alice.near", AccountID: "alice.near", Network: "mainnet"}
	got := policies.Profile(&c.Clients[0].Client, who, c.Clients[0].Scopes(), idp.PlaceIDToken)
	if groups, _ := got["groups"].([]string); got["email"] != "alice.near@users.example.com" || got["email_verified"] != false || !slices.Equal(groups, []string{"grafana-admin"}) {
		t.Errorf("%v", got)
	}
	for account, in := range map[string]bool{"alice.near": true, "a.b.corp.near": true, "corp.near": false, "mallory.corp.near": false, "bob.near": false} {
		if err := rules.Check("staff", account); (err == nil) != in {
			t.Errorf("%s: %v", account, err)
		}
	}
}
