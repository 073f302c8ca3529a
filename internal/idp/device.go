package idp

import "time"

// A Device is the request of a device without a browser to sign a person in
// (RFC 8628). Its row is written once by the device authorization endpoint, decided once by a
// person in a browser, and redeemed once by the device.
type Device struct {
	ID       string // opaque, 128 bits or more; what a login for it refers to
	Hash     []byte // SHA-256 of the device code
	UserCode string // without the dash that people see
	ClientID string
	Scopes   []string
	Audience []string

	// Match is the number that the device shows and the person must pick among
	// Choices; 0 if it shows none.
	Match   int
	Choices []int

	Sender    Sender
	CreatedAt time.Time
	ExpiresAt time.Time
	Interval  time.Duration // between polls
	DecidedAt time.Time     // zero until the person decided
}

// A Sender is who sent a request, as far as it can be told.
type Sender struct {
	Address string // empty if unknown
	Network string // of the address, which limits count
	Agent   string // what it calls itself; anybody can write anything here
}

// A DeviceState is what a poll for a device's tokens finds.
type DeviceState string

const (
	DevicePending DeviceState = "pending"   // nobody has decided
	DeviceEarly   DeviceState = "slow_down" // polled before the interval was over, which is now longer
	DeviceDenied  DeviceState = "denied"
	DeviceExpired DeviceState = "expired"
	DeviceUsed    DeviceState = "used"  // redeemed before
	DeviceReady   DeviceState = "ready" // allowed; redeemed by this very poll
)
