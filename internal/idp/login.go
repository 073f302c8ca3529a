package idp

import (
	"net/netip"
	"time"
)

// A Login is one wallet sign-in: the challenge that was issued for one
// authorization request and what became of it. Its row is written once by the
// authorization endpoint and consumed once by the wallet's proof.
type Login struct {
	ID string // opaque, 128 bits or more, in URLs

	ClientID string // empty: a sign-in to the provider itself
	Params   string // the authorization request, URL-encoded, as it was validated

	// The NEP-413 payload, and the state that travels beside it.
	Message     string
	Nonce       [32]byte
	Recipient   string
	CallbackURL string
	State       string

	// BrowserHash is the SHA-256 of the secret in the login cookie of the
	// browser that began the login; nil for a login begun through the API, which
	// the nonce alone identifies.
	BrowserHash []byte

	// Handoff is the id of the login in another browser that this one proves; empty
	// for a login that proves itself. Such a login is of no client: nothing but that
	// other one comes of it.
	Handoff string

	CreatedAt time.Time
	ExpiresAt time.Time
	Renewals  int // how many expired logins this one continues
	Attempts  int // refused proofs so far

	Proof      *Proof    // nil until a signature was verified
	ConsumedAt time.Time // zero until the nonce was consumed, or a session stood in for it
	SID        string    // of the session that then began or served
	Denied     bool      // it ended by the person's refusal
	CodeHash   []byte    // of the authorization code; nil while consent is asked for
	CodeExpiry time.Time
	RedeemedAt time.Time // zero until the code was redeemed
}

// A Proof is a verified NEP-413 signature over a login's payload.
type Proof struct {
	AccountID string
	PublicKey string
	// CallbackBound reports that the signature covers the login's callback URL,
	// which a relaying site cannot obtain (it is delivered only to our origin).
	CallbackBound bool
	Wallet        string // what the page says was used; informative only
	// AnotherDevice reports that the signature was made for another login, on another
	// device, and handed over to this one.
	AnotherDevice bool
	Signature     [64]byte // Ed25519; zero where it is another login's, or a session stood in for it
}

// A SignedLogin is the proof of one sign-in, with all that it takes to verify it (NEP-413).
type SignedLogin struct {
	AccountID   string    `json:"account_id"`
	PublicKey   string    `json:"public_key"` // "ed25519:…"
	Message     string    `json:"message"`
	Nonce       []byte    `json:"nonce"` // 32 bytes, in base64
	Recipient   string    `json:"recipient"`
	CallbackURL string    `json:"callback_url,omitempty"` // empty: the signature does not cover one
	Signature   []byte    `json:"signature"`              // 64 bytes, in base64
	SignedAt    time.Time `json:"signed_at"`              // when it was accepted
	ClientID    string    `json:"client_id,omitempty"`    // empty: a sign-in to the provider itself
	Wallet      string    `json:"wallet,omitempty"`       // what the page said was used
}

// A Session is a browser's sign-on: one account, proven once.
type Session struct {
	Hash        []byte // SHA-256 of the cookie's secret
	Identity    Identity
	IdleExpires time.Time // moves with each use
	ExpiresAt   time.Time // never moves

	// For its person to tell it from others; filled in only where sessions are listed.
	Browser Browser   // that used it last
	BeganAt time.Time // its first sign-in; AuthTime is that of the last
	UsedAt  time.Time
}

// A Browser is what a request came from, and where, as far as that can be told of it. The names are
// of a list of ours, so that nothing that was sent is ever stored or shown. Empty ones are unknown.
type Browser struct {
	Name   string // such as "Firefox"
	System string // such as "Android"
	Place  string // the network of the address: a /24, or a /48 of IPv6
}

// Place is the network of an address; "" if it is none.
func Place(addr netip.Addr) string {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}

// An Identity is who signed in, when and how: everything that tokens say of a person.
type Identity struct {
	Subject   string // never reassigned: the account id, or "alice.near#2" for a later incarnation
	AccountID string
	Network   string // "mainnet" or "testnet"
	PublicKey string // "ed25519:…"
	AuthTime  time.Time
	SID       string // public identifier of the session, the "sid" claim
}

// A Code is an authorization code before it is stored: its hash, all that it is
// bound to, and what the person must have agreed to.
type Code struct {
	Hash          []byte // SHA-256
	GrantID       string
	ExpiresAt     time.Time
	RedirectURI   string // as sent in the authorization request; empty if it was not
	CodeChallenge string // S256; empty without PKCE
	DPoPKey       string // thumbprint of the key that must redeem it (RFC 9449 section 10); empty: any
	Scopes        []string
	Audience      []string
	Claims        []string // asked for one by one, such as "userinfo:near_public_key"
	Nonce         string   // the OpenID Connect nonce
	Consent       Consent
}

// A PresentedCode is an authorization code as a client sent it.
type PresentedCode struct {
	LoginID string // that it names
	Hash    []byte // SHA-256 of the whole
}

// A RefusedCode is what is known of an authorization code that could not be redeemed.
type RefusedCode struct {
	ClientID      string // that it was issued to
	RedirectURI   string
	CodeChallenge string
	DPoPKey       string
	Spent         bool // by this request or an earlier one, whether or not anything was issued
	Expired       bool
	Reused        bool // it was redeemed before; what was issued for it is revoked
}

// A ProvenKey is the key that a client's request proved to hold by DPoP (RFC
// 9449); the zero value is none.
type ProvenKey struct {
	Thumbprint string // RFC 7638, SHA-256, base64url
	// Binds says that refresh tokens are for this key alone: those of public
	// clients, which nothing else ties to whom they were issued to (section 5).
	Binds bool
}

// A Refresh is the use of a refresh token.
type Refresh struct {
	Generation uint32
	Key        ProvenKey
	Checked    bool // the chain has just confirmed the person's key
	Keep       bool // the token lives on instead of being rotated
}

// A Consent is what a person is asked to allow a client.
type Consent struct {
	Asked     AskConsent
	Scopes    []string
	Resources []string
	Client    string // fingerprint of the client's name and host as shown
}

// AskConsent says when a person is asked.
type AskConsent int

// The zero value asks whenever nothing is remembered that covers the request.
const (
	AskUnlessRemembered AskConsent = iota
	AskNever                       // the operator's own applications
	AskAlways                      // the application wants it asked again
)

// A Grant is one granted login for its whole life: what a client may do for
// whom, and the generation of its refresh token.
type Grant struct {
	ID         string
	ClientID   string
	Identity   Identity
	Scopes     []string
	Audience   []string
	Claims     []string
	Nonce      string    // of the authorization request; filled only when the code is redeemed
	Generation uint32    // of the live refresh token
	ExpiresAt  time.Time // of the live refresh token
	// KeyCheckedAt is when the chain last confirmed the key that signed.
	KeyCheckedAt time.Time
}

// An Application is what one client may know of a person, who may take it back.
type Application struct {
	ClientID string
	Scopes   []string
	Since    time.Time
	LastUsed time.Time // when it last got a token, or the consent
}
