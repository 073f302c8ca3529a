package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"near-idp/internal/idp"
)

// A login can be proven on another device. The browser that began it waits and shows a code;
// whoever opens the code there signs a challenge of its own, which names the same application,
// and then picks the number that the waiting browser shows. Only the waiting browser gets a
// session, and only with that number.
//
// What it has to stand is that the code comes from somebody else, who wants to be signed in as
// the person that opens it (as in RFC 8628, section 5.4). The number is shown only once a
// wallet has signed on the other device, so that no copy of the waiting page can bring it along; it
// is picked once, and a wrong one ends the matter.

// HandOver begins to hand a login over to another device: it is renewed, to have all of its
// time there, and the new one is returned. HandoffCode is its code.
func (s *Service) HandOver(ctx context.Context, id, browser string, from idp.Sender) (*idp.Login, error) {
	old, err := s.Find(ctx, id, browser)
	if err != nil {
		return nil, err
	}
	if old.BrowserHash == nil || old.Handoff != "" {
		return nil, refuse(WrongBrowser, old, errors.New("not a login that can wait for another device"))
	}
	l, err := s.Renew(ctx, id, browser)
	if err != nil {
		return nil, err
	}
	if err := s.DenyHandoff(ctx, old.ID, ""); err != nil { // a code that was shown before is good for nothing from here on
		return nil, err
	}
	h := &idp.Handoff{
		LoginID: l.ID, Hash: hashOf(HandoffCode(l.ID, browser)), Sender: from, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
	h.Match, h.Choices = idp.MatchNumbers()
	if err := s.Store.CreateHandoff(ctx, h); err != nil {
		return nil, fmt.Errorf("hand over login: %w", err)
	}
	return l, nil
}

// HandoffCode is the code that the waiting browser shows for a login: 128 bits. It follows from the
// secret of that browser's cookie, so that its page can be shown again although nothing but the
// hash of the code is stored.
func HandoffCode(loginID, browser string) string {
	mac := hmac.New(sha256.New, []byte(browser))
	mac.Write([]byte("hand over login " + loginID))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:16])
}

// Handoff returns how a login is handed over; nil if it is not.
func (s *Service) Handoff(ctx context.Context, loginID string) (*idp.Handoff, error) {
	h, err := s.Store.Handoff(ctx, loginID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find handoff: %w", err)
	}
	return h, nil
}

// FindHandoff returns what a code is for, and the login that waits, whatever became
// of them. It fails with a *Refusal for a code that is none.
func (s *Service) FindHandoff(ctx context.Context, code string) (*idp.Handoff, *idp.Login, error) {
	if !wellFormed(code) {
		return nil, nil, refuse(NotFound, nil, errors.New("not a code"))
	}
	h, err := s.Store.HandoffByHash(ctx, hashOf(code))
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil, refuse(NotFound, nil, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find handoff: %w", err)
	}
	waiting, err := s.Waiting(ctx, h.LoginID)
	return h, waiting, err
}

// Waiting returns a login that another one is to prove, for that one's pages: it must not
// reach the other browser itself.
func (s *Service) Waiting(ctx context.Context, id string) (*idp.Login, error) {
	l, err := s.Store.Login(ctx, id)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, refuse(NotFound, nil, err)
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	return l, nil
}

// Over reports that nothing comes of a handoff any more but what was allowed.
func (s *Service) Over(h *idp.Handoff, waiting *idp.Login) bool {
	return !h.DecidedAt.IsZero() || !s.Now().Before(h.ExpiresAt) || !waiting.ConsumedAt.IsZero()
}

// Take begins the login on the other device: a challenge of its own, in the words of the one that
// waits. Once somebody took it, idp.ErrUsed. The login is of no client, so that it could at worst
// sign its own browser in to the provider.
func (s *Service) Take(ctx context.Context, waiting *idp.Login, browser string) (*idp.Login, error) {
	l := &idp.Login{
		ID: idp.NewID(), State: rand.Text(), BrowserHash: hashOf(browser), Handoff: waiting.ID, CreatedAt: s.Now(),
	}
	text := strings.Replace(waiting.Message, "(an app on this device)", "(an app on another device)", 1)
	s.challenge(l, func(code string) string { return withCode(text, ShortCode(waiting.Nonce), code) })
	if err := s.Store.TakeHandoff(ctx, l); err != nil {
		return nil, fmt.Errorf("take handoff: %w", err)
	}
	return l, nil
}

// handOver consumes a login on the other device and keeps its proof for the one that waits. The
// account must be one that may sign in there, of which the person is told here.
func (s *Service) handOver(ctx context.Context, l *idp.Login, p idp.Proof) (*Outcome, error) {
	waiting, err := s.Waiting(ctx, l.Handoff)
	if err != nil {
		return nil, err
	}
	if _, err := s.issue(ctx, waiting, p.AccountID, true); err != nil {
		return nil, err
	}
	err = s.Store.ProveHandoff(ctx, l, p, s.Network)
	if errors.Is(err, idp.ErrUsed) {
		return s.lost(ctx, l.ID, p)
	}
	if errors.Is(err, idp.ErrDenied) {
		return nil, &Refusal{AccountBlocked, l, p.AccountID, err}
	}
	if err != nil {
		return nil, fmt.Errorf("hand over proof: %w", err)
	}
	done := *l
	done.ConsumedAt, done.Proof = s.Now(), &p
	return &Outcome{Login: &done, Identity: idp.Identity{AccountID: p.AccountID, Network: s.Network, PublicKey: p.PublicKey}}, nil
}

// Pick takes the number that the person of a proven login on another device has picked. A
// wrong one refuses for good. It fails with idp.ErrUsed if there is nothing to decide any more.
func (s *Service) Pick(ctx context.Context, l *idp.Login, number int) (allowed bool, err error) {
	allowed, err = s.Store.DecideHandoff(ctx, l, number)
	if err != nil {
		return false, fmt.Errorf("decide handoff: %w", err)
	}
	return allowed, nil
}

// DenyHandoff refuses to prove a login on another device; there is the login on that device, if any.
func (s *Service) DenyHandoff(ctx context.Context, loginID, there string) error {
	if err := s.Store.DenyHandoff(ctx, loginID, there); err != nil {
		return fmt.Errorf("deny handoff: %w", err)
	}
	return nil
}

// Complete ends a login that waits by the proof from the other device, once that is allowed.
// session is the secret of the waiting browser's session until now.
func (s *Service) Complete(ctx context.Context, l *idp.Login, h *idp.Handoff, session string) (*Outcome, error) {
	switch {
	case h.LoginID != l.ID || !h.Allowed || h.Proof == nil:
		return nil, refuse(Used, l, errors.New("the handoff is not allowed"))
	case !s.Now().Before(l.ExpiresAt):
		return nil, refuse(Expired, l, nil)
	}
	return s.finish(ctx, l, *h.Proof, h.ProvenAt, session)
}
