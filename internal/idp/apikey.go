package idp

import "time"

// An APIKey is a credential for the admin API, as far as it is known: its hash.
type APIKey struct {
	ID         string    `json:"id"`
	Name       string    `json:"name,omitempty"`
	Prefix     string    `json:"prefix"` // its first characters
	Hash       []byte    `json:"-"`      // SHA-256
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	CreatedBy  string    `json:"created_by"` // an Origin's actor
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"` // to the minute
}
