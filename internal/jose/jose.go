// Package jose verifies what clients sign with their own keys. It knows public
// keys alone: a private or symmetric one is refused wherever it turns up.
package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// The bounds of what is parsed.
const (
	MaxSet   = 64 << 10 // bytes of a JWK Set
	maxKeys  = 20
	maxToken = 8 << 10 // bytes of a JWS
	maxKeyID = 256     // bytes
	minRSA   = 2048    // bits, RFC 7518 section 3.3
)

// Algs are the algorithms that a client may sign with. None of them takes a
// symmetric key, and "none" is no algorithm.
var Algs = []string{idp.PS256, idp.ES256, idp.EdDSA, idp.RS256}

// ErrNoKey reports that a set has no key that could have signed a token: the
// set may be out of date.
var ErrNoKey = errors.New("no such key")

// A Set is a client's public keys. It never changes.
type Set struct{ keys []jose.JSONWebKey }

// ParseSet reads a JWK Set (RFC 7517 section 5) that a client is registered
// with. The error says which key is of no use and why.
func ParseSet(text []byte) (*Set, error) { return parseSet(text, true) }

// ParsePublishedSet reads a JWK Set from where a client publishes it. Keys that
// are of no use here are skipped, since they may have other uses; a private one
// is never used.
func ParsePublishedSet(text []byte) (*Set, error) { return parseSet(text, false) }

func parseSet(text []byte, strict bool) (*Set, error) {
	if len(text) > MaxSet {
		return nil, fmt.Errorf("has %d bytes, more than %d", len(text), MaxSet)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New(`is not a JWK Set: it must look like {"keys": [{"kty": …}]}`)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("has %d keys: at most %d are allowed", len(raw.Keys), maxKeys)
	}
	set := &Set{}
	for i, member := range raw.Keys {
		key, err := parseKey(member)
		switch {
		case err == nil:
			set.keys = append(set.keys, key)
		case strict:
			return nil, fmt.Errorf("keys[%d] %w", i, err)
		}
	}
	if len(set.keys) == 0 {
		return nil, errors.New("has no public key that can verify a signature")
	}
	return set, nil
}

// private lists the members of RFC 7518 section 6 that only a private or a
// symmetric key has.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func parseKey(text []byte) (key jose.JSONWebKey, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return key, errors.New("is not a JSON object")
	}
	for _, name := range private {
		if _, present := members[name]; present {
			return key, fmt.Errorf("has the member %q, which belongs to a private or symmetric key: whoever has seen it can sign, so make a new pair and give its public part alone", name)
		}
	}
	if err := key.UnmarshalJSON(text); err != nil || !key.IsPublic() {
		return key, errors.New("is not a public key of type RSA, EC or OKP")
	}
	if len(key.KeyID) > maxKeyID {
		return key, fmt.Errorf("has a kid of %d bytes: at most %d are allowed", len(key.KeyID), maxKeyID)
	}
	if key.Use != "" && key.Use != "sig" {
		return key, fmt.Errorf("has the use %.20q: only sig is of use here", key.Use)
	}
	if rsaKey, ok := key.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSA {
		return key, fmt.Errorf("is an RSA key of %d bits: at least %d are needed", rsaKey.N.BitLen(), minRSA)
	}
	algs := algsOf(key.Key)
	if algs == nil {
		return key, fmt.Errorf("is of a kind that is not supported: use P-256, Ed25519 or RSA")
	}
	if key.Algorithm != "" && !slices.Contains(algs, key.Algorithm) {
		return key, fmt.Errorf("has the alg %.20q, but its kind of key signs with %v", key.Algorithm, algs)
	}
	return key, nil
}

func algsOf(key any) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return []string{idp.PS256, idp.RS256}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return []string{idp.ES256}
		}
	case ed25519.PublicKey:
		return []string{idp.EdDSA}
	}
	return nil
}

// Verify returns the payload of a compact JWS that one of the keys signed with
// one of algs. It is ErrNoKey if none of them could have. Keys in the token, or
// behind its jku or x5u header, are never looked at (RFC 8725 section 3.10).
func (s *Set) Verify(token string, algs []string) ([]byte, error) {
	jws, err := parse(token, algs)
	if err != nil {
		return nil, err
	}
	header, tried := jws.Signatures[0].Protected, false
	for _, key := range s.keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		if !slices.Contains(algsOf(key.Key), header.Algorithm) || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		tried = true
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	if !tried {
		return nil, fmt.Errorf("%w: kid %.64q, alg %s", ErrNoKey, header.KeyID, header.Algorithm)
	}
	return nil, errors.New("the signature does not verify")
}

// Unverified returns the payload of a compact JWS whose signature nobody has
// looked at. It serves to find out whose keys to ask.
func Unverified(token string) ([]byte, error) {
	jws, err := parse(token, Algs)
	if err != nil {
		return nil, err
	}
	return jws.UnsafePayloadWithoutVerification(), nil
}

func parse(token string, algs []string) (*jose.JSONWebSignature, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("the token has %d bytes, more than %d", len(token), maxToken)
	}
	allowed := make([]jose.SignatureAlgorithm, len(algs))
	for i, alg := range algs {
		allowed[i] = jose.SignatureAlgorithm(alg)
	}
	jws, err := jose.ParseSignedCompact(token, allowed)
	if err != nil {
		return nil, fmt.Errorf("not a compact JWS signed with one of %v: %w", algs, err)
	}
	return jws, nil
}
