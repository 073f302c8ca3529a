package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// hs256 is the algorithm of the symmetric keys, which only make MACs and never
// sign or verify a token.
const hs256 = "HS256"

const (
	rsaBits = 2048 // the least that RFC 7518 section 3.3 allows
	macSize = 32
)

// asymmetric lists the algorithms that tokens are signed with, in the order in
// which the JWKS shows their keys: the one that every relying party knows first.
// RS256 and PS256 have keys of their own: an RSA key for two paddings lets a
// token of the one be checked as the other (RFC 8725 section 3.1).
var asymmetric = []string{idp.RS256, idp.ES256, idp.EdDSA, idp.PS256}

// generate makes a key and returns its private part: PKCS #8, or for HS256 the
// bare 256 bits. The kid of a key pair is its thumbprint (RFC 7638); that of a
// symmetric key is random, since a thumbprint would be a hash of the secret.
func generate(alg string) (kid string, private []byte, err error) {
	if alg == hs256 {
		private = make([]byte, macSize)
		rand.Read(private)
		return rand.Text(), private, nil
	}
	for {
		key, err := newPair(alg)
		if err != nil {
			return "", nil, fmt.Errorf("generate %s key: %w", alg, err)
		}
		if kid, err = thumbprint(key.Public()); err != nil {
			return "", nil, err
		}
		if strings.HasPrefix(kid, "-") {
			continue // on a command line it would be taken for a flag
		}
		if private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			return "", nil, fmt.Errorf("generate %s key: %w", alg, err)
		}
		return kid, private, nil
	}
}

func newPair(alg string) (key crypto.Signer, err error) {
	switch alg {
	case idp.RS256, idp.PS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case idp.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case idp.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("%q is not one of %v", alg, asymmetric)
}

func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// parsePair reads the private part of a key pair and refuses one whose kind or
// strength is not that of its algorithm.
func parsePair(kid, alg string, private []byte) (jose.JSONWebKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("signing key %q (%s): %w", kid, alg, err)
	}
	suits := false
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		suits = (alg == idp.RS256 || alg == idp.PS256) && key.N.BitLen() >= rsaBits
		key.Precompute() // signing without the CRT values takes three times as long
	case *ecdsa.PrivateKey:
		suits = alg == idp.ES256 && key.Curve == elliptic.P256()
	case ed25519.PrivateKey:
		suits = alg == idp.EdDSA
	}
	if !suits {
		return jose.JSONWebKey{}, fmt.Errorf("signing key %q is a %T, which is too short or not for %s", kid, parsed, alg)
	}
	return jose.JSONWebKey{Key: parsed, KeyID: kid, Algorithm: alg, Use: "sig"}, nil
}

func checkAlgs(algs []string) error {
	if len(algs) == 0 {
		return fmt.Errorf("signing.algs is empty: list at least one of %v", asymmetric)
	}
	for i, alg := range algs {
		if !slices.Contains(asymmetric, alg) {
			return fmt.Errorf("signing.algs: %q is not one of %v", alg, asymmetric)
		}
		if slices.Contains(algs[:i], alg) {
			return fmt.Errorf("signing.algs: %q is listed twice", alg)
		}
	}
	return nil
}
