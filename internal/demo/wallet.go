package demo

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	"github.com/a-h/templ"
)

// Caps of what a wallet is asked to sign; MyNearWallet has none.
const (
	maxMessage   = 4 << 10
	maxRecipient = 256
	maxURL       = 2 << 10
	maxState     = 4 << 10
	maxSignBody  = 32 << 10
)

// A Wallet is a web wallet that speaks MyNearWallet's /sign-message protocol
// (wallets.md, section 2) and signs NEP-413 messages with keys of a simulated
// network. The keys stay in this process; the page asks for signatures.
type Wallet struct {
	network *Network
	host    string
	handler http.Handler
}

// NewWallet makes the wallet that is reached as http://<host>. Give it a host of
// its own: cookies and origins are what keeps a real wallet apart, too.
func NewWallet(network *Network, host string) *Wallet {
	wallet := &Wallet{network: network, host: host}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", wallet.home)
	mux.HandleFunc("POST /network", wallet.switchNetwork)
	mux.HandleFunc("GET /sign-message", wallet.ask)
	mux.HandleFunc("POST /sign", wallet.sign)
	addFiles(mux)
	wallet.handler = guard(host, mux)
	return wallet
}

// URL is the wallet's origin.
func (wallet *Wallet) URL() string { return "http://" + wallet.host }

func (wallet *Wallet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wallet.handler.ServeHTTP(w, r)
}

// A signRequest is a NEP-413 message to be signed, and where the answer goes.
type signRequest struct {
	Message     string
	Nonce       [32]byte
	Recipient   string
	CallbackURL string
	State       string
}

// readSignRequest takes MyNearWallet's query: nonce is the base64 of 32 bytes or
// 32 characters, state may be missing, and the callback URL is needed even in a
// window that answers by message.
func readSignRequest(query url.Values) (signRequest, error) {
	req := signRequest{
		Message: query.Get("message"), Recipient: query.Get("recipient"),
		CallbackURL: query.Get("callbackUrl"), State: query.Get("state"),
	}
	for _, field := range []struct {
		name, value string
		most        int
	}{{"message", req.Message, maxMessage}, {"recipient", req.Recipient, maxRecipient}, {"callbackUrl", req.CallbackURL, maxURL}} {
		if field.value == "" {
			return req, fmt.Errorf("the parameter %s is missing", field.name)
		}
		if len(field.value) > field.most {
			return req, fmt.Errorf("the parameter %s is longer than %d bytes", field.name, field.most)
		}
	}
	if len(req.State) > maxState {
		return req, fmt.Errorf("the parameter state is longer than %d bytes", maxState)
	}
	var err error
	if req.Nonce, err = readNonce(query.Get("nonce")); err != nil {
		return req, err
	}
	_, err = callbackOrigin(req.CallbackURL)
	return req, err
}

func readNonce(text string) (nonce [32]byte, err error) {
	raw := []byte(text)
	if len(raw) != len(nonce) {
		// Exactly 44 characters, since the decoder skips line breaks.
		raw, err = base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(nonce)) || len(raw) != len(nonce) {
			return nonce, errors.New("the parameter nonce is not 32 bytes in base64")
		}
	}
	return [32]byte(raw), nil
}

// callbackOrigin refuses what is no address of the web: javascript: would run
// in the wallet.
func callbackOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return "", errors.New("the parameter callbackUrl is not an address of the web")
	}
	return u.Scheme + "://" + u.Host, nil
}

type walletPage struct {
	Accounts    []account
	Down        bool
	Request     signRequest
	NonceBase64 string
	Asker       string
	Problem     string
}

// home shows what the wallet holds, and the switch for the network.
func (wallet *Wallet) home(w http.ResponseWriter, r *http.Request) {
	wallet.show(w, http.StatusOK, walletHomePage, walletPage{})
}

// ask shows a request to the person. The page signs what the server read from the
// query, and not what a script would read: what is shown is what is signed.
func (wallet *Wallet) ask(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		wallet.show(w, http.StatusBadRequest, walletInvalidPage, walletPage{Problem: "the query is malformed"})
		return
	}
	req, err := readSignRequest(query)
	if err != nil {
		wallet.show(w, http.StatusBadRequest, walletInvalidPage, walletPage{Problem: err.Error()})
		return
	}
	asker, _ := callbackOrigin(req.CallbackURL) // read before
	wallet.show(w, http.StatusOK, walletSignPage, walletPage{
		Request: req, NonceBase64: base64.StdEncoding.EncodeToString(req.Nonce[:]), Asker: asker,
	})
}

func (wallet *Wallet) show(w http.ResponseWriter, status int, show func(walletPage) templ.Component, page walletPage) {
	page.Accounts, page.Down = accounts, wallet.network.down.Load()
	if err := render(w, status, show(page)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// switchNetwork lets an outage be tried.
func (wallet *Wallet) switchNetwork(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxSignBody)
	wallet.network.setDown(r.PostFormValue("answers") == "no")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// A signedMessage is MyNearWallet's signedRequest. The order of its members is
// that of the fragment.
type signedMessage struct {
	AccountID string `json:"accountId"`
	Signature string `json:"signature"`
	PublicKey string `json:"publicKey"`
}

// sign signs for the wallet's own page, which sends JSON: no form of another page can.
func (wallet *Wallet) sign(w http.ResponseWriter, r *http.Request) {
	var body struct {
		AccountID   string  `json:"account_id"`
		Message     string  `json:"message"`
		Nonce       string  `json:"nonce"`
		Recipient   string  `json:"recipient"`
		CallbackURL *string `json:"callback_url"` // signed too, unless null
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "Send the request as application/json.", http.StatusUnsupportedMediaType)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSignBody)).Decode(&body); err != nil {
		http.Error(w, "Send one JSON object.", http.StatusBadRequest)
		return
	}
	nonce, err := readNonce(body.Nonce)
	key, known := wallet.network.wallets[body.AccountID]
	if err != nil || !known || len(body.Message) > maxMessage || len(body.Recipient) > maxRecipient {
		http.Error(w, "There is no such account here, or the nonce is not 32 bytes, or the request is too long.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(signedMessage{
		AccountID: key.AccountID, PublicKey: key.PublicKey(),
		Signature: key.Sign(body.Message, nonce, body.Recipient, body.CallbackURL),
	}) // the page is gone; there is nobody to tell
}
