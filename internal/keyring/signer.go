package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"runtime"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// A signer makes and checks the tokens of one key and type. Their header never varies, so it
// is written once.
type signer struct {
	*times
	typ    string
	head   string // base64url
	secret crypto.Signer
}

func newSigner(k *idp.SigningKey, pair jose.JSONWebKey, typ string) (*signer, error) {
	secret, ok := pair.Key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", pair.Key)
	}
	head, err := json.Marshal(struct {
		Alg string `json:"alg"`
		KID string `json:"kid"`
		Typ string `json:"typ"`
	}{pair.Algorithm, pair.KeyID, typ})
	if err != nil {
		return nil, err
	}
	return &signer{(*times)(k), typ, base64.RawURLEncoding.EncodeToString(head), secret}, nil
}

// rsaTurns are the RSA signatures that may be under way: each takes as long as thirty of the
// others do, and on every core at once they would keep all other requests waiting.
var rsaTurns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// pss has a salt as long as the hash (RFC 7518 section 3.5).
var pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

// half is the length of each of the two numbers of an ES256 signature (RFC 7518 section 3.4).
const half = 32

// sign returns a compact JWS (RFC 7515 section 7.1).
func (s *signer) sign(payload []byte) (string, error) {
	token := make([]byte, 0, len(s.head)+base64.RawURLEncoding.EncodedLen(len(payload))+base64.RawURLEncoding.EncodedLen(rsaBits/8)+2)
	token = append(append(token, s.head...), '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := s.signature(token)
	if err != nil {
		return "", err
	}
	token = base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)
	return string(token), nil
}

func (s *signer) signature(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	switch key := s.secret.(type) {
	case *ecdsa.PrivateKey:
		r, t, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		var signature [2 * half]byte
		r.FillBytes(signature[:half])
		t.FillBytes(signature[half:])
		return signature[:], nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	case *rsa.PrivateKey:
		rsaTurns <- struct{}{}
		defer func() { <-rsaTurns }()
		if s.Alg == idp.PS256 {
			return key.Sign(rand.Reader, digest[:], pss)
		}
		return key.Sign(nil, digest[:], crypto.SHA256)
	}
	return nil, fmt.Errorf("no signatures with a %T", s.secret)
}

// verify returns the payload of a token that begins with the signer's header.
func (s *signer) verify(token string) (payload []byte, err error) {
	body := token[len(s.head)+1:]
	dot := len(body) - 1
	for ; dot >= 0 && body[dot] != '.'; dot-- {
	}
	if dot < 0 {
		return nil, errors.New("token is not a compact JWS of ours: it has no signature")
	}
	signature, err := decode(body[dot+1:])
	if err != nil {
		return nil, fmt.Errorf("token signature: %w", err)
	}
	if payload, err = decode(body[:dot]); err != nil {
		return nil, fmt.Errorf("token payload: %w", err)
	}
	if !s.genuine([]byte(token[:len(s.head)+1+dot]), signature) {
		return nil, errors.New("token signature: it is not that of the key")
	}
	return payload, nil
}

func (s *signer) genuine(input, signature []byte) bool {
	digest := sha256.Sum256(input)
	switch key := s.secret.Public().(type) {
	case *ecdsa.PublicKey:
		return len(signature) == 2*half &&
			ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		return ed25519.Verify(key, input, signature)
	case *rsa.PublicKey:
		if s.Alg == idp.PS256 {
			return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}

// decode reads base64url of which there is one spelling: Go's decoder skips line feeds, so
// that the length tells.
func decode(text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && base64.RawURLEncoding.EncodedLen(len(raw)) != len(text) {
		err = errors.New("it has characters that are not base64url")
	}
	return raw, err
}
