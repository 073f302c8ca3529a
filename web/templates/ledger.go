package templates

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// ledgerPath is where wallets keep the first key of a Ledger.
const ledgerPath = "44'/397'/0'/0'/1'"

// Offers reports that the page has a button for a wallet of the kind.
func (l Login) Offers(kind string) bool {
	return slices.ContainsFunc(l.Wallets, func(w Wallet) bool { return w.Kind == kind })
}

// nonceHex is the nonce as a Ledger shows it.
func nonceHex(c Challenge) string {
	nonce, err := base64.StdEncoding.DecodeString(c.NonceBase64)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(nonce)
}

func exampleAccount(network string) string {
	if network == "testnet" {
		return "alice.testnet"
	}
	return "alice.near"
}
