package jose

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// maxRSA bounds, in bits, what a stranger can have us compute with.
const maxRSA = 4096

// VerifyEmbedded verifies a compact JWS that is signed with one of algs by the
// public key in its own "jwk" header, and returns its payload with the key's
// SHA-256 thumbprint (RFC 7638) in base64url. It proves that the sender holds
// the key and nothing more; whose key it is, the caller must know otherwise. typ is
// the media type that the header must name.
func VerifyEmbedded(token, typ string, algs []string) (payload []byte, thumbprint string, err error) {
	jws, err := parse(token, algs)
	if err != nil {
		return nil, "", err
	}
	header := jws.Signatures[0].Protected
	// Media types compare without regard to case (RFC 7515 section 4.1.9).
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(got, typ) {
		return nil, "", fmt.Errorf("typ is not %s", typ)
	}
	key, err := embedded(token)
	if err != nil {
		return nil, "", fmt.Errorf("jwk %w", err)
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, "", fmt.Errorf("alg is %s, that of the jwk another", header.Algorithm)
	}
	if payload, err = jws.Verify(key.Key); err != nil {
		return nil, "", errors.New("the signature does not verify with the jwk")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, "", fmt.Errorf("thumbprint: %w", err)
	}
	return payload, base64.RawURLEncoding.EncodeToString(sum), nil
}

// embedded reads the key from the header's own text: a parsed key no longer
// tells whether it came with members that should never have left their owner.
func embedded(token string) (key jose.JSONWebKey, err error) {
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return key, fmt.Errorf("is unreadable: %w", err)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(raw, &header); err != nil {
		return key, fmt.Errorf("is unreadable: %w", err)
	}
	if key, err = parseKey(header["jwk"]); err != nil {
		return key, err
	}
	if rsaKey, ok := key.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() > maxRSA {
		return key, fmt.Errorf("is an RSA key of %d bits: at most %d are allowed", rsaKey.N.BitLen(), maxRSA)
	}
	return key, nil
}
