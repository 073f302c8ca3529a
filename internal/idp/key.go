package idp

import "time"

// A SigningKey is a key pair, or for the algorithm HS256 a symmetric key, as
// it is stored: the private part wrapped under the operator's encryption key.
//
// Its times alone say what it does, so that nobody has to change a row at the
// right second: the key is published from CreatedAt until ExpiresAt and signs
// from ActivatesAt until RetiresAt. The last two are zero while no successor
// is known.
type SigningKey struct {
	KID         string
	Alg         string
	Wrapped     []byte
	CreatedAt   time.Time
	ActivatesAt time.Time
	RetiresAt   time.Time
	ExpiresAt   time.Time
}

// A KeyState is what a signing key does at some time.
type KeyState string

// The states of a key, in the order that it goes through them.
const (
	KeyNext    KeyState = "next"    // published, so that relying parties know it before it signs
	KeyActive  KeyState = "active"  // signs
	KeyRetired KeyState = "retired" // published until what it signed has expired
	KeyExpired KeyState = "expired" // worth nothing; about to be deleted
)

// State returns what the key does at the given time.
func (k *SigningKey) State(at time.Time) KeyState {
	switch {
	case !k.ExpiresAt.IsZero() && !at.Before(k.ExpiresAt):
		return KeyExpired
	case !k.RetiresAt.IsZero() && !at.Before(k.RetiresAt):
		return KeyRetired
	case at.Before(k.ActivatesAt):
		return KeyNext
	}
	return KeyActive
}
