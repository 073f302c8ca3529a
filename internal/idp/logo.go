package idp

import "time"

// A ClientLogo is what is known of the copy of a client's logo. The zero value: it has none yet.
type ClientLogo struct {
	Hash      string    `json:"hash,omitempty"`       // SHA-256 of the PNG, in hexadecimal; empty: nothing to show
	FetchedAt time.Time `json:"fetched_at,omitzero"`  // when that copy was made
	Error     string    `json:"error,omitempty"`      // why the last attempt failed; empty: it did not
	NextAt    time.Time `json:"next_try_at,omitzero"` // when the next attempt is due
}

// A DueLogo is one that is to be fetched.
type DueLogo struct {
	ClientID string
	Source   string // the client's logo_uri
	Attempts int    // since the last success, this one included
}

// An Image is a PNG that the provider serves.
type Image struct {
	Hash string // SHA-256, in hexadecimal
	PNG  []byte
}
