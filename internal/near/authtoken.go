package near

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrInvalidAuthToken reports text that is not a near-sign-verify authToken.
var ErrInvalidAuthToken = errors.New("near: invalid authToken")

// MaxAuthToken is the longest authToken that is read, in characters.
const MaxAuthToken = 16 << 10

// AuthToken is what near-sign-verify's sign() hands to a backend. All of it is
// the client's claim: only AccountID, PublicKey and Signature are used as given
// (through their parsers), Nonce finds the stored login, and the payload to
// verify is rebuilt from that login. Its wallet path records a CallbackURL that
// was never signed, and never carries State.
type AuthToken struct {
	AccountID   string
	PublicKey   string
	Signature   string // base64 or "ed25519:" base58, as the wallet wrote it
	Message     string
	Nonce       [32]byte
	Recipient   string
	CallbackURL *string
	State       *string
}

// ParseAuthToken reads standard padded base64 of the Borsh struct with all
// eight fields and no byte more. The published parsers tolerate trailing bytes,
// other option tags and invalid UTF-8; accepting those would give one proof
// many spellings. Errors wrap ErrInvalidAuthToken.
func ParseAuthToken(text string) (*AuthToken, error) {
	if len(text) > MaxAuthToken {
		return nil, fmt.Errorf("%w: %d characters, at most %d are read", ErrInvalidAuthToken, len(text), MaxAuthToken)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not standard base64: %w", ErrInvalidAuthToken, err)
	}
	// The decoder skips CR and LF, so the length tells whether any were there.
	if base64.StdEncoding.EncodedLen(len(data)) != len(text) {
		return nil, fmt.Errorf("%w: line breaks inside the base64", ErrInvalidAuthToken)
	}
	r := borshReader{rest: data}
	token := &AuthToken{
		AccountID: r.text("accountId"),
		PublicKey: r.text("publicKey"),
		Signature: r.text("signature"),
		Message:   r.text("message"),
	}
	copy(token.Nonce[:], r.take("nonce", len(token.Nonce)))
	token.Recipient = r.text("recipient")
	token.CallbackURL = r.option("callbackUrl")
	token.State = r.option("state")
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes follow the last field", len(r.rest))
	}
	if r.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidAuthToken, r.err)
	}
	return token, nil
}

// Encode is the inverse of ParseAuthToken.
func (t AuthToken) Encode() string {
	var b []byte
	for _, text := range []string{t.AccountID, t.PublicKey, t.Signature, t.Message} {
		b = appendString(b, text)
	}
	b = append(b, t.Nonce[:]...)
	b = appendString(b, t.Recipient)
	b = appendOption(b, t.CallbackURL)
	b = appendOption(b, t.State)
	return base64.StdEncoding.EncodeToString(b)
}

// borshReader reads fields until the first error, which it keeps.
type borshReader struct {
	rest []byte
	err  error
}

// take compares before slicing, so a length of four billion costs nothing.
func (r *borshReader) take(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.rest) {
		r.err = fmt.Errorf("%s needs %d bytes, %d are left", field, n, len(r.rest))
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *borshReader) text(field string) string {
	length := r.take(field, 4)
	if r.err != nil {
		return ""
	}
	n := binary.LittleEndian.Uint32(length)
	if n > MaxAuthToken {
		r.err = fmt.Errorf("%s claims %d bytes", field, n)
		return ""
	}
	text := string(r.take(field, int(n)))
	if r.err == nil && !utf8.ValidString(text) {
		r.err = fmt.Errorf("%s is not valid UTF-8", field)
	}
	return text
}

func (r *borshReader) option(field string) *string {
	tag := r.take(field, 1)
	if r.err != nil || tag[0] == 0 {
		return nil
	}
	if tag[0] != 1 {
		r.err = fmt.Errorf("%s has option byte %d, must be 0 or 1", field, tag[0])
		return nil
	}
	text := r.text(field)
	return &text
}
