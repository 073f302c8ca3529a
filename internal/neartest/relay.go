package neartest

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Relay stands for those of HOT Wallet and NEAR Mobile, whose paths do not meet, and for the
// wallets behind them: it takes a request as they do, and a test has a wallet answer it.
type Relay struct {
	mu       sync.Mutex
	requests map[string]*relayed
	fault    func(w http.ResponseWriter) bool
}

// A relayed request, and its answer.
type relayed struct {
	message, recipient string
	nonce              [32]byte
	deadline           time.Time
	hot                bool
	status, answer     string
}

// NewRelay returns a relay without requests.
func NewRelay() *Relay { return &Relay{requests: map[string]*relayed{}} }

// Break has fault answer requests instead, unless it reports false; nil ends that.
func (r *Relay) Break(fault func(w http.ResponseWriter) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = fault
}

func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil && r.fault(w) {
		return
	}
	const mobile = "/api/signer-request/message"
	path := strings.TrimPrefix(req.URL.Path, "/")
	switch id, action, _ := strings.Cut(path, "/"); {
	case req.Method == http.MethodPost && req.URL.Path == mobile:
		r.askMobile(w, req)
	case req.Method == http.MethodGet && strings.HasPrefix(req.URL.Path, mobile+"/"):
		r.mobileState(w, strings.TrimPrefix(req.URL.Path, mobile+"/"))
	case req.Method == http.MethodPost && action == "request":
		r.askHOT(w, req, id)
	case req.Method == http.MethodGet && action == "response":
		r.hotResponse(w, id)
	default:
		http.NotFound(w, req)
	}
}

func (r *Relay) askHOT(w http.ResponseWriter, req *http.Request, id string) {
	var body struct{ Data string }
	var asked struct {
		Method   string
		Request  struct{ Message, Recipient, CallbackURL string }
		Deadline int64
		ID       string
		HOT      bool `json:"$hot"`
		Origin   string
	}
	var nonce struct{ Request struct{ Nonce [32]byte } }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sum := sha1.Sum([]byte(body.Data))
	text, err := unbase58(body.Data)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &asked), json.Unmarshal(text, &nonce))
	}
	switch {
	case err != nil:
	case id != hex.EncodeToString(sum[:]):
		err = errors.New("the id is not the hash of the data")
	case asked.Method != "near:signMessage" || !asked.HOT || asked.ID == "" || asked.Origin == "":
		err = fmt.Errorf("not a request of HOT: %s", text)
	case asked.Request.CallbackURL != "":
		err = errors.New("HOT signs no callback URL")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.requests[id] = &relayed{message: asked.Request.Message, recipient: asked.Request.Recipient, nonce: nonce.Request.Nonce,
		deadline: time.UnixMilli(asked.Deadline), hot: true}
}

func (r *Relay) hotResponse(w http.ResponseWriter, id string) {
	one := r.requests[id]
	if one == nil || one.answer == "" {
		http.Error(w, "no response", http.StatusNotFound)
		return
	}
	write(w, map[string]string{"data": one.answer})
}

func (r *Relay) askMobile(w http.ResponseWriter, req *http.Request) {
	var asked struct {
		Network, Message, Receiver string
		Nonce                      [32]byte
		CallbackURL                *string
	}
	if err := json.NewDecoder(req.Body).Decode(&asked); err != nil || asked.Network == "" || asked.Receiver == "" || asked.CallbackURL != nil {
		http.Error(w, fmt.Sprint("not a request of NEAR Mobile: ", err), http.StatusBadRequest)
		return
	}
	id := fmt.Sprintf("6f1b2c3d-0000-4000-8000-%012d", len(r.requests))
	r.requests[id] = &relayed{message: asked.Message, recipient: asked.Receiver, nonce: asked.Nonce, deadline: time.Now().Add(time.Hour), status: "pending"}
	r.mobileState(w, id)
}

func (r *Relay) mobileState(w http.ResponseWriter, id string) {
	one := r.requests[id]
	if one == nil {
		http.Error(w, "no such request", http.StatusNotFound)
		return
	}
	state := map[string]any{"id": id, "network": "mainnet", "status": one.status}
	if one.answer != "" {
		state["response"] = json.RawMessage(one.answer)
	}
	write(w, state)
}

func write(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the caller is gone
}

// Approve has a wallet sign the request that a link leads to.
func (r *Relay) Approve(link string, w *Wallet) error {
	return r.respond(link, func(one *relayed) {
		payload := fmt.Sprintf(`{"accountId":%q,"publicKey":%q,"signature":%q}`, w.AccountID, w.PublicKey(), w.Sign(one.message, one.nonce, one.recipient, nil))
		one.status, one.answer = "approved", payload
		if one.hot {
			one.answer = `{"success":true,"payload":` + payload + `}`
		}
	})
}

// Reject has the wallet refuse the request that a link leads to.
func (r *Relay) Reject(link string) error {
	return r.respond(link, func(one *relayed) {
		one.status = "rejected"
		if one.hot {
			one.answer = `{"success":false,"payload":"User rejected"}`
		}
	})
}

// Say answers the request with a text of the test's: what HOT's response holds, or what
// follows NEAR Mobile's status "approved".
func (r *Relay) Say(link, answer string) error {
	return r.respond(link, func(one *relayed) { one.status, one.answer = "approved", answer })
}

func (r *Relay) respond(link string, how func(*relayed)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := link[strings.LastIndexAny(link, "/-")+1:]
	if i := strings.Index(link, "hotcall-"); i < 0 {
		id = link[strings.LastIndex(link, "/")+1:]
	}
	one := r.requests[id]
	switch {
	case one == nil:
		return fmt.Errorf("no request at %s", link)
	case time.Now().After(one.deadline):
		return errors.New("the request's deadline is over")
	}
	how(one)
	return nil
}

// unbase58 decodes without the help of what is tested.
func unbase58(text string) ([]byte, error) {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, c := range text {
		digit := strings.IndexRune(alphabet, c)
		if digit < 0 {
			return nil, fmt.Errorf("%q is not base58", c)
		}
		n.Add(n.Mul(n, big.NewInt(58)), big.NewInt(int64(digit)))
	}
	return n.Bytes(), nil
}
