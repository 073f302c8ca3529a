package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"near-idp/internal/idp"
)

const (
	// pause is between two questions to a relay about one login, whoever asks.
	pause = 2 * time.Second
	// grace is how long after a wallet's own deadline its answer may come in.
	grace = 10 * time.Second
)

// A Wallet is reached through its maker's relay; *HOT and *NEARMobile are.
type Wallet interface {
	// Ask leaves a challenge at the relay.
	Ask(ctx context.Context, c Challenge) (Request, error)
	// Answer asks what became of a request. Errors wrap ErrUnavailable or ErrMalformed.
	Answer(ctx context.Context, id string) (Answer, error)
	Links(id string) Links
}

var _, _ Wallet = (*HOT)(nil), (*NEARMobile)(nil)

// A Store keeps what waits at relays; each method is one statement.
type Store interface {
	CreateRelayRequest(ctx context.Context, r *idp.RelayRequest) error
	RelayRequest(ctx context.Context, loginID string) (*idp.RelayRequest, error)
	// TurnAtRelay reports whether the caller may ask the relay now.
	TurnAtRelay(ctx context.Context, loginID string, pause time.Duration) (bool, error)
	EndRelayRequest(ctx context.Context, loginID, how string) error
}

// A Service asks wallets for the signatures of logins. It keeps no state of its own.
type Service struct {
	Store   Store
	Wallets map[string]Wallet // by their ids in the configuration
	Network string
	Origin  string // of the provider
	Name    string // of the provider
	Now     func() time.Time
}

// A Waiting tells what became of a login's challenge.
type Waiting struct {
	Wallet  string // its id
	Links   Links
	Expires time.Time
	Answer  Answer // for the login to judge
	// Over: nobody answered in time, or the wallet is not offered any more. Unreadable: the
	// answer was none. Either way nothing will come.
	Over, Unreadable bool
}

// Ask leaves a login's challenge at the relay of a wallet. Unknown wallets are idp.ErrNotFound.
func (s *Service) Ask(ctx context.Context, l *idp.Login, wallet string) error {
	w, ok := s.Wallets[wallet]
	if !ok {
		return fmt.Errorf("relay of wallet: %w", idp.ErrNotFound)
	}
	made, err := w.Ask(ctx, Challenge{
		Message: l.Message, Nonce: l.Nonce, Recipient: l.Recipient, Network: s.Network, Origin: s.Origin, Name: s.Name,
	})
	if err != nil {
		return fmt.Errorf("ask %s: %w", wallet, err)
	}
	r := &idp.RelayRequest{LoginID: l.ID, Wallet: wallet, ID: made.ID, ExpiresAt: l.ExpiresAt}
	if last := made.ExpiresAt.Add(grace); !made.ExpiresAt.IsZero() && last.Before(r.ExpiresAt) {
		r.ExpiresAt = last
	}
	if err := s.Store.CreateRelayRequest(ctx, r); err != nil {
		return fmt.Errorf("keep relay request: %w", err)
	}
	return nil
}

// Look tells what became of a login's challenge, and asks the relay if it is time to; nil if
// none waits. A relay that cannot be asked is asked again the next time.
func (s *Service) Look(ctx context.Context, loginID string) (*Waiting, error) {
	r, err := s.Store.RelayRequest(ctx, loginID)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find relay request: %w", err)
	}
	wallet, ok := s.Wallets[r.Wallet]
	waiting := &Waiting{Wallet: r.Wallet, Expires: r.ExpiresAt}
	switch {
	case r.Ended == idp.RelayRejected:
		waiting.Answer.Rejected = true
		return waiting, nil
	case r.Ended != "":
		waiting.Unreadable = true
		return waiting, nil
	case !ok || !s.Now().Before(r.ExpiresAt):
		waiting.Over = true
		return waiting, nil
	}
	waiting.Links = wallet.Links(r.ID)
	turn, err := s.Store.TurnAtRelay(ctx, loginID, pause)
	if err != nil {
		return nil, fmt.Errorf("turn at relay: %w", err)
	}
	if !turn {
		return waiting, nil
	}
	return waiting, s.poll(ctx, wallet, r, waiting)
}

// poll asks the relay once.
func (s *Service) poll(ctx context.Context, wallet Wallet, r *idp.RelayRequest, waiting *Waiting) error {
	answer, err := wallet.Answer(ctx, r.ID)
	how := ""
	switch {
	case errors.Is(err, ErrMalformed):
		waiting.Unreadable, how = true, idp.RelayMalformed
	case errors.Is(err, ErrUnavailable):
		return nil
	case err != nil:
		return fmt.Errorf("ask %s: %w", r.Wallet, err)
	case answer.Rejected:
		how = idp.RelayRejected
	}
	waiting.Answer = answer
	if how == "" {
		return nil
	}
	if err := s.Store.EndRelayRequest(ctx, r.LoginID, how); err != nil {
		return fmt.Errorf("end relay request: %w", err)
	}
	return nil
}

// Discard ends the wait for a login whose answer was refused.
func (s *Service) Discard(ctx context.Context, loginID string) error {
	if err := s.Store.EndRelayRequest(ctx, loginID, idp.RelayMalformed); err != nil {
		return fmt.Errorf("end relay request: %w", err)
	}
	return nil
}
