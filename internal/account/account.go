// Package account is what the owner of an account, and an operator, see of it here, and take
// back: the applications that may know of them, and the browsers that are signed in.
package account

import (
	"context"
	"fmt"
	"slices"

	"near-idp/internal/idp"
)

// A Store keeps consents, grants and sessions. Each method but EndSessions is one statement.
type Store interface {
	// Applications lists what the subject allowed or granted and has not taken back, the last used first.
	Applications(ctx context.Context, network, subject string) ([]idp.Application, error)
	// SessionsOf lists the subject's live sessions, the newest first.
	SessionsOf(ctx context.Context, network, subject string) ([]idp.Session, error)
	// Disconnect forgets the subject's consent to a client and ends all that the client holds of them.
	Disconnect(ctx context.Context, network, subject, clientID string) error
	// EndSessions ends sessions and what was granted in them.
	EndSessions(ctx context.Context, offline bool, sids ...string) (ended int, err error)
}

// A Service answers for the account of a session and for no other.
type Service struct {
	Store Store
}

// An Overview is all there is to see.
type Overview struct {
	Applications []idp.Application
	Sessions     []idp.Session
}

// Overview returns what the account of a session has here.
func (s *Service) Overview(ctx context.Context, session *idp.Session) (*Overview, error) {
	who := session.Identity
	applications, err := s.Store.Applications(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	sessions, err := s.Store.SessionsOf(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return &Overview{applications, sessions}, nil
}

// Disconnect takes everything back from a client: it is asked for again at the
// next sign-in, and its tokens are worth nothing from now on.
func (s *Service) Disconnect(ctx context.Context, session *idp.Session, clientID string) error {
	who := session.Identity
	if err := s.Store.Disconnect(ctx, who.Network, who.Subject, clientID); err != nil {
		return fmt.Errorf("disconnect application: %w", err)
	}
	return nil
}

// EndSession ends one of the account's sessions with all that was granted in
// it; idp.ErrNotFound if the account has no such session.
func (s *Service) EndSession(ctx context.Context, session *idp.Session, sid string) error {
	who := session.Identity
	own, err := s.Store.SessionsOf(ctx, who.Network, who.Subject)
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	if !slices.ContainsFunc(own, func(o idp.Session) bool { return o.Identity.SID == sid }) {
		return fmt.Errorf("session: %w", idp.ErrNotFound)
	}
	if _, err := s.Store.EndSessions(ctx, true, sid); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
