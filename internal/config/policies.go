package config

import (
	"fmt"
	"net/url"
	"slices"

	"near-idp/internal/access"
	"near-idp/internal/claims"
)

// Policies returns the policies of the configuration, ready to use. A
// configuration that was loaded has none that cannot be.
func (c *Config) Policies() (*claims.Policies, *access.Rules) {
	host := ""
	if issuer, err := url.Parse(c.Issuer); err == nil {
		host = issuer.Hostname()
	}
	rules, _ := access.New(c.Groups, c.AccessPolicies)
	policies, _ := claims.New(host, c.ClaimPolicies, rules.Groups)
	return policies, rules
}

// checkPolicies checks groups and policies, and that clients name some that exist.
func (c *Config) checkPolicies(p *problems, issuer *url.URL) {
	host := ""
	if issuer != nil {
		host = issuer.Hostname()
	}
	rules, found := access.New(c.Groups, c.AccessPolicies)
	policies, more := claims.New(host, c.ClaimPolicies, rules.Groups)
	for _, problem := range slices.Concat(found, more) {
		p.add(problem.Key, "%w", problem.Err)
	}
	for i, client := range c.Clients {
		key := fmt.Sprintf("clients[%d]", i)
		if name := client.ClaimPolicy; name != "" {
			oneOf(p, key+".claim_policy", name, policies.Known()...)
		}
		if name := client.AccessPolicy; name != "" && !slices.Contains(rules.Names(), name) {
			if names := rules.Names(); len(names) > 0 {
				oneOf(p, key+".access_policy", name, names...)
			} else {
				p.add(key+".access_policy", "%s is not known: add it under access_policies, such as access_policies: {%s: {allow: [alice.near]}}", quote(name), printable(name))
			}
		}
	}
}
