package templates

// Consent is /consent/{id}: what a signed-in person is asked to allow.
type Consent struct {
	Page
	ClientName string
	Mark       Mark
	ClientHost string // where they will return to
	FirstParty bool   // the operator's own
	Links      Links
	Account    string
	Network    string
	Scopes     []string // in plain words
	Resources  []string // other services that the application may use for them
	Remembered bool     // what is allowed is not asked again
	DecideURL  string   // POST, form field "decision": "allow" or "deny"
	AgainURL   string   // the same request, signing in anew
	AccountURL string   // where it can be taken back
}
