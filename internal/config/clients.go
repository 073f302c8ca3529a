package config

import (
	"fmt"
	"slices"

	"near-idp/internal/idp"
)

// checkClients checks what concerns the file: that each client has an id of its
// own, a way to authenticate and an algorithm on offer. The registry validates
// the rest.
func (c *Config) checkClients(p *problems) {
	first := map[string]int{}
	for i, client := range c.Clients {
		key := fmt.Sprintf("clients[%d]", i)
		if client.ID == "" {
			p.add(key+".client_id", "required: write a short name such as grafana")
			continue
		}
		if earlier, twice := first[client.ID]; twice {
			p.add(key+".client_id", "%s is also the id of %s: ids are unique", quote(client.ID), p.other(key, fmt.Sprintf("clients[%d]", earlier)))
		}
		first[client.ID] = i
		// An empty secret can only be written as "", and means none.
		switch {
		case client.Public() && client.Secret != "":
			p.add(key+".secret", "%s is a public client (token_endpoint_auth_method: none) and cannot keep a secret: remove one of the two keys", quote(client.ID))
		case client.TokenEndpointAuthMethod == idp.AuthPrivateKey && client.Secret != "":
			p.add(key+".secret", "%s signs assertions instead (token_endpoint_auth_method: private_key_jwt): remove one of the two keys", quote(client.ID))
		case client.UsesSecret() && client.Secret == "":
			p.add(key+".secret", "%s needs a secret, such as secret: file:/run/secrets/%s; an application that cannot keep one is public: token_endpoint_auth_method: none",
				quote(client.ID), printable(client.ID))
		}
		if alg := client.IDTokenSignedResponseAlg; alg != "" && !slices.Contains(c.Signing.Algs, alg) {
			oneOf(p, key+".id_token_signed_response_alg", alg, c.Signing.Algs...)
		}
	}
}
