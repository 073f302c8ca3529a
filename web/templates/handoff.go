package templates

// Asker is what people are told of who wants to be signed in on another device.
type Asker struct {
	Address   string // that asked; empty if unknown
	Agent     string // what it calls itself; empty: nothing
	Asked     string // how long ago, in words
	Elsewhere bool   // that is not the network that the person is on
}

// Handoff is what a person is told on the other device of a login that waits: before they
// sign in (/d/{code}, no Account), and when they pick the number (/continue/{id}).
type Handoff struct {
	Page
	Asker
	ClientName string // empty: a sign-in to the provider itself
	Mark       Mark
	ClientHost string

	TakeURL string // POST; with the form field "decision" it refuses

	Account string
	Network string
	Choices []int  // one of which the waiting screen shows
	PickURL string // POST, form field "number", or "decision" to refuse
}

// Wait is a login that waits for another device (/login/{id}/phone, /login/{id}/relay). Without a
// script the page loads itself again; with one it asks, and does so when something has changed.
type Wait struct {
	Page
	State      string // what the script compares; see WaitScript
	Busy       bool   // something may still happen
	Tone       string // of what happened; unused with QR and Number
	ClientName string // empty: a sign-in to the provider itself
	Heading    string
	Text       string

	QR      string // the address in a QR code; empty: none
	Typed   string // an address for whoever cannot scan; empty: none
	OpenURL string // leads the wallet of this very device there; empty: nothing does
	Wallet  string // the id of the wallet that it waits for; empty: any, by our own pages
	Name    string // of that wallet
	Number  int    // to be picked on the other device; 0: none

	AgainURL  string // POST, form field "wallet": show a new code; empty: no need
	LoginURL  string // to sign in on this device
	CancelURL string
}
