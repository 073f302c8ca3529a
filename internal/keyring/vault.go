package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"near-idp/internal/idp"
)

// A Store keeps signing keys for all replicas.
type Store interface {
	// SigningKeys returns every key, and the time by the store's clock.
	SigningKeys(ctx context.Context) (keys []idp.SigningKey, now time.Time, err error)
	// ChangeSigningKeys stores the keys that change makes of those stored, while
	// nobody else changes them. change owns the slice that it is given.
	ChangeSigningKeys(ctx context.Context, change func(keys []idp.SigningKey, now time.Time) ([]idp.SigningKey, error)) error
}

// A Vault is where signing keys are kept: their store, what wraps them there,
// and the schedule that they live by.
type Vault struct {
	Store Store
	KEKs  []KEK // the first wraps, all unwrap
	// Live returns the KEKs in force, which take the place of KEKs. It may be nil.
	Live func() []KEK
	Algs []string // that tokens are signed with: RS256, ES256, EdDSA, PS256
	// Schedule is DefaultSchedule if it is zero.
	Schedule Schedule
	// Now is the clock. nil: that of the store, which all replicas share.
	Now func() time.Time
	// Log hears of keys that are made and deleted. It may be nil.
	Log *slog.Logger
}

// complete checks v and fills in what is left out.
func (v Vault) complete() (Vault, error) {
	if v.Live != nil {
		v.KEKs = v.Live()
	}
	if len(v.KEKs) == 0 {
		return v, errors.New("encryption.keys is empty: make a key with `openssl rand -base64 32`")
	}
	if err := checkAlgs(v.Algs); err != nil {
		return v, err
	}
	if v.Schedule == (Schedule{}) {
		v.Schedule = DefaultSchedule
	}
	v.Algs = slices.Clone(v.Algs)
	return v, v.Schedule.check()
}

// time returns the time that counts, in the resolution that the store keeps.
func (v Vault) time(stored time.Time) time.Time {
	if v.Now != nil {
		stored = v.Now()
	}
	return stored.Truncate(time.Microsecond)
}

// change makes do's changes to the stored keys and returns the plan as stored.
func (v Vault) change(ctx context.Context, do func(*plan) error) (*plan, error) {
	var p *plan
	var before []string
	err := v.Store.ChangeSigningKeys(ctx, func(keys []idp.SigningKey, now time.Time) ([]idp.SigningKey, error) {
		before = kids(keys)
		p = &plan{Vault: v, now: v.time(now), keys: keys}
		err := do(p)
		return p.keys, err
	})
	if err != nil {
		return nil, fmt.Errorf("change signing keys: %w", err)
	}
	v.log(before, p)
	return p, nil
}

func (v Vault) log(before []string, p *plan) {
	if v.Log == nil {
		return
	}
	after := kids(p.keys)
	for _, k := range p.keys {
		if !slices.Contains(before, k.KID) {
			v.Log.Info("signing key made", "kid", k.KID, "alg", k.Alg, "signs_from", k.ActivatesAt)
		}
	}
	for _, kid := range before {
		if !slices.Contains(after, kid) {
			v.Log.Info("signing key deleted", "kid", kid)
		}
	}
}

func kids(keys []idp.SigningKey) (list []string) {
	for _, k := range keys {
		list = append(list, k.KID)
	}
	return list
}
