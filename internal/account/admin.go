package account

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
	"near-idp/internal/near"
)

// maxReason bounds the reason of a block, in characters.
const maxReason = 500

// An AdminStore keeps what accounts have. Each method is one statement or transaction.
type AdminStore interface {
	// Account returns all there is, or idp.ErrNotFound.
	Account(ctx context.Context, network, account string) (*idp.Account, error)
	AccountSessions(ctx context.Context, network, account string) ([]idp.AccountSession, error)
	AccountGrants(ctx context.Context, network, account string) ([]idp.AccountGrant, error)
	// Block keeps an account out and ends its sessions and grants, of which clients are told.
	Block(ctx context.Context, network, account, reason string) (ended int, err error)
	// Unblock lets it in again, or returns idp.ErrNotFound.
	Unblock(ctx context.Context, network, account string) error
	// Blocks lists the accounts that are blocked, in order, from the one after a given one.
	Blocks(ctx context.Context, network, after string, limit int) ([]idp.Block, error)
	// RevokeAccount ends an account's sessions and grants and forgets its consents.
	RevokeAccount(ctx context.Context, network, account string) (ended int, err error)
	// EndSessionsOf ends an account's sessions and grants.
	EndSessionsOf(ctx context.Context, network, account string) (ended int, err error)
	// EndAccountSession and RevokeAccountGrant return idp.ErrNotFound for what is not the account's.
	EndAccountSession(ctx context.Context, network, account, sid string) error
	RevokeAccountGrant(ctx context.Context, network, account, id string) error
}

// An Admin sees and ends what any account has here, for an operator. Errors are
// *Invalid, or wrap idp.ErrNotFound or idp.ErrUnavailable.
type Admin struct {
	Store   AdminStore
	Network string
}

// An Invalid error says what is wrong with what was asked for.
type Invalid struct {
	Field string // "account_id" or "reason"
	Err   error
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *Invalid) Unwrap() error { return e.Err }

// checkAccount refuses what no account can be called: a block of "Alice.near" would keep nobody out.
func checkAccount(account string) error {
	if _, err := near.ParseAccountID(account); err != nil {
		return &Invalid{"account_id", err}
	}
	return nil
}

// wellFormed accepts the form of ids that are made here, so that nothing else is ever looked up.
func wellFormed(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Show returns all there is of an account; idp.ErrNotFound if it has never been here.
func (a *Admin) Show(ctx context.Context, account string) (*idp.Account, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	found, err := a.Store.Account(ctx, a.Network, account)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	return found, nil
}

// Block keeps an account out from now on, in all its incarnations, and ends what it has; it
// may be one that has never been here. It returns how many sessions ended.
// The reason, 1 to 500 characters, is for operators alone.
func (a *Admin) Block(ctx context.Context, account, reason string) (ended int, err error) {
	if err := a.CheckBlock(account, reason); err != nil {
		return 0, err
	}
	if ended, err = a.Store.Block(ctx, a.Network, account, reason); err != nil {
		return 0, fmt.Errorf("block %s: %w", account, err)
	}
	return ended, nil
}

// CheckBlock fails as Block would and changes nothing.
func (a *Admin) CheckBlock(account, reason string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if err := checkReason(reason); err != nil {
		return &Invalid{"reason", err}
	}
	return nil
}

func checkReason(reason string) error {
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxReason {
		return fmt.Errorf("it has %d characters: write 1 to %d, for whoever asks later why", n, maxReason)
	}
	for _, r := range reason {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return fmt.Errorf("it has the invisible character %U: remove it", r)
		}
	}
	return nil
}

// Unblock lets an account in again; idp.ErrNotFound if it is not blocked.
func (a *Admin) Unblock(ctx context.Context, account string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if err := a.Store.Unblock(ctx, a.Network, account); err != nil {
		return fmt.Errorf("block of %s: %w", account, err)
	}
	return nil
}

// CheckUnblock fails as Unblock would and changes nothing.
func (a *Admin) CheckUnblock(ctx context.Context, account string) error {
	found, err := a.Show(ctx, account)
	if err == nil && found.Blocked == nil {
		err = fmt.Errorf("block of %s: %w", account, idp.ErrNotFound)
	}
	return err
}

// Blocks lists at most so many blocked accounts, from the one after a given one; "" begins.
func (a *Admin) Blocks(ctx context.Context, after string, limit int) ([]idp.Block, error) {
	if after != "" {
		if err := checkAccount(after); err != nil {
			return nil, err
		}
	}
	list, err := a.Store.Blocks(ctx, a.Network, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list blocks: %w", err)
	}
	return list, nil
}

// Revoke ends everything that an account has: it signs in again everywhere and is
// asked for consent again. It returns how many sessions ended.
func (a *Admin) Revoke(ctx context.Context, account string) (ended int, err error) {
	if err := checkAccount(account); err != nil {
		return 0, err
	}
	if ended, err = a.Store.RevokeAccount(ctx, a.Network, account); err != nil {
		return 0, fmt.Errorf("revoke what %s has: %w", account, err)
	}
	return ended, nil
}

// ListSessions lists an account's live sessions, the newest first.
func (a *Admin) ListSessions(ctx context.Context, account string) ([]idp.AccountSession, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	list, err := a.Store.AccountSessions(ctx, a.Network, account)
	if err != nil {
		return nil, fmt.Errorf("list sessions of %s: %w", account, err)
	}
	return list, nil
}

// EndSessions ends an account's sessions and grants, and leaves its consents. It returns how many sessions ended.
func (a *Admin) EndSessions(ctx context.Context, account string) (ended int, err error) {
	if err := checkAccount(account); err != nil {
		return 0, err
	}
	if ended, err = a.Store.EndSessionsOf(ctx, a.Network, account); err != nil {
		return 0, fmt.Errorf("end sessions of %s: %w", account, err)
	}
	return ended, nil
}

// EndSession ends one of an account's sessions with all that was granted in it.
func (a *Admin) EndSession(ctx context.Context, account, sid string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if !wellFormed(sid) {
		return fmt.Errorf("session of %s: %w", account, idp.ErrNotFound)
	}
	if err := a.Store.EndAccountSession(ctx, a.Network, account, sid); err != nil {
		return fmt.Errorf("session of %s: %w", account, err)
	}
	return nil
}

// ListGrants lists an account's live grants, the newest first.
func (a *Admin) ListGrants(ctx context.Context, account string) ([]idp.AccountGrant, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	list, err := a.Store.AccountGrants(ctx, a.Network, account)
	if err != nil {
		return nil, fmt.Errorf("list grants of %s: %w", account, err)
	}
	return list, nil
}

// RevokeGrant ends one of an account's grants and every token that came of it.
func (a *Admin) RevokeGrant(ctx context.Context, account, id string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if !wellFormed(id) {
		return fmt.Errorf("grant of %s: %w", account, idp.ErrNotFound)
	}
	if err := a.Store.RevokeAccountGrant(ctx, a.Network, account, id); err != nil {
		return fmt.Errorf("grant of %s: %w", account, err)
	}
	return nil
}
