package idp

import "time"

// An Account is what there is here of one account id, for administrators. Its lists
// begin with the newest.
type Account struct {
	AccountID string           `json:"account_id"`
	Network   string           `json:"network"`
	Blocked   *Block           `json:"blocked,omitempty"` // nil: it is not
	Subjects  []Subject        `json:"subjects"`
	Consents  []AccountConsent `json:"consents"`
	Sessions  []AccountSession `json:"sessions"`
	Grants    []AccountGrant   `json:"grants"`
}

// A Block keeps an account out.
type Block struct {
	AccountID string    `json:"account_id"`
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"created_at"`
}

// A Subject is one incarnation of an account.
type Subject struct {
	Subject     string    `json:"sub"`
	CreatedAt   time.Time `json:"created_at"`
	LastLoginAt time.Time `json:"last_login_at"`
	ClosedAt    time.Time `json:"closed_at,omitzero"` // when the account was found to be gone
}

// An AccountConsent is what somebody allowed a client.
type AccountConsent struct {
	Subject   string    `json:"sub"`
	ClientID  string    `json:"client_id"`
	Scopes    []string  `json:"scopes"`
	Resources []string  `json:"resources"`
	GrantedAt time.Time `json:"granted_at"`
}

// An AccountSession is a live session, without what its cookie could be told by.
type AccountSession struct {
	SID         string    `json:"sid"`
	Subject     string    `json:"sub"`
	PublicKey   string    `json:"public_key"`
	AuthTime    time.Time `json:"auth_time"`
	IdleExpires time.Time `json:"idle_expires_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// An AccountGrant is a live grant.
type AccountGrant struct {
	ID        string    `json:"grant_id"`
	ClientID  string    `json:"client_id"`
	Subject   string    `json:"sub"`
	SID       string    `json:"sid"`
	Scopes    []string  `json:"scopes"`
	Audience  []string  `json:"audience"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used_at"`
	ExpiresAt time.Time `json:"expires_at"`
}
