package near

import (
	"errors"
	"strings"
	"testing"
)

func TestAuthTokens(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name   string `json:"name"`
			Token  string `json:"token"`
			Expect string `json:"expect"`
		} `json:"vectors"`
	}
	readVectors(t, "authtoken.json", &file)
	// What this parser decides where the vectors leave a choice. An unpadded
	// token of a length that needs no padding is the padded one.
	choices := map[string]string{
		"good-7-field-0.3.x":           "reject",
		"base64url":                    "reject",
		"base64-nopad":                 "accept",
		"callback-in-token-not-signed": "accept",
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			want := v.Expect
			if want != "accept" && want != "reject" {
				want = choices[v.Name]
			}
			token, err := ParseAuthToken(v.Token)
			switch {
			case want == "accept" && err != nil:
				t.Errorf("refused: %v", err)
			case want == "accept" && token.Encode() != v.Token:
				t.Error("does not encode to what it was read from")
			case want == "reject" && !errors.Is(err, ErrInvalidAuthToken):
				t.Errorf("error = %v, want ErrInvalidAuthToken", err)
			case want != "accept" && want != "reject":
				t.Errorf("no decision for %q", v.Expect)
			}
		})
	}
}

// A token may claim a callback URL that the wallet never signed; the login's own
// callback URL decides, and both of its readings are tried.
func TestUnsignedCallbackInTokenStillVerifies(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct{ Name, Token string } `json:"vectors"`
	}
	readVectors(t, "authtoken.json", &file)
	for _, v := range file.Vectors {
		if v.Name != "callback-in-token-not-signed" {
			continue
		}
		token, err := ParseAuthToken(v.Token)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParsePublicKey(token.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := ParseSignature(token.Signature)
		if err != nil {
			t.Fatal(err)
		}
		issued := Payload{Message: token.Message, Nonce: token.Nonce, Recipient: token.Recipient, CallbackURL: token.CallbackURL}
		if signed, err := issued.VerifyIssued(key, signature); err != nil || signed {
			t.Errorf("VerifyIssued = %v, %v; want an unsigned callback and no error", signed, err)
		}
		return
	}
	t.Fatal("vector not found")
}

// W03: a key of another curve is refused by its name.
func TestSecp256k1IsRefusedByName(t *testing.T) {
	t.Parallel()
	var file struct {
		Vector struct {
			PublicKey string `json:"public_key"`
			Account   string `json:"eth_implicit_account"`
			Signature string `json:"signature_base64_nearkit"`
		} `json:"vector"`
	}
	readVectors(t, "nep413-secp256k1.json", &file)
	if _, err := ParsePublicKey(file.Vector.PublicKey); !errors.Is(err, ErrUnsupportedKeyType) || !strings.Contains(err.Error(), "secp256k1") {
		t.Errorf("key: %v", err)
	}
	if _, err := ParseSignature(file.Vector.Signature); !errors.Is(err, ErrInvalidSignature) {
		t.Errorf("65 byte signature: %v", err)
	}
	if id, err := ParseAccountID(file.Vector.Account); err != nil || id.Type() != ETHImplicit {
		t.Errorf("account %s: type %s, %v", id, id.Type(), err)
	}
}

// W05: the account ids that NEAR allows, and no others.
func TestAccountIDs(t *testing.T) {
	t.Parallel()
	var file struct {
		OK    []string `json:"ok"`
		Bad   []string `json:"bad"`
		Types []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"types"`
	}
	readVectors(t, "account-ids.json", &file)
	for _, text := range file.OK {
		t.Run("ok/"+text, func(t *testing.T) {
			if id, err := ParseAccountID(text); err != nil || string(id) != text {
				t.Errorf("ParseAccountID = %q, %v", id, err)
			}
		})
	}
	for _, text := range file.Bad {
		t.Run("bad/"+text, func(t *testing.T) {
			if _, err := ParseAccountID(text); !errors.Is(err, ErrInvalidAccountID) {
				t.Errorf("error = %v", err)
			}
		})
	}
	for _, v := range file.Types {
		t.Run("type/"+v.ID, func(t *testing.T) {
			id, err := ParseAccountID(v.ID)
			if v.Type == "invalid" {
				if !errors.Is(err, ErrInvalidAccountID) {
					t.Errorf("error = %v", err)
				}
				return
			}
			if err != nil || string(id.Type()) != v.Type {
				t.Errorf("type = %s, %v; want %s", id.Type(), err, v.Type)
			}
		})
	}
}
