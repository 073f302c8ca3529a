package neartest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/big"
)

// Wallet holds one account and its Ed25519 access key.
type Wallet struct {
	AccountID string
	key       ed25519.PrivateKey
}

// NewWallet makes a wallet with a random key. An empty account stands for the
// NEAR-implicit account of that key.
func NewWallet(account string) *Wallet {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails, crypto/rand's contract
	return WalletFromSeed(account, seed)
}

// WalletFromSeed makes the wallet of a 32-byte seed and panics for another
// length. An empty account stands for the NEAR-implicit account of the key.
func WalletFromSeed(account string, seed []byte) *Wallet {
	w := &Wallet{AccountID: account, key: ed25519.NewKeyFromSeed(seed)}
	if account == "" {
		w.AccountID = hex.EncodeToString(w.publicKey())
	}
	return w
}

func (w *Wallet) publicKey() []byte { return w.key.Public().(ed25519.PublicKey) }

// PublicKey is "ed25519:" and base58.
func (w *Wallet) PublicKey() string { return "ed25519:" + base58(w.publicKey()) }

// Sign signs a NEP-413 message and returns the signature in base64. A nil
// callbackURL is what wallets sign that never receive one.
func (w *Wallet) Sign(message string, nonce [32]byte, recipient string, callbackURL *string) string {
	return base64.StdEncoding.EncodeToString(w.sign(message, nonce, recipient, callbackURL))
}

// SignBase58 is Sign in the form "ed25519:" and base58, which Intear and the
// NEAR CLI return.
func (w *Wallet) SignBase58(message string, nonce [32]byte, recipient string, callbackURL *string) string {
	return "ed25519:" + base58(w.sign(message, nonce, recipient, callbackURL))
}

func (w *Wallet) sign(message string, nonce [32]byte, recipient string, callbackURL *string) []byte {
	payload := binary.LittleEndian.AppendUint32(nil, 1<<31+413)
	payload = borshString(payload, message)
	payload = append(payload, nonce[:]...)
	payload = borshString(payload, recipient)
	payload = borshOption(payload, callbackURL)
	digest := sha256.Sum256(payload)
	return ed25519.Sign(w.key, digest[:])
}

// AuthToken signs and packs the result as near-sign-verify's sign() does with a
// key-pair signer: callbackURL is signed and both it and state are carried.
func (w *Wallet) AuthToken(message string, nonce [32]byte, recipient string, callbackURL, state *string) string {
	token := borshString(nil, w.AccountID)
	token = borshString(token, w.PublicKey())
	token = borshString(token, w.Sign(message, nonce, recipient, callbackURL))
	token = borshString(token, message)
	token = append(token, nonce[:]...)
	token = borshString(token, recipient)
	token = borshOption(token, callbackURL)
	token = borshOption(token, state)
	return base64.StdEncoding.EncodeToString(token)
}

func borshString(b []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
}

func borshOption(b []byte, text *string) []byte {
	if text == nil {
		return append(b, 0)
	}
	return borshString(append(b, 1), *text)
}

// base58 is Bitcoin's alphabet; every leading zero byte is one leading "1".
func base58(b []byte) string {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	var reversed []byte
	rest, radix, digit := new(big.Int).SetBytes(b), big.NewInt(58), new(big.Int)
	for rest.Sign() > 0 {
		rest.DivMod(rest, radix, digit)
		reversed = append(reversed, alphabet[digit.Int64()])
	}
	for i := 0; i < len(b) && b[i] == 0; i++ {
		reversed = append(reversed, alphabet[0])
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return string(reversed)
}
