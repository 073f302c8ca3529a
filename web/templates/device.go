package templates

// DeviceCode is /device: where a person types the code that a device shows.
type DeviceCode struct {
	Page
	UserCode string // to begin with; empty: none
	Another  bool   // sign in anew, even if the browser is signed in
	Error    string // what was wrong with the code; empty: nothing
	EnterURL string // POST, form fields "user_code" and "another"
}

// Device is what a person is told of a device that asks to be signed in, before
// they sign in (/device/{id}, no Account) and when they decide (/consent/{id}).
type Device struct {
	Page
	Asker
	ClientName string
	Mark       Mark
	FirstParty bool // the operator's own
	Links      Links
	UserCode   string // as the device shows it
	Scopes     []string
	Resources  []string

	NextURL   string // to sign in
	CancelURL string // POST: refuse before signing in

	Account   string
	Network   string
	Choices   []int  // one of which the device shows; empty: it shows none
	DecideURL string // POST, form fields "decision" and, with Choices, "number"
	AgainURL  string // the same device, signing in anew
}
