package templates

// Logout is /logout where the person has to be asked.
type Logout struct {
	Page
	Mark      Mark   // of the application to return to; without a name: there is none
	Account   string // that is signed in
	Network   string
	LogoutURL string // POST, form field "decision": "logout" or "forget", and the three below
	CancelURL string
	Remembers bool // the browser remembers accounts, and can forget them too

	// The parameters of the request that are sent again; empty if there is nowhere to return to.
	ClientID    string
	RedirectURI string
	State       string
}
