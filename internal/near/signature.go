package near

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidSignature reports text that is not an Ed25519 signature in any of
// the accepted forms. It says nothing about whether a well-formed signature
// verifies; that is ErrBadSignature.
var ErrInvalidSignature = errors.New("near: invalid signature encoding")

const (
	signatureBase64    = 88 // padded base64 of 64 bytes
	signatureBase64Raw = 86 // the same without "=="
	maxSignatureBase58 = 88
)

// Signature is an Ed25519 signature. It must never serve as a uniqueness key:
// the nonce is what makes a login single.
type Signature [ed25519.SignatureSize]byte

// ParseSignature accepts the forms that wallets send: base64 in the standard or
// URL alphabet, padded or not, and "ed25519:" with base58. Refused are
// unprefixed base58 (most of it reads as base64 too), hex, byte arrays,
// whitespace and every non-canonical spelling. Errors wrap
// ErrUnsupportedKeyType for another key type's prefix, else
// ErrInvalidSignature.
func ParseSignature(text string) (Signature, error) {
	var signature Signature
	if unsupportedKeyType(text) {
		return Signature{}, fmt.Errorf("%w: the signature is labelled %s, must be ed25519", ErrUnsupportedKeyType, quote(text))
	}
	if digits, ok := strings.CutPrefix(text, ed25519Prefix); ok {
		if err := decodeBase58(signature[:], digits, maxSignatureBase58); err != nil {
			return Signature{}, fmt.Errorf("%w: %w", ErrInvalidSignature, err)
		}
		return signature, nil
	}
	encoding, err := signatureEncoding(text)
	if err != nil {
		return Signature{}, err
	}
	if err := decodeBase64(signature[:], text, encoding); err != nil {
		return Signature{}, fmt.Errorf("%w: %w", ErrInvalidSignature, err)
	}
	return signature, nil
}

// String is the standard base64 that NEP-413 asks wallets for.
func (s Signature) String() string { return base64.StdEncoding.EncodeToString(s[:]) }

func signatureEncoding(text string) (*base64.Encoding, error) {
	urlAlphabet := strings.ContainsAny(text, "-_")
	switch {
	case len(text) == signatureBase64 && urlAlphabet:
		return base64.URLEncoding, nil
	case len(text) == signatureBase64:
		return base64.StdEncoding, nil
	case len(text) == signatureBase64Raw && urlAlphabet:
		return base64.RawURLEncoding, nil
	case len(text) == signatureBase64Raw:
		return base64.RawStdEncoding, nil
	default:
		return nil, fmt.Errorf("%w: %d characters; base64 of a signature has %d, or %d without padding",
			ErrInvalidSignature, len(text), signatureBase64, signatureBase64Raw)
	}
}

// decodeBase64 fills into from text, which must be exactly what encoding would
// write for it. Go's decoder skips CR and LF even in Strict mode, hence the
// comparison with the encoded result.
func decodeBase64(into []byte, text string, encoding *base64.Encoding) error {
	var buffer [signatureBase64]byte
	if encoding.DecodedLen(len(text)) > len(buffer) {
		return fmt.Errorf("%d base64 characters are too many", len(text))
	}
	n, err := encoding.Decode(buffer[:], []byte(text))
	if err != nil {
		return fmt.Errorf("not base64: %w", err)
	}
	if n != len(into) {
		return fmt.Errorf("%d bytes, must be %d", n, len(into))
	}
	copy(into, buffer[:n])
	if encoding.EncodeToString(into) != text {
		return errors.New("not the canonical base64 of its bytes")
	}
	return nil
}
