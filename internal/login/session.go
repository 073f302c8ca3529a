package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"near-idp/internal/idp"
)

// consentWindow is how long after the signature a person may decide.
const consentWindow = 10 * time.Minute

// Session returns the live session whose cookie has this secret, or nil.
func (s *Service) Session(ctx context.Context, secret string) (*idp.Session, error) {
	if secret == "" {
		return nil, nil
	}
	session, err := s.Store.Session(ctx, hashOf(secret))
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	return session, nil
}

// End signs out: it ends these sessions and what was granted in them, and has
// their clients told. Ending one that has ended is no error.
func (s *Service) End(ctx context.Context, sids ...string) error {
	if _, err := s.Store.EndSessions(ctx, s.RevokeOffline, sids...); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Resume answers an authorization request from a session, without a signature.
// The login has a code, or awaits consent. If silent, one that would await it is not begun;
// then, and when the session ended meanwhile, it returns nil.
func (s *Service) Resume(ctx context.Context, req Request, session *idp.Session, silent bool) (*idp.Login, error) {
	l := s.challenged(req)
	code, err := s.issue(ctx, l, session.Identity.AccountID, false)
	if err != nil {
		return nil, err
	}
	issued, err := s.Store.ResumeLogin(ctx, l, session, s.Idle, code, silent)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume session: %w", err)
	}
	done := s.ended(l, l.SID, code, issued)
	done.Proof = &idp.Proof{AccountID: session.Identity.AccountID, PublicKey: session.Identity.PublicKey}
	return done, nil
}

// Adopt lets the browser's session answer a login whose page is open: the person chose
// to continue as who they are.
func (s *Service) Adopt(ctx context.Context, l *idp.Login, secret string) (*idp.Login, error) {
	session, err := s.Session(ctx, secret)
	if err != nil {
		return nil, err
	}
	switch {
	case session == nil || !s.Now().Before(l.ExpiresAt):
		return nil, refuse(Expired, l, nil)
	case !l.ConsumedAt.IsZero() || l.BrowserHash == nil || l.Handoff != "":
		return nil, refuse(Used, l, nil)
	}
	code, err := s.issue(ctx, l, session.Identity.AccountID, false)
	if err != nil {
		return nil, err
	}
	issued, err := s.Store.AdoptSession(ctx, l, session, s.Idle, code)
	if errors.Is(err, idp.ErrUsed) {
		return nil, refuse(Used, l, err)
	}
	if err != nil {
		return nil, fmt.Errorf("adopt session: %w", err)
	}
	return s.ended(l, l.SID, code, issued), nil
}

// AwaitsConsent reports that a login is proven and its person has yet to decide.
func AwaitsConsent(l *idp.Login) bool {
	return l.ClientID != "" && !l.ConsumedAt.IsZero() && !l.Denied && l.CodeHash == nil
}

// Terms returns what the person of a login that awaits consent is asked to allow.
func (s *Service) Terms(ctx context.Context, l *idp.Login) (idp.Consent, error) {
	code, err := s.issue(ctx, l, l.Proof.AccountID, true)
	if err != nil {
		return idp.Consent{}, err
	}
	return code.Consent, nil
}

// Allow issues the code of a login that awaits consent, and remembers the
// consent. Allowing twice is the same as once.
func (s *Service) Allow(ctx context.Context, l *idp.Login) (*idp.Login, error) {
	switch {
	case l.CodeHash != nil:
		return l, nil
	case !AwaitsConsent(l):
		return nil, refuse(Used, l, nil)
	}
	code, err := s.issue(ctx, l, l.Proof.AccountID, true)
	if err != nil {
		return nil, err
	}
	err = s.Store.AllowLogin(ctx, l, code, consentWindow)
	if errors.Is(err, idp.ErrUsed) {
		return s.allowed(ctx, l)
	}
	if err != nil {
		return nil, fmt.Errorf("allow login: %w", err)
	}
	done := *l
	done.CodeHash, done.CodeExpiry = code.Hash, code.ExpiresAt
	return &done, nil
}

// allowed decides for the loser of a race to allow.
func (s *Service) allowed(ctx context.Context, l *idp.Login) (*idp.Login, error) {
	now, err := s.Store.Login(ctx, l.ID)
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	if now.CodeHash != nil {
		return now, nil
	}
	return nil, refuse(Expired, l, errors.New("the session ended, or consent took too long"))
}
