package idp

import "time"

// A RelayRequest is a login's challenge that waits for a wallet at its maker's relay.
type RelayRequest struct {
	LoginID   string
	Wallet    string // its id in the configuration
	ID        string // the relay's
	ExpiresAt time.Time
	Ended     string // RelayRejected or RelayMalformed; empty while an answer may come
}

// How requests at relays end, other than with a signature.
const (
	RelayRejected  = "rejected"
	RelayMalformed = "malformed"
)
