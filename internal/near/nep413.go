package near

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrBadSignature reports a signature that does not verify over the payload
// with the key.
var ErrBadSignature = errors.New("near: signature does not verify")

// payloadTag is 2^31 + 413. NEP-461 reserves the range so that a signed message
// can never be replayed as a transaction.
const payloadTag uint32 = 1<<31 + 413

// Payload is the message of NEP-413. A verifier rebuilds it from what it issued
// and stored, never from what the client sends back. Account id, public key,
// state and network are not part of it.
type Payload struct {
	Message     string
	Nonce       [32]byte
	Recipient   string
	CallbackURL *string // nil is Borsh None; a pointer to "" is Some("")
}

// Bytes is the Borsh encoding of tag and payload that wallets hash.
func (p Payload) Bytes() []byte {
	size := 4 + 4 + len(p.Message) + len(p.Nonce) + 4 + len(p.Recipient) + 1
	if p.CallbackURL != nil {
		size += 4 + len(*p.CallbackURL)
	}
	return p.appendTo(make([]byte, 0, size))
}

// Digest is the SHA-256 of Bytes, the 32 bytes that are signed.
func (p Payload) Digest() [32]byte {
	var buffer [1024]byte
	return sha256.Sum256(p.appendTo(buffer[:0]))
}

func (p Payload) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, payloadTag)
	b = appendString(b, p.Message)
	b = append(b, p.Nonce[:]...)
	b = appendString(b, p.Recipient)
	return appendOption(b, p.CallbackURL)
}

// Verify checks the signature over exactly this payload; any failure wraps
// ErrBadSignature.
func (p Payload) Verify(key PublicKey, signature Signature) error {
	return verifyDigest(key, p.Digest(), signature)
}

// VerifyIssued checks the signature of a login that issued p. Some wallets sign
// the callback URL they were given and some sign none, so exactly two payloads
// are tried: p as it is, and p without a callback URL. callbackSigned tells
// which one it was; only a signed callback URL binds the answer to our origin.
func (p Payload) VerifyIssued(key PublicKey, signature Signature) (callbackSigned bool, err error) {
	if p.CallbackURL != nil {
		if err := p.Verify(key, signature); err == nil {
			return true, nil
		}
		p.CallbackURL = nil
	}
	return false, p.Verify(key, signature)
}

// verifyDigest refuses weak keys here as well as in ParsePublicKey, since the
// zero PublicKey is itself a small-order point.
func verifyDigest(key PublicKey, digest [32]byte, signature Signature) error {
	if weakPoint(key.bytes) {
		return fmt.Errorf("%w: the public key is a small-order point", ErrBadSignature)
	}
	if !ed25519.Verify(key.bytes[:], digest[:], signature[:]) {
		return ErrBadSignature
	}
	return nil
}

// appendString is Borsh's string: u32 little-endian byte length, then UTF-8.
func appendString(b []byte, text string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

// appendOption is Borsh's Option<string>: 0, or 1 and the string.
func appendOption(b []byte, text *string) []byte {
	if text == nil {
		return append(b, 0)
	}
	return appendString(append(b, 1), *text)
}
