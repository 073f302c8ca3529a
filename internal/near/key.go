package near

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/mr-tron/base58"
)

// Reasons to refuse a public key.
var (
	ErrInvalidPublicKey = errors.New("near: invalid public key")
	// ErrUnsupportedKeyType reports a NEAR key type that NEP-413 does not
	// define a signature for: secp256k1 and ML-DSA.
	ErrUnsupportedKeyType = errors.New("near: unsupported key type")
)

const (
	ed25519Prefix = "ed25519:"
	// base58 decoding is quadratic, so its input is capped at the longest
	// text that a value of the right size can have.
	maxKeyBase58 = 44
)

// PublicKey is an Ed25519 access key. It is comparable; the zero value verifies
// nothing.
type PublicKey struct{ bytes [ed25519.PublicKeySize]byte }

// ParsePublicKey accepts "ed25519:" and the canonical base58 of 32 bytes, as
// wallets send it. nearcore also reads upper-case and missing prefixes; those
// are refused here so that one key has one text. Errors wrap
// ErrUnsupportedKeyType for other NEAR key types, else ErrInvalidPublicKey.
func ParsePublicKey(text string) (PublicKey, error) {
	if unsupportedKeyType(text) {
		kind, _, _ := strings.Cut(text, ":")
		return PublicKey{}, fmt.Errorf("%w %s: sign in with an ed25519 key", ErrUnsupportedKeyType, quote(kind))
	}
	digits, ok := strings.CutPrefix(text, ed25519Prefix)
	if !ok {
		return PublicKey{}, fmt.Errorf("%w %s: must begin with %q", ErrInvalidPublicKey, quote(text), ed25519Prefix)
	}
	var key PublicKey
	if err := decodeBase58(key.bytes[:], digits, maxKeyBase58); err != nil {
		return PublicKey{}, fmt.Errorf("%w %s: %w", ErrInvalidPublicKey, quote(text), err)
	}
	if weakPoint(key.bytes) {
		return PublicKey{}, fmt.Errorf("%w %s: a small-order or non-canonical curve point, which anybody can sign for",
			ErrInvalidPublicKey, quote(text))
	}
	return key, nil
}

// String is the canonical text, the form for storage and RPC.
func (k PublicKey) String() string { return ed25519Prefix + base58.Encode(k.bytes[:]) }

// ImplicitAccountID is the NEAR-implicit account that this key creates: the
// lower-case hex of its bytes.
func (k PublicKey) ImplicitAccountID() AccountID {
	return AccountID(hex.EncodeToString(k.bytes[:]))
}

// unsupportedKeyType reports whether text is labelled with a NEAR key type
// other than ed25519.
func unsupportedKeyType(text string) bool {
	return strings.HasPrefix(text, "secp256k1:") || strings.HasPrefix(text, "ml-dsa-65:") ||
		strings.HasPrefix(text, "ml-dsa-65-hash:")
}

// Base58 encodes bytes as NEAR does.
func Base58(b []byte) string { return base58.Encode(b) }

// decodeBase58 fills into from text, which must be the one canonical encoding
// of exactly len(into) bytes and at most most characters.
func decodeBase58(into []byte, text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("%d base58 characters, at most %d encode %d bytes", len(text), most, len(into))
	}
	decoded, err := base58.Decode(text)
	if err != nil {
		return fmt.Errorf("not base58: %w", err)
	}
	if len(decoded) != len(into) {
		return fmt.Errorf("%d bytes, must be %d", len(decoded), len(into))
	}
	if base58.Encode(decoded) != text {
		return errors.New("not the canonical base58 of its bytes")
	}
	copy(into, decoded)
	return nil
}

// smallOrder lists the canonical y coordinates of the eight points of small
// order, sign bit cleared. With such a key S and R can be chosen so that the
// signature equation holds for every message: a universal forgery.
var smallOrder = [...][ed25519.PublicKeySize]byte{
	{},
	{0x01},
	mustHex32("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
	mustHex32("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
	mustHex32("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
}

// weakPoint reports a small-order point, or a y coordinate at or above the
// field prime p = 2^255-19, which is a second encoding of a smaller one.
func weakPoint(point [ed25519.PublicKeySize]byte) bool {
	point[31] &= 0x7f
	for _, weak := range smallOrder {
		if point == weak {
			return true
		}
	}
	if point[0] < 0xed || point[31] != 0x7f {
		return false
	}
	for _, b := range point[1:31] {
		if b != 0xff {
			return false
		}
	}
	return true
}

func mustHex32(text string) (out [32]byte) {
	if n, err := hex.Decode(out[:], []byte(text)); err != nil || n != len(out) {
		panic("near: malformed constant " + text)
	}
	return out
}
