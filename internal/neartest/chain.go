package neartest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Permission is the JSON of an access key's permission. Any JSON is allowed, so
// that a test can invent the variants of a future protocol.
type Permission string

// The permissions of nearcore that need no parameters.
const (
	FullAccess       Permission = `"FullAccess"`
	GasKeyFullAccess Permission = `{"GasKeyFullAccess":{"balance":"0","num_nonces":4}}`
)

// FunctionCall is a key that may only call methods of receiver.
func FunctionCall(receiver string, methods ...string) Permission {
	return variant("FunctionCall", map[string]any{
		"allowance": nil, "receiver_id": receiver, "method_names": append([]string{}, methods...),
	})
}

// GasKeyFunctionCall is the gas key form of FunctionCall.
func GasKeyFunctionCall(receiver string, methods ...string) Permission {
	return variant("GasKeyFunctionCall", map[string]any{
		"balance": "0", "num_nonces": 4,
		"allowance": nil, "receiver_id": receiver, "method_names": append([]string{}, methods...),
	})
}

func variant(name string, value any) Permission {
	text, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		panic(err) // unreachable: strings and numbers always marshal
	}
	return Permission(text)
}

// Mode is how a Chain behaves towards its callers.
type Mode int

// The modes. Accounts and keys are kept in every one.
const (
	OK          Mode = iota
	Down500          // HTTP 500 with an HTML page
	Timeout          // no answer until the caller gives up
	Malformed        // HTTP 200 with half a JSON text
	WrongChain       // status reports another chain id
	Stale            // the head stands ten minutes in the past
	RateLimited      // HTTP 429
)

// Chain is a NEAR RPC node with a chain of its own. It answers "status" and the
// "query" requests view_access_key and view_account, with one block a second.
// It is an http.Handler and safe for concurrent use.
type Chain struct {
	chainID string

	mu       sync.Mutex
	now      func() time.Time
	mode     Mode
	delay    time.Duration
	accounts map[string]map[string]Permission // account id, public key
	requests map[string]int
}

var _ http.Handler = (*Chain)(nil)

// NewChain makes an empty chain whose blocks follow the system clock.
func NewChain(chainID string) *Chain {
	return &Chain{
		chainID: chainID, now: time.Now,
		accounts: map[string]map[string]Permission{}, requests: map[string]int{},
	}
}

// SetClock makes blocks follow another clock.
func (c *Chain) SetClock(now func() time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// SetMode changes the behaviour from the next request on.
func (c *Chain) SetMode(mode Mode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mode = mode
}

// SetDelay holds every answer back for d.
func (c *Chain) SetDelay(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = d
}

// AddAccount creates an account without keys, unless it exists.
func (c *Chain) AddAccount(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addAccount(account)
}

func (c *Chain) addAccount(account string) map[string]Permission {
	if c.accounts[account] == nil {
		c.accounts[account] = map[string]Permission{}
	}
	return c.accounts[account]
}

// DeleteAccount removes an account with all its keys.
func (c *Chain) DeleteAccount(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.accounts, account)
}

// AddKey gives account a key, or the key another permission, and creates the
// account if needed.
func (c *Chain) AddKey(account, publicKey string, permission Permission) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addAccount(account)[publicKey] = permission
}

// RemoveKey takes a key from account, which stays.
func (c *Chain) RemoveKey(account, publicKey string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.accounts[account], publicKey)
}

// Requests counts all requests received so far, in whatever mode.
func (c *Chain) Requests() int {
	total := 0
	for _, n := range c.RequestsByKind() {
		total += n
	}
	return total
}

// RequestsByKind counts requests by "status", "view_access_key" and
// "view_account"; other requests count under their method or request type.
func (c *Chain) RequestsByKind() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.requests)
}

// block is one of the chain's blocks: number n is made n seconds after 1970.
type block struct{ height int64 }

func (b block) time() time.Time { return time.Unix(b.height, 0).UTC() }

func (b block) hash() string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("neartest block "), uint64(b.height)))
	return base58(sum[:])
}

// head is the latest block. c.mu is held.
func (c *Chain) head() block {
	now := c.now()
	if c.mode == Stale {
		now = now.Add(-10 * time.Minute)
	}
	return block{now.Unix()}
}

// final is the latest final block, two behind the head as on the real chain.
// c.mu is held.
func (c *Chain) final() block { return block{c.head().height - 2} }

// find looks a block hash up among the last minute's blocks, as far back as a
// pinned question of one login can reach. c.mu is held.
func (c *Chain) find(hash string) (block, bool) {
	const kept = 60
	head := c.head()
	for b := head; b.height > head.height-kept; b.height-- {
		if b.hash() == hash {
			return b, true
		}
	}
	return block{}, false
}
