package idp

import "time"

// A SigningKey is a key pair, or for the algorithm HS256 a symmetric key, as
// it is stored: the private part wrapped under the operator's encryption key.
type SigningKey struct {
	KID       string
	Alg       string
	Wrapped   []byte
	CreatedAt time.Time
}
