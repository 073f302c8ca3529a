package idp

import (
	"context"
	"time"
)

// An Origin is who caused something, as far as it is known. It travels in the
// context, so that what is stored of a change can say so.
type Origin struct {
	RequestID string // of the request that carried it
	Address   string // of the sender, without a port
	Browser   Browser
	Actor     string // of an administrator: "key:" and the id of an API key, "account:" and an account id, "local" on the command line, or "config"; empty otherwise
}

// Actors without an id of their own.
const (
	ActorLocal  = "local"  // whoever may use the command line over the database
	ActorConfig = "config" // the configuration, as it is applied at the start and when it changes
)

type originKey struct{}

// WithOrigin returns a context that carries o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin that ctx carries, or the zero Origin.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// An Event is one row of the audit log, which is only ever appended to.
type Event struct {
	ID        int64          `json:"id,string"` // rises with each event of a database
	Time      time.Time      `json:"time"`
	Type      string         `json:"type"` // noun and verb, such as "login.succeeded"
	Outcome   string         `json:"outcome"`
	Reason    string         `json:"reason,omitempty"`    // of a refusal: the code that its caller was told
	ClientID  string         `json:"client_id,omitempty"` // of a registered client, never a mere claim
	AccountID string         `json:"account_id,omitempty"`
	Subject   string         `json:"sub,omitempty"`
	SID       string         `json:"sid,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
	Address   string         `json:"address,omitempty"`
	Actor     string         `json:"actor,omitempty"`
	Details   map[string]any `json:"details,omitempty"`
}

// The outcomes of events.
const (
	OutcomeDone    = "done"
	OutcomeRefused = "refused" // by a rule
	OutcomeFailed  = "failed"  // by a fault, here or elsewhere
)

// An EventFilter selects events. Zero fields select all.
type EventFilter struct {
	ClientID  string
	AccountID string
	Type      string // or what it begins with, such as "client."
	Outcome   string
	Actor     string // or what it begins with, such as "key:"
	RequestID string
	Since     time.Time // inclusive
	Until     time.Time // exclusive
	Before    int64     // only events with a smaller id: the last one of the page before; 0: from the newest
	Limit     int       // at most so many
}
