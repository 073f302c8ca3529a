package claims

import (
	"regexp"
	"strings"

	"near-idp/internal/idp"
)

// The policies that are there without any configuration. A policy of the same name in
// the configuration takes the place of one. Every one of them gives what PolicyDefault gives.
const (
	// PolicyDefault gives no email. It holds for clients that name no policy.
	PolicyDefault = "default"
	// PolicyEmail adds an address that receives no mail, with email_verified false.
	PolicyEmail = "email"
	// PolicyEmailPlain adds the address alone, for software that takes an email_verified of
	// false for a refusal, such as oauth2-proxy. Others take its absence for true and join
	// accounts by address: they need PolicyEmail.
	PolicyEmailPlain = "email-plain"
	// PolicyKeycloak is PolicyEmail with given_name and family_name, without any of which
	// Keycloak asks each new user for the rest.
	PolicyKeycloak = "keycloak"
)

// builtin returns those policies for an issuer's host.
func builtin(host string) map[string]idp.ClaimPolicy {
	address := "{account_id}@" + Domain(host)
	return map[string]idp.ClaimPolicy{
		PolicyDefault:    {},
		PolicyEmail:      {Add: map[string]string{"email": address}},
		PolicyEmailPlain: {Add: map[string]string{"email": address, "email_verified": omit}},
		PolicyKeycloak:   {Add: map[string]string{"email": address, "given_name": "{account_id}", "family_name": "NEAR"}},
	}
}

var notInLabels = regexp.MustCompile(`[^a-z0-9.-]+`)

// Domain is that of the addresses which the built-in policies make up: one of the
// issuer's own below .invalid, where no mail is ever delivered and nobody can register a name (RFC 6761 section 6.4).
func Domain(host string) string {
	domain := "users." + notInLabels.ReplaceAllString(strings.ToLower(host), "") + ".invalid"
	if checkDomain(domain) != nil { // an IPv6 address, or a host of great length
		return "users.invalid"
	}
	return domain
}
