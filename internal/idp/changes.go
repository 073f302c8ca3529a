package idp

import "time"

// ClientChanges are what one transaction makes of the registry. The lists name each client once.
type ClientChanges struct {
	Create      []Client // their Secrets are in AddSecrets
	Update      []Client // everything but ID, ManagedBy, CreatedAt and Secrets is replaced
	Delete      []string // ids of clients, which go with their secrets
	DropSecrets []string // ids of secrets
	AddSecrets  []AddedSecret
}

// An AddedSecret is a secret that a client is to have. A zero CreatedAt means now.
type AddedSecret struct {
	ClientID string
	ClientSecret
}

// Empty reports that there is nothing to change.
func (c ClientChanges) Empty() bool {
	return len(c.Create)+len(c.Update)+len(c.Delete)+len(c.DropSecrets)+len(c.AddSecrets) == 0
}

// A ClientSelection selects clients: those of an owner and those with an id; all if no owner is named.
type ClientSelection struct {
	ManagedBy string
	IDs       []string
}

// A ClientQuery chooses a page of the registry, ordered by id.
type ClientQuery struct {
	Search string // part of the id or the name, whatever the case of A to Z; empty: all
	After  string // the id that the page before ended with; empty: the first page
	Limit  int
}

// ClientUses say when clients, by id, and secrets, by id, were last used.
type ClientUses struct {
	Clients, Secrets map[string]time.Time
}
