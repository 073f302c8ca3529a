package idp

// A Logout is one client that is to be told that a session ended (OpenID
// Connect Back-Channel Logout 1.0).
type Logout struct {
	ID       int64
	ClientID string
	SID      string
	Subject  string
	Attempts int // those that were begun
}
