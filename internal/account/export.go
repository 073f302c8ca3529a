package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"near-idp/internal/idp"
)

// exportVersion changes when a member of an Export changes its meaning or goes.
const exportVersion = 1

// An Export is everything that is kept of a person (docs/account.md).
type Export struct {
	Version    int       `json:"version"`
	Issuer     string    `json:"issuer"`
	ExportedAt time.Time `json:"exported_at"`
	AccountID  string    `json:"account_id"`
	Network    string    `json:"network"`
	idp.Subject
	LastSignIn *idp.SignedLogin     `json:"last_sign_in,omitempty"`
	Sessions   []ExportedSession    `json:"sessions"`
	Consents   []idp.AccountConsent `json:"consents"`
	Grants     []idp.AccountGrant   `json:"grants"`
	Events     []Event              `json:"events"`
	// EventsOmitted says that there are older events.
	EventsOmitted bool `json:"events_omitted"`
}

// An ExportedSession is a session, and what it is used with.
type ExportedSession struct {
	idp.AccountSession
	Browser    string    `json:"browser,omitempty"`
	System     string    `json:"system,omitempty"`
	Place      string    `json:"place,omitempty"`
	BeganAt    time.Time `json:"began_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

// Export returns what is kept of the person of a session, having recorded that they took
// it: nobody takes it unseen. idp.ErrNotFound as of Overview.
func (s *Service) Export(ctx context.Context, session *idp.Session) (*Export, error) {
	who := session.Identity
	owner, proof, err := s.owner(ctx, session)
	if err != nil {
		return nil, err
	}
	origin := idp.OriginOf(ctx)
	if err := s.Store.AppendEvents(ctx, []idp.Event{{Type: "account.exported", Outcome: idp.OutcomeDone, AccountID: who.AccountID,
		Subject: who.Subject, SID: who.SID, RequestID: origin.RequestID, Address: origin.Address}}); err != nil {
		return nil, fmt.Errorf("record export: %w", err)
	}
	e := &Export{Version: exportVersion, Issuer: s.Issuer, ExportedAt: s.now().UTC(), AccountID: who.AccountID, Network: who.Network,
		Subject: *owner, LastSignIn: proof}
	sessions, err := s.Store.SessionsOf(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	e.Sessions = make([]ExportedSession, len(sessions))
	for i, o := range sessions {
		e.Sessions[i] = exportedSession(o)
	}
	if e.Consents, err = s.Store.ConsentsOf(ctx, who.Network, who.Subject); err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	if e.Grants, err = s.Store.GrantsOf(ctx, who.Network, who.Subject); err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	types := append(slices.Clone(activity), "token.issued", "token.refreshed")
	if e.Events, err = s.events(ctx, session, owner, types, 0, exported+1, exported+1); err != nil {
		return nil, err
	}
	if e.EventsOmitted = len(e.Events) > exported; e.EventsOmitted {
		e.Events = e.Events[:exported]
	}
	return e, nil
}

func exportedSession(o idp.Session) ExportedSession {
	who := o.Identity
	return ExportedSession{
		AccountSession: idp.AccountSession{SID: who.SID, Subject: who.Subject, PublicKey: who.PublicKey, AuthTime: who.AuthTime, IdleExpires: o.IdleExpires, ExpiresAt: o.ExpiresAt},
		Browser:        o.Browser.Name, System: o.Browser.System, Place: o.Browser.Place, BeganAt: o.BeganAt, LastUsedAt: o.UsedAt,
	}
}
