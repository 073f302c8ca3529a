package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/wallets/*
var walletPages embed.FS

// A standIn plays a web wallet on its real origin, by interception. Its page
// speaks the wallet's protocol and has buttons for the person; it signs with the profile's key.
type standIn struct {
	origin string
	page   string
	// alone serves it with a policy that cuts it off from the page that opened it.
	alone bool
	// hasty makes MyNearWallet go on to the callback at once instead of after 3 s.
	hasty bool
}

const (
	myNearWalletOrigin = "https://testnet.mynearwallet.com"
	meteorOrigin       = "https://wallet.meteorwallet.app"
	intearOrigin       = "https://wallet.intear.tech"
)

var (
	myNearWallet = standIn{origin: myNearWalletOrigin, page: "mynearwallet.html"}
	meteorWallet = standIn{origin: meteorOrigin, page: "meteor.html"}
	intearWallet = standIn{origin: intearOrigin, page: "intear.html"}
)

// uses puts a wallet on the web for this profile.
func (p *profile) uses(s standIn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wallet = &s
}

// A signRequest is what a wallet was asked to sign, as NEP-413 names it.
type signRequest struct {
	Message     string   `json:"message"`
	Recipient   string   `json:"recipient"`
	Nonce       [32]byte `json:"nonce"`
	CallbackURL *string  `json:"callbackUrl"`
}

// A signedAnswer has the signature in both forms that wallets use.
type signedAnswer struct {
	AccountID   string `json:"accountId"`
	PublicKey   string `json:"publicKey"`
	Signature   string `json:"signature"`
	Signature58 string `json:"signature58"`
}

// sign is the wallet's key at work: from a signRequest to a signedAnswer, as JSON.
func (p *profile) sign(request []byte) ([]byte, error) {
	var r signRequest
	if err := json.Unmarshal(request, &r); err != nil {
		return nil, fmt.Errorf("the wallet cannot read %q: %w", request, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	return json.Marshal(signedAnswer{
		p.signer.AccountID, p.signer.PublicKey(),
		p.signer.Sign(r.Message, r.Nonce, r.Recipient, r.CallbackURL),
		p.signer.SignBase58(r.Message, r.Nonce, r.Recipient, r.CallbackURL),
	})
}

// signedOnce returns what the wallet signed, which must be one message that
// names the application and the provider, as the page showed it.
func (p *profile) signedOnce() signRequest {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) != 1 {
		p.Fatalf("the wallet signed %d times", len(p.asked))
	}
	r := p.asked[0]
	if !strings.HasPrefix(r.Message, "Sign in to Notes (") || r.Recipient != "127.0.0.1" || r.Nonce == [32]byte{} {
		p.Errorf("the wallet was asked to sign %+v", r)
	}
	return r
}

// answer serves one intercepted request, or reports that nobody plays its origin.
func (p *profile) answer(ctx context.Context, r *fetch.EventRequestPaused) bool {
	p.mu.Lock()
	wallet := p.wallet
	p.mu.Unlock()
	if wallet == nil || !strings.HasPrefix(r.Request.URL, wallet.origin+"/") {
		p.fault("a request to %s", r.Request.URL)
		return false
	}
	if r.ResourceType == network.ResourceTypeDocument && !p.knows(r.FrameID) {
		// A new window cannot be watched before its first page, so that is an empty one.
		if !fulfil(ctx, r, 200, "text/html", nil, false) {
			return false
		}
		p.adopt(r.FrameID)
		return true
	}
	status, kind, body := wallet.serve(p, r.Request)
	return fulfil(ctx, r, status, kind, body, wallet.alone)
}

func fulfil(ctx context.Context, r *fetch.EventRequestPaused, status int64, kind string, body []byte, alone bool) bool {
	headers := []*fetch.HeaderEntry{{Name: "Content-Type", Value: kind}, {Name: "Cache-Control", Value: "no-store"}}
	if alone {
		headers = append(headers, &fetch.HeaderEntry{Name: "Cross-Origin-Opener-Policy", Value: "same-origin"})
	}
	_, err := chromedp.CallBrowser(ctx, fetch.FulfillRequest,
		fetch.FulfillRequestParams{RequestID: r.RequestID, ResponseCode: status, ResponseHeaders: headers, Body: body})
	return err == nil
}

func (s standIn) serve(p *profile, r *network.Request) (status int64, kind string, body []byte) {
	path := strings.TrimPrefix(r.URL, s.origin)
	switch {
	case r.Method == "GET":
		page, err := walletPages.ReadFile("testdata/wallets/" + s.page)
		if err != nil {
			p.fault("%v", err)
		}
		if s.hasty {
			page = []byte(strings.Replace(string(page), "3000", "0", 1))
		}
		return 200, "text/html; charset=utf-8", page
	case path == "/sign":
		signed, err := p.sign(posted(r))
		if err != nil {
			p.fault("%v", err)
			return 400, "text/plain", nil
		}
		return 200, "application/json", signed
	case path == "/check":
		if err := checkIntear(p.issuer, posted(r)); err != nil {
			p.fault("Intear refuses the request: %v", err)
			return 400, "text/plain", []byte(err.Error())
		}
		return 200, "text/plain", nil
	}
	return 404, "text/plain", nil
}

func posted(r *network.Request) (body []byte) {
	for _, part := range r.PostDataEntries {
		body = append(body, part.Bytes...)
	}
	return body
}

// checkIntear verifies a request as Intear's connect.rs does: the throw-away
// key's signature over the time and the message, and a time that is neither ahead nor old.
func checkIntear(issuer string, body []byte) error {
	var request struct {
		Origin string `json:"origin"`
		Data   struct {
			PublicKey    string `json:"publicKey"`
			NetworkID    string `json:"networkId"`
			Nonce        int64  `json:"nonce"`
			Message      string `json:"message"`
			Signature    string `json:"signature"`
			Version      string `json:"version"`
			ActualOrigin string `json:"actualOrigin"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return err
	}
	d := request.Data
	key, signature := unbase58(d.PublicKey), unbase58(d.Signature)
	digest := sha256.Sum256(fmt.Appendf(nil, "%d|%s", d.Nonce, d.Message))
	age := time.Since(time.UnixMilli(d.Nonce))
	switch {
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, digest[:], signature):
		return fmt.Errorf("the signature %q does not verify", d.Signature)
	case age < 0 || age > 5*time.Minute:
		return fmt.Errorf("stamped %v ago", age)
	case d.Version != "V3" || d.NetworkID != "testnet":
		return fmt.Errorf("version %q, network %q", d.Version, d.NetworkID)
	case request.Origin != issuer || d.ActualOrigin != issuer:
		return fmt.Errorf("from %q, which says it is %q", request.Origin, d.ActualOrigin)
	}
	return nil
}

// unbase58 reads what follows "ed25519:".
func unbase58(text string) []byte {
	digits, ok := strings.CutPrefix(text, "ed25519:")
	if !ok {
		return nil
	}
	n := new(big.Int)
	for _, c := range digits {
		n.Mul(n, big.NewInt(58)).Add(n, big.NewInt(int64(strings.IndexRune("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", c))))
	}
	zeros := len(digits) - len(strings.TrimLeft(digits, "1"))
	return append(make([]byte, zeros), n.Bytes()...)
}

func TestUnbase58ReadsWhatWalletsWrite(t *testing.T) {
	t.Parallel()
	if got := unbase58("ed25519:11112"); string(got) != "\x00\x00\x00\x00\x01" {
		t.Errorf("%x", got)
	}
}
