// Package login is one wallet sign-in: it issues the NEP-413 challenge for an
// authorization request and judges the wallet's answer. A login ends in two
// steps: its signature is proven (pure and cheap), then its key is authorised by the chain.
// An outage of the chain between the two keeps the proof, so that
// the person need not sign again.
package login

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/near"
	"near-idp/internal/recent"
)

const (
	// maxAttempts is how many refused proofs one login takes.
	maxAttempts = 5
	// maxRenewals bounds how long one authorization request is kept alive.
	maxRenewals = 20
	// maxID caps what is looked up as a login id.
	maxID = 64
)

// A Store keeps logins. Each method is one statement.
type Store interface {
	CreateLogin(ctx context.Context, l *idp.Login) error
	Login(ctx context.Context, id string) (*idp.Login, error)
	LoginByNonce(ctx context.Context, nonce [32]byte) (*idp.Login, error)
	// KeepProof records the verified signature of a login that cannot be authorised yet.
	KeepProof(ctx context.Context, id string, p idp.Proof) error
	// CountRefusal adds one to the login's refused attempts.
	CountRefusal(ctx context.Context, id string) error
	// FinishLogin consumes the login and creates its session and, unless consent
	// must be asked for, its code. It fills in the session's subject and sid. It fails with idp.ErrUsed if the login was
	// consumed, has expired or was proven by another account or key, and with idp.ErrDenied if the account is blocked.
	FinishLogin(ctx context.Context, l *idp.Login, p idp.Proof, s *idp.Session, replaced []byte, c *idp.Code) (issued bool, err error)
	// DenyLogin ends the login by the person's refusal, or fails with idp.ErrUsed.
	DenyLogin(ctx context.Context, id string) error
	// AllowLogin issues the code of a login whose person agreed within this time, or fails with idp.ErrUsed.
	AllowLogin(ctx context.Context, l *idp.Login, c *idp.Code, within time.Duration) error
	// Session returns the live session with this hash, or idp.ErrNotFound.
	Session(ctx context.Context, hash []byte) (*idp.Session, error)
	// ResumeLogin stores a login that a session answers; if silent, only if its
	// code can be issued at once. idp.ErrNotFound if nothing was stored.
	ResumeLogin(ctx context.Context, l *idp.Login, s *idp.Session, idle time.Duration, c *idp.Code, silent bool) (issued bool, err error)
	// AdoptSession lets a session answer a stored login, or fails with idp.ErrUsed.
	AdoptSession(ctx context.Context, l *idp.Login, s *idp.Session, idle time.Duration, c *idp.Code) (issued bool, err error)
	// EndSessions ends sessions and revokes what was granted in them, with the scope
	// offline_access only if offline is set.
	EndSessions(ctx context.Context, offline bool, sids ...string) (ended int, err error)
	// CreateHandoff stores how a login is handed over to another device.
	CreateHandoff(ctx context.Context, h *idp.Handoff) error
	// Handoff and HandoffByHash find one by the login that waits and by the hash of its
	// code, or fail with idp.ErrNotFound.
	Handoff(ctx context.Context, loginID string) (*idp.Handoff, error)
	HandoffByHash(ctx context.Context, hash []byte) (*idp.Handoff, error)
	// TakeHandoff stores a login on the other device. ProveHandoff consumes it and keeps its proof
	// for the login that waits, and DecideHandoff takes the number that was picked. Each happens
	// once; idp.ErrUsed otherwise.
	TakeHandoff(ctx context.Context, l *idp.Login) error
	ProveHandoff(ctx context.Context, l *idp.Login, p idp.Proof, network string) error
	DecideHandoff(ctx context.Context, l *idp.Login, number int) (allowed bool, err error)
	// DenyHandoff refuses to prove a login on another device, and ends the login there.
	DenyHandoff(ctx context.Context, loginID, there string) error
	// CloseSubject ends the incarnation of an account that is gone from the chain.
	CloseSubject(ctx context.Context, network, account string) error
}

// A Chain answers whether a key is a full-access key of an account; *near.Client is one.
type Chain interface {
	CheckAccessKey(ctx context.Context, account near.AccountID, key near.PublicKey) (near.KeyCheck, error)
}

// An Issuer makes the authorization code of a login; *oauth.Provider is one.
type Issuer interface {
	// Issue makes the code for this account. fresh reports that the person has just signed.
	// It fails with idp.ErrConflict if the client wants another account, and with
	// idp.ErrDenied if this one may not sign in to it.
	Issue(ctx context.Context, l *idp.Login, account string, fresh bool) (*idp.Code, error)
}

// Options configures New. All fields but Now, RevokeOffline and the two that limit are required.
type Options struct {
	Store     Store
	Chain     Chain
	Issuer    Issuer
	IssuerURL string        // without a trailing slash
	Recipient string        // the NEP-413 recipient
	Network   string        // "mainnet" or "testnet"
	TTL       time.Duration // of a challenge; at most 5 minutes
	Idle      time.Duration // how long a session lasts unused
	Absolute  time.Duration // how long a session lasts at all
	// RevokeOffline makes the end of a session revoke grants of the scope offline_access, too.
	RevokeOffline bool
	// Unfinished bounds the logins that a sender begins and nobody signs; Accounts the questions to the chain about an
	// account that a sender caused and that the chain answered with no. Nil: not limited.
	Unfinished, Accounts *limit.Limiter
	Now                  func() time.Time
}

// A Service begins and ends logins. It keeps no state of its own but for what limits need, and
// copies of logins that it has just begun.
type Service struct {
	Options
	owners *recent.Cache[limit.Key, struct{}] // of accounts: keys that signed in to them
	begun  *recent.Cache[string, *idp.Login]
}

// New returns a Service.
func New(opts Options) *Service {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Service{Options: opts, owners: recent.New[limit.Key, struct{}](maxOwners), begun: recent.New[string, *idp.Login](maxBegun)}
}

// A Request says what a login is for.
type Request struct {
	ID           string      // of the login; empty: one is made
	Client       *idp.Client // nil: a sign-in to the provider itself
	RedirectHost string      // where the person will return to, as shown to them
	Params       string      // the validated authorization request
	State        string      // the OAuth state; one is made for the wallet if empty
	Browser      string      // the login cookie's secret; empty: the nonce alone binds
}

// Begin issues a challenge and stores it: the one write of an authorization request. It fails with
// a *limit.Exceeded for a sender who has too many that nobody signed.
func (s *Service) Begin(ctx context.Context, req Request) (*idp.Login, error) {
	if err := s.Unfinished.Admit(sender(ctx)); err != nil {
		return nil, err
	}
	l := s.challenged(req)
	if err := s.Store.CreateLogin(ctx, l); err != nil {
		return nil, fmt.Errorf("begin login: %w", err)
	}
	s.begun.Put(l.ID, l)
	return l, nil
}

func (s *Service) challenged(req Request) *idp.Login {
	l := &idp.Login{ID: cmp.Or(req.ID, idp.NewID()), Params: req.Params, State: req.State, CreatedAt: s.Now()}
	if req.Client != nil {
		l.ClientID = req.Client.ID
	}
	if l.State == "" {
		l.State = rand.Text()
	}
	if req.Browser != "" {
		l.BrowserHash = hashOf(req.Browser)
	}
	s.challenge(l, message(req.Client, req.RedirectHost, s.Recipient))
	return l
}

// challenge gives l a fresh nonce and everything that follows from it.
func (s *Service) challenge(l *idp.Login, text func(code string) string) {
	rand.Read(l.Nonce[:]) // never fails
	l.Message = text(ShortCode(l.Nonce))
	l.Recipient = s.Recipient
	l.CallbackURL = s.IssuerURL + "/login/" + l.ID + "/cb"
	l.ExpiresAt = s.Now().Add(s.TTL)
}

// Find returns the login with this id if it belongs to the browser that holds
// the given cookie secret; otherwise it fails with a *Refusal.
func (s *Service) Find(ctx context.Context, id, browser string) (*idp.Login, error) {
	if !wellFormed(id) {
		return nil, refuse(NotFound, nil, errors.New("not a login id"))
	}
	l, err := s.Store.Login(ctx, id)
	return s.bound(l, err, browser)
}

// FindByNonce is Find for callers that hold the nonce instead of the id.
func (s *Service) FindByNonce(ctx context.Context, nonce [32]byte, browser string) (*idp.Login, error) {
	l, err := s.Store.LoginByNonce(ctx, nonce)
	return s.bound(l, err, browser)
}

// FindByToken is Find by the nonce inside a near-sign-verify authToken. The
// nonce only selects the row; nothing of the token is trusted.
func (s *Service) FindByToken(ctx context.Context, token, browser string) (*idp.Login, error) {
	t, err := near.ParseAuthToken(token)
	if err != nil {
		return nil, refuse(Malformed, nil, err)
	}
	l, err := s.FindByNonce(ctx, t.Nonce, browser)
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Reason == NotFound {
		refusal.Reason = WrongNonce
	}
	return l, err
}

// bound checks that the login belongs to the browser that asks for it, so that
// a proof or a code never ends in another browser than the one that began (RFC 9700 section 4.7).
func (s *Service) bound(l *idp.Login, err error, browser string) (*idp.Login, error) {
	if errors.Is(err, idp.ErrNotFound) {
		return nil, refuse(NotFound, nil, err)
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	if l.BrowserHash != nil && subtle.ConstantTimeCompare(l.BrowserHash, hashOf(browser)) != 1 {
		return nil, refuse(WrongBrowser, nil, nil)
	}
	return l, nil
}

// Renew issues a fresh challenge for the same authorization request as a login
// that has not ended; the old one stays as it is.
func (s *Service) Renew(ctx context.Context, id, browser string) (*idp.Login, error) {
	old, err := s.Find(ctx, id, browser)
	if err != nil {
		return nil, err
	}
	if !old.ConsumedAt.IsZero() {
		return nil, refuse(Used, old, nil)
	}
	if old.Renewals >= maxRenewals {
		return nil, refuse(Expired, old, errors.New("renewed too often"))
	}
	if err := s.Unfinished.Admit(sender(ctx)); err != nil {
		return nil, err
	}
	l := &idp.Login{
		ID: idp.NewID(), ClientID: old.ClientID, Params: old.Params, State: old.State,
		BrowserHash: old.BrowserHash, Handoff: old.Handoff, CreatedAt: s.Now(), Renewals: old.Renewals + 1,
	}
	s.challenge(l, func(code string) string { return withCode(old.Message, ShortCode(old.Nonce), code) })
	if err := s.Store.CreateLogin(ctx, l); err != nil {
		return nil, fmt.Errorf("renew login: %w", err)
	}
	return l, nil
}

// Deny ends a login by the person's refusal. Denying twice is the same as once.
func (s *Service) Deny(ctx context.Context, id, browser string) (*idp.Login, error) {
	l, err := s.Find(ctx, id, browser)
	if err != nil {
		return nil, err
	}
	if l.Denied {
		return l, nil
	}
	if l.Handoff != "" {
		return l, s.DenyHandoff(ctx, l.Handoff, l.ID)
	}
	err = s.Store.DenyLogin(ctx, l.ID)
	if errors.Is(err, idp.ErrUsed) {
		return nil, refuse(Used, l, err)
	}
	if err != nil {
		return nil, fmt.Errorf("deny login: %w", err)
	}
	l.Denied, l.ConsumedAt = true, s.Now()
	return l, nil
}

// wellFormed accepts what rand.Text and idp.NewID make, so that nothing else is ever looked up.
func wellFormed(id string) bool {
	return id != "" && len(id) <= maxID &&
		strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// hashOf is how cookies' secrets are stored. They are random, so a plain hash does.
func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}
