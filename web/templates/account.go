package templates

import (
	"time"

	"near-idp/internal/text"
)

// AccountFrame is what every page below /account has: whose it is, and the way to the others.
type AccountFrame struct {
	Page
	AccountID string
	Network   string
	Tabs      []AccountTab
}

// AccountTab leads to one of the pages.
type AccountTab struct {
	Title string
	URL   string
	Here  bool
}

// Account is /account: what may use the account of the person who is signed in, to be taken back.
type Account struct {
	AccountFrame
	Applications []AccountApplication
	Sessions     []AccountSession

	DisconnectURL string // POST, form field "client_id"
	EndURL        string // POST, form field "sid"
	OthersURL     string // POST: sign the other browsers out; empty: there are none
	EverywhereURL string // GET, asks before it does so
}

// AccountApplication is one application that may know of the person.
type AccountApplication struct {
	ClientID string
	Mark     Mark     // its name and logo
	Host     string   // where the application lives; empty: unknown
	Scopes   []string // in plain words
	LastUsed time.Time
}

// AccountSession is one browser that is signed in.
type AccountSession struct {
	SID     string
	Here    bool   // this browser
	Browser string // such as "Firefox"; empty: unknown
	System  string // such as "Android"; empty: unknown
	Place   string // the network it was used from; empty: unknown
	Began   time.Time
	Used    time.Time
	Expires time.Time
}

// AccountActivity is /account/activity: what happened, the newest first.
type AccountActivity struct {
	AccountFrame
	Events   []AccountEvent
	NewerURL string // empty: this is the newest
	OlderURL string // empty: there is nothing older
}

// AccountEvent is one thing that happened.
type AccountEvent struct {
	Time       time.Time
	What       text.Message
	Client     string // for {client} in What
	Reason     string // of a refusal; empty: none is told
	Place      string // the network it came from; empty: not told
	Refused    bool
	ByOperator bool
}

// AccountProof is /account/proof: what the wallet signed last.
type AccountProof struct {
	AccountFrame
	Known       bool // there is a proof
	Message     string
	NonceBase64 string
	Recipient   string
	CallbackURL string // empty: the signature does not cover one
	PublicKey   string
	Signature   string // base64
	SignedAt    time.Time
	DownloadURL string
}

// AccountData is /account/data: a copy of everything, and what this browser remembers.
type AccountData struct {
	AccountFrame
	Fresh      bool     // the person has signed with their wallet a moment ago
	ExportURL  string   // POST: the copy
	ConfirmURL string   // POST: to sign with the wallet first
	Remembered []string // accounts that have signed in in this browser
	ForgetURL  string   // POST, form field "account"; empty value: all
}

// AccountEverywhere is /account/sign-out-everywhere: are you sure?
type AccountEverywhere struct {
	AccountFrame
	EndURL    string // POST
	CancelURL string
}

// moment writes a time for people, and for machines in the attribute.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// device is what a session is used with, in words.
func (s AccountSession) device(p Page) string {
	switch {
	case s.Browser != "" && s.System != "":
		return p.T("{browser} on {system}", "browser", s.Browser, "system", s.System)
	case s.Browser != "" || s.System != "":
		return s.Browser + s.System
	}
	return p.T("Unknown browser")
}
