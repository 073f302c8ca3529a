package templates

import "time"

// Account is /account: what the person who is signed in has here, and takes back.
type Account struct {
	Page
	AccountID    string
	Network      string
	Applications []AccountApplication
	Sessions     []AccountSession

	DisconnectURL string // POST, form field "client_id"
	EndURL        string // POST, form field "sid"
}

// AccountApplication is one application that may know of the person.
type AccountApplication struct {
	ClientID string
	Name     string
	Scopes   []string // in plain words
	LastUsed time.Time
}

// AccountSession is one browser that is signed in.
type AccountSession struct {
	SID      string
	Here     bool // this browser
	SignedIn time.Time
	Expires  time.Time
}

// moment writes a time for people, and for machines in the attribute.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }
