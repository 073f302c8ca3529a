package config

import (
	"errors"
	"fmt"
	"slices"

	"near-idp/internal/idp"
)

// checkClients checks what concerns the file: that each client is complete,
// unique and consistent with the rest of it. The registry validates the metadata.
func (c *Config) checkClients(p *problems) {
	lines := map[string]int{}
	for i, client := range c.Clients {
		key := fmt.Sprintf("clients[%d]", i)
		if client.ID == "" {
			p.add(key+".client_id", "required: write a short name such as grafana")
			continue
		}
		if earlier, twice := lines[client.ID]; twice {
			p.add(key+".client_id", "%s is also the id of clients[%d]: ids are unique", quote(client.ID), earlier)
		}
		lines[client.ID] = i
		// An empty secret can only be written as "", and means none.
		switch err := CheckSecret(client.Secret); {
		case client.Public() && client.Secret != "":
			p.add(key+".secret", "%s is a public client (token_endpoint_auth_method: none) and cannot keep a secret: remove one of the two keys", quote(client.ID))
		case !client.Public() && client.Secret == "":
			p.add(key+".secret", "%s needs a secret, such as secret: file:/run/secrets/%s; an application that cannot keep one is public: token_endpoint_auth_method: none",
				quote(client.ID), printable(client.ID))
		case !client.Public() && err != nil:
			p.add(key+".secret", "%w", err)
		}
		if alg := client.IDTokenSignedResponseAlg; alg != "" && !slices.Contains(c.Signing.Algs, alg) {
			oneOf(p, key+".id_token_signed_response_alg", alg, c.Signing.Algs...)
		}
	}
}

// CheckSecret accepts a client secret of 32 to 256 characters of A-Z a-z 0-9 _
// -: enough entropy for a stored SHA-256, and no character that some clients
// escape in HTTP Basic authentication and others do not (RFC 6749 section
// 2.3.1). The error does not contain the secret.
func CheckSecret(secret idp.Secret) error {
	const advice = "make one with: openssl rand -hex 32"
	if len(secret) < 32 || len(secret) > 256 {
		return fmt.Errorf("the secret has %d characters and needs 32 to 256: %s", len(secret), advice)
	}
	for _, c := range []byte(secret) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return errors.New("the secret has a character other than A-Z a-z 0-9 _ -, which clients disagree how to send: " + advice)
		}
	}
	return nil
}
