package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// signed checks the signature over the NEP-413 payload of a login.
func (s *server) signed(id []byte, key ed25519.PublicKey, signature []byte) bool {
	var buffer [512]byte
	payload := binary.LittleEndian.AppendUint32(buffer[:0], 1<<31+413)
	payload = text(payload, message)
	payload = append(payload, s.sum("nonce", id)...)
	payload = text(payload, s.recipient)
	payload = text(append(payload, 1), s.callbackURL(id))
	digest := sha256.Sum256(payload)
	return len(signature) == ed25519.SignatureSize && ed25519.Verify(key, digest[:], signature)
}

func text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// parseKey reads "ed25519:" and base58.
func parseKey(text string) (ed25519.PublicKey, bool) {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	digits, ok := strings.CutPrefix(text, "ed25519:")
	if !ok || len(digits) > 44 {
		return nil, false
	}
	var number [8]uint32 // the most significant word is the last
	for i := range len(digits) {
		digit := strings.IndexByte(alphabet, digits[i])
		if digit < 0 {
			return nil, false
		}
		carry := uint64(digit)
		for word := range number {
			carry += uint64(number[word]) * 58
			number[word] = uint32(carry)
			carry >>= 32
		}
		if carry != 0 {
			return nil, false
		}
	}
	key := make(ed25519.PublicKey, ed25519.PublicKeySize)
	for word, value := range number {
		binary.BigEndian.PutUint32(key[4*(len(number)-1-word):], value)
	}
	return key, true
}

// A chain answers whether a key has full access to an account: one request for
// each question, and no answer is kept.
type chain struct {
	url    string
	client *http.Client
}

func newChain(url string) *chain {
	return &chain{url, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

// fullAccess takes an account and a key that can stand in JSON as they are.
func (c *chain) fullAccess(ctx context.Context, account, key string) bool {
	body := `{"jsonrpc":"2.0","id":"1","method":"query","params":{"request_type":"view_access_key","finality":"final","account_id":"` +
		account + `","public_key":"` + key + `"}}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var answer struct {
		Result struct {
			Permission json.RawMessage `json:"permission"`
		} `json:"result"`
	}
	return err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &answer) == nil &&
		bytes.Equal(answer.Result.Permission, []byte(`"FullAccess"`))
}
