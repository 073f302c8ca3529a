package near_test

import (
	"fmt"

	"near-idp/internal/near"
	"near-idp/internal/neartest"
)

// A login rebuilds the payload from what it issued and takes only account, key
// and signature from the client.
func Example() {
	issued := near.Payload{
		Message:   "Sign in to Grafana with NEAR",
		Nonce:     [32]byte{1, 2, 3},
		Recipient: "id.example.com",
	}
	wallet := neartest.NewWallet("alice.near")
	token, err := near.ParseAuthToken(wallet.AuthToken(issued.Message, issued.Nonce, issued.Recipient, nil, nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := near.ParsePublicKey(token.PublicKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	signature, err := near.ParseSignature(token.Signature)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = issued.VerifyIssued(key, signature)
	fmt.Println(token.AccountID, err)
	// Output: alice.near <nil>
}
