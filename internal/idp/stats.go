package idp

// Stats count what a provider has.
type Stats struct {
	Clients  int `json:"clients"`
	Disabled int `json:"clients_disabled"`
	Sessions int `json:"sessions"` // live ones
	Grants   int `json:"grants"`   // live ones
	Blocked  int `json:"blocked_accounts"`
	Logins   int `json:"logins_last_day"`
	Refused  int `json:"refused_last_day"` // requests, of all kinds
}
