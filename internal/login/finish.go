package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"near-idp/internal/idp"
)

// finish consumes the login by a signature that was made at this time. The code is made first and stored with it, so that
// no login is consumed without its code.
func (s *Service) finish(ctx context.Context, l *idp.Login, p idp.Proof, at time.Time, replaced string) (*Outcome, error) {
	now := s.Now()
	secret := rand.Text() + rand.Text()
	session := &idp.Session{
		Hash: hashOf(secret), IdleExpires: now.Add(s.Idle), ExpiresAt: now.Add(s.Absolute),
		Identity: idp.Identity{AccountID: p.AccountID, Network: s.Network, PublicKey: p.PublicKey, AuthTime: at, SID: idp.NewID()},
	}
	code, err := s.issue(ctx, l, p.AccountID, true)
	if err != nil {
		return nil, err
	}
	var old []byte
	if replaced != "" {
		old = hashOf(replaced)
	}
	issued, err := s.Store.FinishLogin(ctx, l, p, session, old, code)
	if errors.Is(err, idp.ErrUsed) {
		return s.lost(ctx, l.ID, p)
	}
	if errors.Is(err, idp.ErrDenied) {
		return nil, &Refusal{AccountBlocked, l, p.AccountID, err}
	}
	if err != nil {
		return nil, fmt.Errorf("finish login: %w", err)
	}
	s.Unfinished.Return(sender(ctx))
	done := s.ended(l, session.Identity.SID, code, issued)
	done.Proof = &p
	return &Outcome{done, session.Identity, idp.Secret(secret), session.ExpiresAt}, nil
}

// issue makes the code of a login for a client; nil for a sign-in to the provider itself.
func (s *Service) issue(ctx context.Context, l *idp.Login, account string, fresh bool) (*idp.Code, error) {
	if l.ClientID == "" {
		return nil, nil
	}
	code, err := s.Issuer.Issue(ctx, l, account, fresh)
	if errors.Is(err, idp.ErrConflict) {
		return nil, &Refusal{WrongAccount, l, account, err}
	}
	if errors.Is(err, idp.ErrDenied) {
		return nil, &Refusal{AccessDenied, l, account, err}
	}
	if err != nil {
		return nil, fmt.Errorf("issue code: %w", err)
	}
	return code, nil
}

// ended returns the login as its row is now.
func (s *Service) ended(l *idp.Login, sid string, code *idp.Code, issued bool) *idp.Login {
	done := *l
	done.ConsumedAt, done.SID = s.Now(), sid
	if issued {
		done.CodeHash, done.CodeExpiry = code.Hash, code.ExpiresAt
	}
	return &done
}

// lost decides for the loser of a race to consume a login.
func (s *Service) lost(ctx context.Context, id string, p idp.Proof) (*Outcome, error) {
	l, err := s.Store.Login(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, refuse(NotFound, nil, err)
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	switch {
	case !l.ConsumedAt.IsZero():
		return s.again(l, p)
	case l.Proof != nil && !sameProof(*l.Proof, p):
		return nil, &Refusal{DifferentProof, l, p.AccountID, nil}
	default:
		return nil, refuse(Expired, l, nil)
	}
}

// again answers a proof of a login that has ended: the same one is told where
// to go once more, since wallets and networks repeat themselves.
func (s *Service) again(l *idp.Login, p idp.Proof) (*Outcome, error) {
	switch {
	case l.Denied || l.Proof == nil:
		return nil, refuse(Used, l, nil)
	case !sameProof(*l.Proof, p):
		return nil, &Refusal{DifferentProof, l, p.AccountID, nil}
	}
	return &Outcome{Login: l, Identity: idp.Identity{AccountID: p.AccountID, Network: s.Network, PublicKey: p.PublicKey}}, nil
}

// sameProof compares who signed. The nonce is the login's own, and Ed25519 signatures are
// malleable enough to be no identity.
func sameProof(a, b idp.Proof) bool {
	return a.AccountID == b.AccountID && a.PublicKey == b.PublicKey
}
