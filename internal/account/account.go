// Package account is what the owner of an account, and an operator, see of it here, and take
// back: the applications that may know of them, the browsers that are signed in, and what happened.
package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"near-idp/internal/idp"
)

// A Store keeps consents, grants, sessions and events. Each method but those that end sessions is one statement.
type Store interface {
	// Owner returns the open incarnation of an account that a subject is, with the proof of its last sign-in,
	// or idp.ErrNotFound.
	Owner(ctx context.Context, network, account, subject string) (*idp.Subject, *idp.SignedLogin, error)
	// Applications lists what the subject allowed or granted and has not taken back, the last used first.
	Applications(ctx context.Context, network, subject string) ([]idp.Application, error)
	// SessionsOf lists the subject's live sessions, the newest first.
	SessionsOf(ctx context.Context, network, subject string) ([]idp.Session, error)
	ConsentsOf(ctx context.Context, network, subject string) ([]idp.AccountConsent, error)
	GrantsOf(ctx context.Context, network, subject string) ([]idp.AccountGrant, error)
	// OwnEvents returns a page of the events of a person that have one of the types, and of what was refused them.
	OwnEvents(ctx context.Context, account string, owner *idp.Subject, types []string, skip, limit, scan int) ([]idp.Event, error)
	AppendEvents(ctx context.Context, events []idp.Event) error
	// Disconnect forgets the subject's consent to a client and ends all that the client holds of them.
	Disconnect(ctx context.Context, network, subject, clientID string) error
	// EndSessions ends sessions and what was granted in them.
	EndSessions(ctx context.Context, offline bool, sids ...string) (ended int, err error)
	// EndSessionsOfSubject ends all sessions and all grants.
	EndSessionsOfSubject(ctx context.Context, network, subject string) (ended int, err error)
}

// A Service answers for the account of a session and for no other: what it shows and
// ends is found by the session's subject, which no later owner of the account shares.
type Service struct {
	Store  Store
	Issuer string
	Now    func() time.Time // nil: time.Now
}

// An Overview is who a person is here, and what may use their account.
type Overview struct {
	Subject      idp.Subject
	Applications []idp.Application
	Sessions     []idp.Session
}

// Overview returns what the account of a session has here; idp.ErrNotFound if the account
// is gone or is another's since.
func (s *Service) Overview(ctx context.Context, session *idp.Session) (*Overview, error) {
	who := session.Identity
	owner, _, err := s.owner(ctx, session)
	if err != nil {
		return nil, err
	}
	applications, err := s.Store.Applications(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	sessions, err := s.Store.SessionsOf(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return &Overview{*owner, applications, sessions}, nil
}

func (s *Service) owner(ctx context.Context, session *idp.Session) (*idp.Subject, *idp.SignedLogin, error) {
	who := session.Identity
	owner, proof, err := s.Store.Owner(ctx, who.Network, who.AccountID, who.Subject)
	if err != nil {
		return nil, nil, fmt.Errorf("find owner: %w", err)
	}
	return owner, proof, nil
}

// Proof returns the proof of the last sign-in of the account, nil if none was kept;
// idp.ErrNotFound as of Overview.
func (s *Service) Proof(ctx context.Context, session *idp.Session) (*idp.SignedLogin, error) {
	_, proof, err := s.owner(ctx, session)
	return proof, err
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
	own, err := s.sids(ctx, session)
	if err != nil {
		return err
	}
	if !slices.Contains(own, sid) {
		return fmt.Errorf("session: %w", idp.ErrNotFound)
	}
	if _, err := s.Store.EndSessions(ctx, true, sid); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndOthers ends the account's sessions but for this one, with all that was granted in them.
func (s *Service) EndOthers(ctx context.Context, session *idp.Session) error {
	own, err := s.sids(ctx, session)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(own, func(sid string) bool { return sid == session.Identity.SID })
	if len(others) == 0 {
		return nil
	}
	if _, err := s.Store.EndSessions(ctx, true, others...); err != nil {
		return fmt.Errorf("end other sessions: %w", err)
	}
	return nil
}

// sids are those of the account's live sessions.
func (s *Service) sids(ctx context.Context, session *idp.Session) ([]string, error) {
	who := session.Identity
	own, err := s.Store.SessionsOf(ctx, who.Network, who.Subject)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	sids := make([]string, len(own))
	for i, o := range own {
		sids[i] = o.Identity.SID
	}
	return sids, nil
}

// EndEverything ends all sessions of the account, this one included, and all that was ever
// granted: tokens that outlive a session, too. What applications were allowed is remembered.
func (s *Service) EndEverything(ctx context.Context, session *idp.Session) error {
	who := session.Identity
	if _, err := s.Store.EndSessionsOfSubject(ctx, who.Network, who.Subject); err != nil {
		return fmt.Errorf("end everything: %w", err)
	}
	return nil
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
