package demo

import (
	"net/http"
	"sync/atomic"

	"near-idp/internal/idp"
	"near-idp/internal/neartest"
)

// NetworkID is the network that is simulated. Test networks are where nothing is
// worth anything, on the simulated one as on the real one.
const NetworkID = "testnet"

// An account is one that the development wallet signs for.
type account struct {
	ID      string
	Note    string
	SignsIn bool // false: the provider refuses it
	add     func(chain *neartest.Chain, w *neartest.Wallet)
}

// accounts are two that sign in, and one for each way in which a wallet's honest
// signature does not prove an account.
var accounts = []account{
	{"alice.testnet", "Full-access key", true, withKey(neartest.FullAccess)},
	{"bob.testnet", "Full-access key", true, withKey(neartest.FullAccess)},
	{"limited-key.testnet", "Its key may only call one contract", false, withKey(neartest.FunctionCall("guestbook.testnet", "sign"))},
	{"removed-key.testnet", "Its key was removed from the account", false,
		func(chain *neartest.Chain, w *neartest.Wallet) { chain.AddAccount(w.AccountID) }},
	{"nobody.testnet", "Was never created on the network", false, nil},
	{"alice.near", "Lives on mainnet, not on testnet", false, nil},
}

// Administrator is the account of the simulated network that administers the provider. The
// others are turned away, as they would be elsewhere.
const Administrator = "alice.testnet"

// First reports the account that the wallet proposes.
func (a account) First() bool { return a.ID == accounts[0].ID }

func withKey(p neartest.Permission) func(*neartest.Chain, *neartest.Wallet) {
	return func(chain *neartest.Chain, w *neartest.Wallet) { chain.AddKey(w.AccountID, w.PublicKey(), p) }
}

// A Network is a NEAR network that exists in this process alone, and the keys of the
// accounts on it. It serves JSON-RPC the way a node does.
type Network struct {
	chain   *neartest.Chain
	wallets map[string]*neartest.Wallet
	down    atomic.Bool
}

var _ http.Handler = (*Network)(nil)

// NewNetwork makes the network of a development directory: the same accounts with the
// same keys each time.
func NewNetwork(key idp.Secret) *Network {
	n := &Network{chain: neartest.NewChain(NetworkID), wallets: map[string]*neartest.Wallet{}}
	for _, a := range accounts {
		w := neartest.WalletFromSeed(a.ID, derive(key, "wallet of "+a.ID))
		n.wallets[a.ID] = w
		if a.add != nil {
			a.add(n.chain, w)
		}
	}
	return n
}

// ServeHTTP answers JSON-RPC.
func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.chain.ServeHTTP(w, r) }

// setDown makes the network fail, or answer again.
func (n *Network) setDown(down bool) {
	mode := neartest.OK
	if down {
		mode = neartest.Down500
	}
	n.down.Store(down)
	n.chain.SetMode(mode)
}
