package neartest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// The wallet signs exactly what four published libraries sign.
func TestWalletMatchesThePublishedLibraries(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../near/testdata/nep413-valid.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name          string  `json:"name"`
			Seed          string  `json:"seed_hex"`
			PublicKey     string  `json:"public_key"`
			PublicKeyHex  string  `json:"public_key_hex"`
			AccountID     string  `json:"account_id"`
			Message       string  `json:"message"`
			Recipient     string  `json:"recipient"`
			Nonce         string  `json:"nonce_hex"`
			CallbackURL   *string `json:"callback_url"`
			State         *string `json:"state"`
			Signature     string  `json:"signature_base64"`
			SignatureNEAR string  `json:"signature_near"`
			AuthToken     string  `json:"auth_token"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			seed, err := hex.DecodeString(v.Seed)
			if err != nil {
				t.Fatal(err)
			}
			nonce, err := hex.DecodeString(v.Nonce)
			if err != nil {
				t.Fatal(err)
			}
			w := WalletFromSeed(v.AccountID, seed)
			if got := w.PublicKey(); got != v.PublicKey {
				t.Errorf("PublicKey = %s", got)
			}
			if got := w.Sign(v.Message, [32]byte(nonce), v.Recipient, v.CallbackURL); got != v.Signature {
				t.Errorf("Sign = %s", got)
			}
			if got := w.SignBase58(v.Message, [32]byte(nonce), v.Recipient, v.CallbackURL); got != v.SignatureNEAR {
				t.Errorf("SignBase58 = %s", got)
			}
			if got := w.AuthToken(v.Message, [32]byte(nonce), v.Recipient, v.CallbackURL, v.State); got != v.AuthToken {
				t.Errorf("AuthToken = %s", got)
			}
			if got := WalletFromSeed("", seed).AccountID; got != v.PublicKeyHex {
				t.Errorf("implicit account = %s", got)
			}
		})
	}
}

func TestRandomWalletsDiffer(t *testing.T) {
	t.Parallel()
	one, other := NewWallet("a.near"), NewWallet("a.near")
	if one.PublicKey() == other.PublicKey() {
		t.Error("two wallets share a key")
	}
}

func TestBase58KeepsLeadingZeros(t *testing.T) {
	t.Parallel()
	if got := base58(bytes.Repeat([]byte{0}, 32)); got != "11111111111111111111111111111111" {
		t.Errorf("base58 of 32 zeros = %s", got)
	}
}
