package keyring

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// The "typ" headers that tokens are signed with.
const (
	TypeJWT         = "JWT"        // ID tokens
	TypeAccessToken = "at+jwt"     // RFC 9068 section 2.1
	TypeLogoutToken = "logout+jwt" // OpenID Connect Back-Channel Logout section 2.4
)

var types = []string{TypeJWT, TypeAccessToken, TypeLogoutToken}

const maxToken = 16 << 10 // bytes

var verifiable = []jose.SignatureAlgorithm{idp.RS256, idp.ES256, idp.EdDSA, idp.PS256}

// maxGenuine bounds the tokens of which a ring remembers that the signature is right: two
// generations of so many. Applications show the same access token many times. Whether its key
// still counts is looked at each time.
const maxGenuine = 2048

// Sign returns claims, which is JSON, as a compact JWS with the headers alg,
// kid and typ. It fails only for a type or algorithm that the ring was not
// opened with. The claims belong to the ring afterwards.
func (r *Ring) Sign(typ, alg string, claims []byte) (string, error) {
	s := r.current.Load()
	signer, found := current(s.signers[use{typ, alg}], r.now(s))
	if !found {
		return "", fmt.Errorf("no key signs %q tokens with %q; the algorithms are %v and the types %v", typ, alg, r.vault.Algs, types)
	}
	token, err := signer.sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign %s token with %s: %w", typ, alg, err)
	}
	if typ == TypeAccessToken {
		r.genuine.Put(sha256.Sum256([]byte(token)), claims)
	}
	return token, nil
}

// verifyOurs is Verify for a token whose header is, byte for byte, one that this ring writes;
// ours is false of every other. Such a header has nothing in it to be read.
func (r *Ring) verifyOurs(s *snapshot, token, typ string) (claims []byte, ours bool, err error) {
	head, _, found := strings.Cut(token, ".")
	signer, ours := s.heads[head]
	if !found || !ours {
		return nil, false, nil
	}
	switch {
	case signer.when().State(r.now(s)) == idp.KeyExpired:
		return nil, true, errors.New("token names no key of ours")
	case signer.typ != typ:
		return nil, true, fmt.Errorf("token is of another type than %q", typ)
	}
	sum := sha256.Sum256([]byte(token))
	if claims, found := r.genuine.Get(sum); found {
		return claims, true, nil
	}
	if claims, err = signer.verify(token); err == nil {
		r.genuine.Put(sum, claims)
	}
	return claims, true, err
}

// Verify returns the claims of a token that this ring's keys signed as typ. The
// error says which check failed. Whether the token has expired, and for whom it
// is, is for the caller to check, who must not change the claims.
//
// Only the key that the ring knows under the token's kid is used, with that
// key's own algorithm: keys in the token or behind its jku or x5u header are
// never looked at (RFC 8725 sections 3.1 and 3.10).
func (r *Ring) Verify(token, typ string) (claims []byte, err error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("token has %d bytes, more than %d", len(token), maxToken)
	}
	s := r.current.Load()
	if claims, ours, err := r.verifyOurs(s, token, typ); ours {
		return claims, err
	}
	jws, err := jose.ParseSignedCompact(token, verifiable)
	if err != nil {
		return nil, fmt.Errorf("token is not a compact JWS of ours: %w", err)
	}
	header := jws.Signatures[0].Protected
	key, known := s.public[header.KeyID]
	if !known || key.when().State(r.now(s)) == idp.KeyExpired {
		return nil, errors.New("token names no key of ours")
	}
	if key.Algorithm != header.Algorithm {
		return nil, fmt.Errorf("token was signed with %s, its key is for %s", header.Algorithm, key.Algorithm)
	}
	// Media types compare without regard to case (RFC 7515 section 4.1.9).
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(got, typ) {
		return nil, fmt.Errorf("token is of another type than %q", typ)
	}
	claims, err = jws.Verify(key.Key)
	if err != nil {
		return nil, fmt.Errorf("token signature: %w", err)
	}
	// Base64 decoders skip line feeds and spare bits; one token has one spelling.
	if again, err := jws.CompactSerialize(); err != nil || again != token {
		return nil, errors.New("token is not spelled as it was issued")
	}
	return claims, nil
}
