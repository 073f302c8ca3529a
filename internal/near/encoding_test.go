package near

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/mr-tron/base58"
)

func encodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// specGrammar is the expression of the account id specification, an oracle that
// shares nothing with the parser.
var specGrammar = regexp.MustCompile(`^(([a-z\d]+[-_])*[a-z\d]+\.)*([a-z\d]+[-_])*[a-z\d]+$`)

func FuzzParseAccountID(f *testing.F) {
	var file struct{ OK, Bad []string }
	readVectors(f, "account-ids.json", &file)
	for _, text := range append(file.OK, file.Bad...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseAccountID(text)
		want := len(text) >= 2 && len(text) <= 64 && specGrammar.MatchString(text) && !strings.HasSuffix(text, "\n")
		if (err == nil) != want {
			t.Fatalf("ParseAccountID(%q): %v, the grammar says %v", text, err, want)
		}
		if err == nil && string(id) != text {
			t.Fatalf("%q was read as %q", text, id)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, v := range validVectors(f) {
		f.Add(v.PublicKey)
	}
	var file invalidVectors
	readVectors(f, "nep413-invalid.json", &file)
	for _, v := range file.Reject {
		f.Add(v.Response.PublicKey)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParsePublicKey(text)
		if err != nil {
			if !errors.Is(err, ErrInvalidPublicKey) && !errors.Is(err, ErrUnsupportedKeyType) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if key.String() != text {
			t.Fatalf("%q reads back as %q", text, key)
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	for _, v := range validVectors(f) {
		f.Add(v.Signature)
		f.Add(v.SignatureNEAR)
	}
	var file invalidVectors
	readVectors(f, "nep413-invalid.json", &file)
	for _, v := range file.Reject {
		f.Add(v.Response.Signature)
	}
	for _, v := range file.Accept {
		f.Add(v.Response.Signature)
	}
	f.Fuzz(func(t *testing.T, text string) {
		signature, err := ParseSignature(text)
		if err != nil {
			if !errors.Is(err, ErrInvalidSignature) && !errors.Is(err, ErrUnsupportedKeyType) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		switch text {
		case signature.String(),
			base64.RawStdEncoding.EncodeToString(signature[:]),
			base64.URLEncoding.EncodeToString(signature[:]),
			base64.RawURLEncoding.EncodeToString(signature[:]),
			"ed25519:" + base58.Encode(signature[:]):
		default:
			t.Fatalf("%q is none of the five spellings of its bytes", text)
		}
	})
}

func FuzzParseAuthToken(f *testing.F) {
	var file struct {
		Vectors []struct{ Token string } `json:"vectors"`
	}
	readVectors(f, "authtoken.json", &file)
	for _, v := range file.Vectors {
		f.Add(v.Token)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseAuthToken(text)
		if err != nil {
			if !errors.Is(err, ErrInvalidAuthToken) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if got := token.Encode(); got != text {
			t.Fatalf("%q encodes to %q", text, got)
		}
	})
}

// FuzzPayload reads the encoding back with the Borsh reader: two different
// payloads can then never share bytes.
func FuzzPayload(f *testing.F) {
	for _, v := range validVectors(f) {
		if v.CallbackURL != nil {
			f.Add(v.Message, unhex(f, v.NonceHex), v.Recipient, *v.CallbackURL, true)
		} else {
			f.Add(v.Message, unhex(f, v.NonceHex), v.Recipient, "", false)
		}
	}
	f.Fuzz(func(t *testing.T, message string, nonce []byte, recipient, callback string, hasCallback bool) {
		if len(message)+len(recipient)+len(callback) > MaxAuthToken {
			t.Skip()
		}
		message, recipient, callback = strings.ToValidUTF8(message, ""), strings.ToValidUTF8(recipient, ""), strings.ToValidUTF8(callback, "")
		p := Payload{Message: message, Recipient: recipient}
		copy(p.Nonce[:], nonce)
		if hasCallback {
			p.CallbackURL = &callback
		}
		r := borshReader{rest: p.Bytes()}
		if tag := r.take("tag", 4); string(tag) != "\x9d\x01\x00\x80" {
			t.Fatalf("tag %x", tag)
		}
		gotMessage := r.text("message")
		gotNonce := r.take("nonce", 32)
		gotRecipient := r.text("recipient")
		gotCallback := r.option("callbackUrl")
		if r.err != nil || len(r.rest) != 0 {
			t.Fatalf("reading back: %v, %d bytes left", r.err, len(r.rest))
		}
		if gotMessage != message || string(gotNonce) != string(p.Nonce[:]) || gotRecipient != recipient || !sameText(gotCallback, p.CallbackURL) {
			t.Fatal("reads back differently")
		}
	})
}

// The base58 decoder is quadratic: a megabyte of digits must never reach it.
func TestLongInputIsRefusedBeforeDecoding(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1", 1<<20)
	if _, err := ParsePublicKey("ed25519:" + long); !errors.Is(err, ErrInvalidPublicKey) || !strings.Contains(err.Error(), "at most 44") || len(err.Error()) > 400 {
		t.Errorf("key: %v", err)
	}
	if _, err := ParseSignature("ed25519:" + long); !errors.Is(err, ErrInvalidSignature) || !strings.Contains(err.Error(), "at most 88") || len(err.Error()) > 400 {
		t.Errorf("signature: %v", err)
	}
	if _, err := ParseSignature(long); !errors.Is(err, ErrInvalidSignature) {
		t.Errorf("base64 signature: %v", err)
	}
	if _, err := ParseAuthToken(long); !errors.Is(err, ErrInvalidAuthToken) {
		t.Errorf("authToken: %v", err)
	}
}

func TestZeroPublicKeyVerifiesNothing(t *testing.T) {
	t.Parallel()
	if err := (Payload{}).Verify(PublicKey{}, Signature{1}); !errors.Is(err, ErrBadSignature) {
		t.Errorf("error = %v", err)
	}
}

// W03: Every key a wallet may label in another NEAR key type gets its own reason, and
// a label unknown to NEAR does not.
func TestKeyTypesAreToldApart(t *testing.T) {
	t.Parallel()
	digits := strings.TrimPrefix(validVectors(t)[0].PublicKey, "ed25519:")
	for label, want := range map[string]error{
		"secp256k1:": ErrUnsupportedKeyType, "ml-dsa-65:": ErrUnsupportedKeyType, "ml-dsa-65-hash:": ErrUnsupportedKeyType,
		"p256:": ErrInvalidPublicKey, "ED25519:": ErrInvalidPublicKey, "": ErrInvalidPublicKey,
	} {
		if _, err := ParsePublicKey(label + digits); !errors.Is(err, want) {
			t.Errorf("label %q: %v, want %v", label, err, want)
		}
	}
}
