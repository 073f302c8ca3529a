package idp

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Authenticates reports whether the secret is one of the client's live ones.
// It is never true for a public client or an empty secret.
func (c *Client) Authenticates(secret string) bool {
	if c.Public() || secret == "" {
		return false
	}
	given := sha256.Sum256([]byte(secret))
	match := 0
	for _, hash := range c.SecretHashes {
		match |= subtle.ConstantTimeCompare(hash, given[:])
	}
	return match == 1
}
