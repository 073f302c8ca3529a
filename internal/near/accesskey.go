package near

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrCannotTell reports that no provider, or too few, gave a usable answer. It
// is neither a login nor a refusal: keep what is proven and let the user retry.
var ErrCannotTell = errors.New("near: the chain could not be asked")

// KeyStatus is the chain's answer about a key. The zero value is no answer.
type KeyStatus int

// Authorised is the only status that signs in; the others are refusals.
const (
	Authorised      KeyStatus = iota + 1
	KeyNotFound               // the account exists and does not hold the key
	AccountNotFound           // there is no such account
	NotFullAccess             // the key is limited to function calls, or of an unknown permission
)

func (s KeyStatus) String() string {
	switch s {
	case Authorised:
		return "authorised"
	case KeyNotFound:
		return "key_not_found"
	case AccountNotFound:
		return "account_not_found"
	case NotFullAccess:
		return "not_full_access"
	default:
		return fmt.Sprintf("KeyStatus(%d)", int(s))
	}
}

// KeyCheck is the answer of CheckAccessKey, true at one final block.
type KeyCheck struct {
	Status KeyStatus
	// Exists tells whether the account is on the chain. It is false together
	// with Authorised for an implicit account that was never created.
	Exists      bool
	BlockHeight uint64
	BlockHash   string
}

// CheckAccessKey tells whether key is a full-access key of the account at the
// latest final block. Verify the signature first: this spends quota.
//
// Outcomes are three: a KeyCheck with Authorised, a KeyCheck with a refusal, or
// an error. An error wraps ErrCannotTell when the providers failed,
// ErrAccountTypeUnsupported for accounts without keys (not asked at all), and
// ErrInvalidAccountID for an id that was not parsed.
func (c *Client) CheckAccessKey(ctx context.Context, id AccountID, key PublicKey) (KeyCheck, error) {
	if _, err := ParseAccountID(string(id)); err != nil {
		return KeyCheck{}, err
	}
	if kind := id.Type(); kind == ETHImplicit || kind == Deterministic {
		return KeyCheck{}, fmt.Errorf("%w: %s is %s and holds no access keys; use a named or NEAR-implicit account",
			ErrAccountTypeUnsupported, id, strings.ReplaceAll(string(kind), "_", "-"))
	}
	asked := c.now()
	if check, ok := c.cache.lookup(id, key, asked); ok {
		return check, nil
	}
	answer, err := c.ask(ctx, viewAccessKey(id, key), c.providers())
	if err != nil {
		return KeyCheck{}, err
	}
	check, err := c.concludeKey(ctx, id, key, answer)
	if err != nil {
		return KeyCheck{}, err
	}
	c.cache.store(id, key, check, asked)
	return check, nil
}

func (c *Client) concludeKey(ctx context.Context, id AccountID, key PublicKey, answer view) (KeyCheck, error) {
	check := KeyCheck{Exists: true, BlockHeight: answer.height, BlockHash: answer.blockHash}
	switch answer.verdict {
	case fullAccess:
		check.Status = Authorised
		return check, nil
	case limitedAccess:
		check.Status = NotFullAccess
		return check, nil
	case unknownAccount:
	case unknownKey:
		exists, err := c.accountExistsAt(ctx, id, answer)
		if err != nil && c.isUnfundedImplicit(id, key) {
			return KeyCheck{}, err
		}
		// That the key is not there is certain even when the second question
		// fails; only its reason is then the less specific one.
		if err != nil || exists {
			check.Status = KeyNotFound
			return check, nil
		}
	default:
		return KeyCheck{}, fmt.Errorf("%w: %s is no answer about a key", ErrCannotTell, answer.verdict)
	}
	check.Exists = false
	check.Status = AccountNotFound
	if c.isUnfundedImplicit(id, key) {
		check.Status = Authorised
	}
	return check, nil
}

// isUnfundedImplicit reports an account that, not being on the chain, still
// belongs to key: the chain would create it with exactly this key.
func (c *Client) isUnfundedImplicit(id AccountID, key PublicKey) bool {
	return c.allowUnfundedImplicit && id == key.ImplicitAccountID()
}

// accountExistsAt asks at the block of the first answer, so that an account
// created or deleted in between is not misread. nearcore answers "unknown
// access key" for accounts that do not exist, too.
func (c *Client) accountExistsAt(ctx context.Context, id AccountID, answer view) (bool, error) {
	order := []*provider{answer.provider}
	for _, p := range c.providers() {
		if p != answer.provider {
			order = append(order, p)
		}
	}
	account, err := c.ask(ctx, viewAccount(id, answer.blockHash), order)
	if err != nil {
		return false, err
	}
	switch account.verdict {
	case accountExists:
		return true, nil
	case unknownAccount:
		return false, nil
	default:
		return false, fmt.Errorf("%w: %s is no answer about an account", ErrCannotTell, account.verdict)
	}
}

// CheckProviders asks every provider for its chain and latest block, and
// returns nil if enough of them are fit to be asked. It is meant for start-up
// and readiness checks.
func (c *Client) CheckProviders(ctx context.Context) error {
	providers := c.providers()
	calls := make([]*statusCall, len(providers))
	for i, p := range providers {
		calls[i], _ = c.checkStatus(p)
	}
	var failures []failure
	for i, call := range calls {
		if _, err := call.wait(ctx); err != nil {
			failures = append(failures, failure{providers[i], err})
		}
	}
	if len(providers)-len(failures) < c.quorum {
		return cannotTell(failures)
	}
	return nil
}
