package idp

import (
	"crypto/rand"
	"math/big"
	"slices"
	"time"
)

// A Handoff lets a person go on with a login on another device. Its row is written once by
// the browser that waits, taken once by the browser of the other device, proven once by a
// wallet there, decided once by the person, and used up with the login that waits.
type Handoff struct {
	LoginID string // that waits
	Hash    []byte // SHA-256 of the code that the other device is shown

	// Match is the number that the waiting browser shows and the person must pick
	// among Choices.
	Match   int
	Choices []int

	Sender    Sender // the waiting browser
	CreatedAt time.Time
	ExpiresAt time.Time

	TakenBy   string    // the login on the other device; empty until the code was taken
	Proof     *Proof    // nil until a wallet there has signed
	ProvenAt  time.Time // when it had
	DecidedAt time.Time // zero until the person decided
	Allowed   bool      // they picked the number
}

// MatchNumbers are three different numbers of two digits, and one of them: what one device
// shows for the person to pick on another. Whoever was talked into opening somebody else's
// request does not see it.
func MatchNumbers() (match int, choices []int) {
	for len(choices) < 3 {
		if n := 10 + Below(90); !slices.Contains(choices, n) {
			choices = append(choices, n)
		}
	}
	return choices[Below(len(choices))], choices
}

// Below returns a random number less than n, each as likely as the others.
func Below(n int) int {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return int(number.Int64())
}
