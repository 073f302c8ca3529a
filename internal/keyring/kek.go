package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	minDistinct   = 8 // different bytes; a random secret never has fewer
	wrapVersion   = 1
	fingerprintAt = 1 // offset in a wrapped key: version, fingerprint, sealed
	sealedAt      = 5
)

// A KEK is a key encryption key: what the operator's secret in encryption.keys
// becomes. It wraps the private parts of signing keys at rest with AES-256-GCM.
type KEK struct {
	aead        cipher.AEAD
	fingerprint [4]byte // tells which key wrapped a row, nothing about the key
	macKey      []byte
}

// ParseKEK derives a key encryption key from a secret of at least 32 bytes,
// with HKDF-SHA256 (RFC 5869). Base64 and hexadecimal count as the text that
// they are, so that a secret has one meaning; hexadecimal digits count half.
// White space around the secret, such as the last line feed of a file, is not
// part of it.
func ParseKEK(secret string) (KEK, error) {
	secret = strings.TrimSpace(secret)
	if length := idp.EncryptionKeyLength(secret); length < idp.MinEncryptionKey {
		return KEK{}, fmt.Errorf("encryption key has %d bytes, at least %d are needed: make one with `openssl rand -base64 32`", length, idp.MinEncryptionKey)
	}
	if distinct(secret) < minDistinct {
		return KEK{}, fmt.Errorf("encryption key repeats the same few characters: make one with `openssl rand -base64 32`")
	}
	derived, err := hkdf.Key(sha256.New, []byte(secret), nil, "near-idp key encryption v1", 32+4)
	if err != nil {
		return KEK{}, fmt.Errorf("derive encryption key: %w", err)
	}
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return KEK{}, fmt.Errorf("derive encryption key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return KEK{}, fmt.Errorf("derive encryption key: %w", err)
	}
	// A key of its own: what one proves says nothing about what the other encrypts.
	macKey, err := hkdf.Key(sha256.New, []byte(secret), nil, "near-idp seal v1", 32)
	if err != nil {
		return KEK{}, fmt.Errorf("derive encryption key: %w", err)
	}
	return KEK{aead, [4]byte(derived[32:]), macKey}, nil
}

func distinct(s string) int {
	var seen [256]bool
	n := 0
	for _, b := range []byte(s) {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// String names the key by its fingerprint and never prints it.
func (k KEK) String() string { return hex.EncodeToString(k.fingerprint[:]) }

// MAC returns an HMAC-SHA256 under a key that is derived from k for one purpose. It proves
// that something was written by whoever holds the operator's secret.
func (k KEK) MAC(purpose string) hash.Hash {
	m := hmac.New(sha256.New, k.macKey)
	m.Write([]byte(purpose))
	return hmac.New(sha256.New, m.Sum(nil))
}

// Opens returns an error for each key that still counts at the time and that none of keks
// opens.
func Opens(keks []KEK, keys []idp.SigningKey, now time.Time) error {
	var problems []error
	for _, k := range keys {
		if k.State(now) == idp.KeyExpired || !known(k.Alg) {
			continue
		}
		if _, err := unwrap(keks, k); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// wrap seals a private key. The additional data binds kid and alg, so that a
// writer of the database cannot give one key the name or the use of another.
func (k KEK) wrap(kid, alg string, private []byte) []byte {
	out := append([]byte{wrapVersion}, k.fingerprint[:]...)
	return k.aead.Seal(out, nil, private, additional(kid, alg))
}

// wrapped reports whether k wrapped the key.
func (k KEK) wrapped(row idp.SigningKey) bool {
	w := row.Wrapped
	return len(w) > sealedAt && w[0] == wrapVersion && [4]byte(w[fingerprintAt:sealedAt]) == k.fingerprint
}

// wrappedBy returns the fingerprint of the key that wrapped a row; "" if the row is damaged.
func wrappedBy(row idp.SigningKey) string {
	if len(row.Wrapped) <= sealedAt || row.Wrapped[0] != wrapVersion {
		return ""
	}
	return hex.EncodeToString(row.Wrapped[fingerprintAt:sealedAt])
}

// unwrap opens a stored key with whichever of the keys wrapped it.
func unwrap(keks []KEK, row idp.SigningKey) ([]byte, error) {
	w := row.Wrapped
	if len(w) <= sealedAt || w[0] != wrapVersion {
		return nil, fmt.Errorf("signing key %q (%s) is damaged or of a newer version of idp", row.KID, row.Alg)
	}
	fingerprint := [4]byte(w[fingerprintAt:sealedAt])
	known := false
	for _, kek := range keks {
		if kek.fingerprint != fingerprint {
			continue
		}
		known = true
		if private, err := kek.aead.Open(nil, nil, w[sealedAt:], additional(row.KID, row.Alg)); err == nil {
			return private, nil
		}
	}
	if known {
		return nil, fmt.Errorf("signing key %q (%s) was altered in the database: restore its row, or delete it to have a new one made", row.KID, row.Alg)
	}
	return nil, fmt.Errorf("encryption.keys: signing key %q (%s) was wrapped with the encryption key of fingerprint %x, and only those of %v are configured: put the former key back at the end of the list",
		row.KID, row.Alg, fingerprint, keks)
}

func additional(kid, alg string) []byte {
	return []byte("near-idp signing key\x00" + kid + "\x00" + alg)
}
