// Package relay asks wallets on other devices for a signature through their makers' relays:
// the request is left there, a QR code leads the wallet to it, and the answer is fetched.
// The provider does so itself, so that no page talks to strangers and none needs a script.
//
// The relays are private interfaces of those makers and nothing that they say is believed: an
// answer is a claim, which the login's signature check judges like that of any wallet.
package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var (
	// ErrUnavailable reports a relay that cannot be asked at the moment.
	ErrUnavailable = errors.New("the wallet's relay is not answering")
	// ErrMalformed reports an answer that no wallet gives.
	ErrMalformed = errors.New("the wallet's relay gave an answer that cannot be read")
)

// A Challenge is what a wallet is to sign (NEP-413), always without a callback URL: the answer
// is not delivered there.
type Challenge struct {
	Message   string
	Nonce     [32]byte
	Recipient string
	Network   string // "mainnet" or "testnet"
	Origin    string // of the provider; a wallet may show it
	Name      string // of the provider; a wallet may show it
}

// A Request is a challenge that waits at a relay.
type Request struct {
	ID        string    // the relay's
	ExpiresAt time.Time // when the wallet stops taking it; zero: with the challenge
}

// An Answer is what became of a request. The zero Answer is that nobody has answered.
type Answer struct {
	Rejected  bool
	AccountID string
	PublicKey string
	Signature string
}

// Pending reports that nobody has answered.
func (a Answer) Pending() bool { return a == Answer{} }

// Links lead a wallet to a request.
type Links struct {
	QR  string // for a camera
	App string // for the device that the page itself is on
}

// Options configures HOT and NEARMobile. All fields but Now are required.
type Options struct {
	// URL is the relay's origin, without a trailing slash.
	URL string
	// HTTP bounds the time and size of answers and follows no redirect; see package outbound.
	HTTP *http.Client
	Now  func() time.Time
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// post sends a JSON body and decodes the answer into reply, unless that is nil.
func (o Options) post(ctx context.Context, path string, body, reply any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	answer, err := o.send(ctx, http.MethodPost, path, bytes.NewReader(text))
	if err != nil || reply == nil {
		return err
	}
	return decode(answer, reply)
}

// send returns the body of a successful answer. Whatever else happened is ErrUnavailable,
// without the relay's words, which are not ours to log.
func (o Options) send(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, o.URL+path, body)
	if err != nil {
		return nil, fmt.Errorf("relay request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	response, err := o.HTTP.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, &statusError{response.StatusCode}
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: read the answer: %w", ErrUnavailable, err)
	}
	return text, nil
}

// A statusError is an answer without success.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("%v: status %d", ErrUnavailable, e.status) }
func (e *statusError) Unwrap() error { return ErrUnavailable }

func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// A signed payload, as both relays spell it.
type signed struct {
	AccountID string `json:"accountId"`
	PublicKey string `json:"publicKey"`
	Signature string `json:"signature"`
}

func (s signed) answer() (Answer, error) {
	if s.AccountID == "" || s.PublicKey == "" || s.Signature == "" {
		return Answer{}, fmt.Errorf("%w: it is approved and has no signature", ErrMalformed)
	}
	return Answer{AccountID: s.AccountID, PublicKey: s.PublicKey, Signature: s.Signature}, nil
}

// segment makes an id of ours or theirs one part of a path.
func segment(id string) string { return url.PathEscape(id) }

// numbers are the bytes of a nonce as JSON numbers.
func numbers(nonce [32]byte) []int {
	list := make([]int, len(nonce))
	for i, b := range nonce {
		list[i] = int(b)
	}
	return list
}

// plain reports an id that can stand in a link as it is.
func plain(id string) bool {
	return id != "" && len(id) <= 128 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
