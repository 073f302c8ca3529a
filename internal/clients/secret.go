package clients

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// secretPrefix lets scanners of source code and logs recognise a secret of ours.
const secretPrefix = "ncs_"

const (
	minSecret = 32   // characters
	maxSecret = 1024 // characters
	// shownPrefix is how much of a secret of ours is kept, to tell it from others:
	// 24 of its 256 bits.
	shownPrefix = len(secretPrefix) + 4
	maxSecrets  = 10 // of one client, the configuration's included
)

// NewSecret makes a client secret of 256 random bits and its hash. It consists
// of letters, digits, "-" and "_", which mean the same before and after the
// form-encoding that RFC 6749 section 2.3.1 demands of Basic credentials and many
// clients leave out.
func NewSecret() (idp.Secret, []byte) {
	var random [32]byte
	rand.Read(random[:])
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(secret))
	return idp.Secret(secret), hash[:]
}

// HashSecret returns the hash of a secret that the operator chose. It refuses
// one that could be guessed from the hash, which is fast because a slow one
// would let anybody exhaust the token endpoint, and one that clients and server
// could read differently. The errors do not show the secret.
func HashSecret(secret idp.Secret) ([]byte, error) {
	switch {
	case len(secret) < minSecret:
		return nil, invalid(fmt.Errorf("secret has %d characters, at least %d are needed: make one with `openssl rand -hex 32`", len(secret), minSecret))
	case len(secret) > maxSecret:
		return nil, invalid(fmt.Errorf("secret has %d characters, at most %d are allowed: make one with `openssl rand -hex 32`", len(secret), maxSecret))
	case strings.ContainsFunc(string(secret), func(r rune) bool { return r <= ' ' || r > '~' || r == '+' || r == '%' }):
		return nil, invalid(errors.New("secret has a space, +, % or another character that clients encode differently: make one with `openssl rand -hex 32`"))
	}
	hash := sha256.Sum256([]byte(secret))
	return hash[:], nil
}

// CheckSecret reports whether given is a secret of the client that has not
// expired by now. It takes the same time whichever secret matches, and is never
// true for a client that has none by its method.
func CheckSecret(c *idp.Client, given string, now time.Time) bool {
	_, ok := matchSecret(c, given, now)
	return ok
}

// matchSecret is CheckSecret, and returns the id of the secret that matches.
func matchSecret(c *idp.Client, given string, now time.Time) (id string, ok bool) {
	if !c.UsesSecret() || given == "" || len(given) > maxSecret {
		return "", false
	}
	hash := sha256.Sum256([]byte(given))
	match := 0
	for _, s := range c.Secrets {
		if s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) {
			same := subtle.ConstantTimeCompare(hash[:], s.Hash)
			match |= same
			if same == 1 {
				id = s.ID
			}
		}
	}
	return id, match == 1
}
