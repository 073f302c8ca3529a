package near

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// readVectors decodes testdata/name into v.
func readVectors(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type validVector struct {
	Name          string  `json:"name"`
	PublicKey     string  `json:"public_key"`
	PublicKeyHex  string  `json:"public_key_hex"`
	AccountID     string  `json:"account_id"`
	Message       string  `json:"message"`
	Recipient     string  `json:"recipient"`
	NonceHex      string  `json:"nonce_hex"`
	CallbackURL   *string `json:"callback_url"`
	State         *string `json:"state"`
	PayloadHex    string  `json:"payload_borsh_hex"`
	DigestHex     string  `json:"sha256_hex"`
	SignatureHex  string  `json:"signature_hex"`
	Signature     string  `json:"signature_base64"`
	SignatureNEAR string  `json:"signature_near"`
	AuthToken     string  `json:"auth_token"`
}

func (v validVector) payload(t testing.TB) Payload {
	return Payload{
		Message: v.Message, Nonce: [32]byte(unhex(t, v.NonceHex)),
		Recipient: v.Recipient, CallbackURL: v.CallbackURL,
	}
}

func validVectors(t testing.TB) []validVector {
	var file struct {
		Vectors []validVector `json:"vectors"`
	}
	readVectors(t, "nep413-valid.json", &file)
	return file.Vectors
}

func TestNEP413Valid(t *testing.T) {
	t.Parallel()
	for _, v := range validVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			p := v.payload(t)
			if got := hex.EncodeToString(p.Bytes()); got != v.PayloadHex {
				t.Errorf("Bytes = %s, want %s", got, v.PayloadHex)
			}
			if digest := p.Digest(); hex.EncodeToString(digest[:]) != v.DigestHex {
				t.Errorf("Digest = %x, want %s", digest, v.DigestHex)
			}
			key, err := ParsePublicKey(v.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.String(); got != v.PublicKey {
				t.Errorf("key reads back as %s", got)
			}
			if got := string(key.ImplicitAccountID()); got != v.PublicKeyHex {
				t.Errorf("implicit account = %s, want %s", got, v.PublicKeyHex)
			}
			for _, text := range []string{v.Signature, v.SignatureNEAR} {
				signature, err := ParseSignature(text)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Verify(key, signature); err != nil {
					t.Errorf("Verify with signature %s: %v", text, err)
				}
				if signature.String() != v.Signature {
					t.Errorf("signature reads back as %s", signature)
				}
			}
			checkToken(t, v)
		})
	}
}

func checkToken(t *testing.T, v validVector) {
	t.Helper()
	token, err := ParseAuthToken(v.AuthToken)
	if err != nil {
		t.Fatal(err)
	}
	if token.Encode() != v.AuthToken {
		t.Error("authToken does not encode to what it was read from")
	}
	if token.AccountID != v.AccountID || token.PublicKey != v.PublicKey || token.Signature != v.Signature ||
		token.Message != v.Message || token.Recipient != v.Recipient || hex.EncodeToString(token.Nonce[:]) != v.NonceHex ||
		!sameText(token.CallbackURL, v.CallbackURL) || !sameText(token.State, v.State) {
		t.Errorf("authToken fields = %+v", token)
	}
}

func sameText(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

type response struct {
	AccountID string  `json:"account_id"`
	PublicKey string  `json:"public_key"`
	Signature string  `json:"signature"`
	State     *string `json:"state"`
}

// prove runs every check on a response that needs neither the chain nor the
// stored state.
func (r response) prove(issued Payload) error {
	if _, err := ParseAccountID(r.AccountID); err != nil {
		return err
	}
	key, err := ParsePublicKey(r.PublicKey)
	if err != nil {
		return err
	}
	signature, err := ParseSignature(r.Signature)
	if err != nil {
		return err
	}
	_, err = issued.VerifyIssued(key, signature)
	return err
}

type invalidVectors struct {
	Issued struct {
		Message   string  `json:"message"`
		Recipient string  `json:"recipient"`
		NonceHex  string  `json:"nonce_hex"`
		Callback  *string `json:"callback_url"`
		State     string  `json:"state"`
		Digest    string  `json:"digest_hex"`
	} `json:"issued"`
	Reject []struct {
		Name     string   `json:"name"`
		Category string   `json:"category"`
		Response response `json:"response"`
		NeedsRPC bool     `json:"needs_rpc"`
		Policy   bool     `json:"policy"`
	} `json:"reject"`
	Accept []struct {
		Name     string   `json:"name"`
		Response response `json:"response"`
		Server   string   `json:"server"`
	} `json:"accept"`
}

func (v invalidVectors) payload(t testing.TB) Payload {
	return Payload{
		Message: v.Issued.Message, Nonce: [32]byte(unhex(t, v.Issued.NonceHex)),
		Recipient: v.Issued.Recipient, CallbackURL: v.Issued.Callback,
	}
}

func TestNEP413ResponsesToRefuse(t *testing.T) {
	t.Parallel()
	var file invalidVectors
	readVectors(t, "nep413-invalid.json", &file)
	issued := file.payload(t)
	if digest := issued.Digest(); hex.EncodeToString(digest[:]) != file.Issued.Digest {
		t.Fatalf("issued digest = %x", digest)
	}
	refusals := map[string][]error{
		"payload":  {ErrBadSignature},
		"key":      {ErrBadSignature},
		"encoding": {ErrInvalidPublicKey, ErrUnsupportedKeyType, ErrInvalidSignature},
		"account":  {ErrInvalidAccountID},
	}
	for _, v := range file.Reject {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			err := v.Response.prove(issued)
			// These carry a sound proof: the chain refuses the first (see
			// TestAccountSwappedIsRefusedByTheChain), the login's stored
			// state decides about the others.
			if v.NeedsRPC || v.Category == "state" {
				if err != nil {
					t.Fatalf("the proof itself is sound, got %v", err)
				}
				if v.Category == "state" && !v.Policy && sameText(v.Response.State, &file.Issued.State) {
					t.Error("the echoed state equals the issued one")
				}
				return
			}
			for _, want := range refusals[v.Category] {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("error = %v, want one of %v", err, refusals[v.Category])
		})
	}
}

func TestNEP413ResponsesToAccept(t *testing.T) {
	t.Parallel()
	var file invalidVectors
	readVectors(t, "nep413-invalid.json", &file)
	for _, v := range file.Accept {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			issued := file.payload(t)
			if v.Name == "callback-issued" {
				callback := "https://id.example.com/near/callback"
				issued.CallbackURL = &callback
			}
			if err := v.Response.prove(issued); (err == nil) != (v.Server == "accept") {
				t.Errorf("error = %v, want %s", err, v.Server)
			}
		})
	}
}

// W03: the published edge cases: non-canonical S and encodings, small-order keys.
func TestEd25519Edge(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name      string `json:"name"`
			Expect    string `json:"expect"`
			Digest    string `json:"message_hex"`
			PublicKey string `json:"public_key_hex"`
			Signature string `json:"signature_hex"`
			Weak      bool   `json:"weak_key"`
		} `json:"vectors"`
	}
	readVectors(t, "ed25519-edge.json", &file)
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			key := PublicKey{bytes: [32]byte(unhex(t, v.PublicKey))}
			if weakPoint(key.bytes) != v.Weak {
				t.Errorf("weak key = %v, want %v", !v.Weak, v.Weak)
			}
			if _, err := ParsePublicKey(key.String()); (err != nil) != v.Weak {
				t.Errorf("ParsePublicKey: %v, weak key = %v", err, v.Weak)
			}
			raw := unhex(t, v.Signature)
			if len(raw) != len(Signature{}) {
				if _, err := ParseSignature(encodeBase64(raw)); !errors.Is(err, ErrInvalidSignature) {
					t.Errorf("%d byte signature: %v", len(raw), err)
				}
				return
			}
			err := verifyDigest(key, [32]byte(unhex(t, v.Digest)), Signature(raw))
			if (err == nil) != (v.Expect == "accept") {
				t.Errorf("verify: %v, want %s", err, v.Expect)
			}
		})
	}
}
