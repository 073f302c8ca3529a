package claims

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
