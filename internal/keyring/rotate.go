package keyring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// Handover is how long a key is stored before it signs when it is to sign at
// once. Every replica hears of it meanwhile, so that none refuses what another
// signed.
const Handover = 2 * time.Second

// Rotate gives the key of an algorithm, one of Algs or HS256, a successor that
// signs once it has been published for the schedule's time, or with atOnce
// after Handover; with atOnce a successor that waits for its time is hastened
// instead. Without atOnce, that there is one already is idp.ErrConflict.
func (v Vault) Rotate(ctx context.Context, alg string, atOnce bool) (successor idp.SigningKey, err error) {
	if v, err = v.complete(); err != nil {
		return successor, err
	}
	if !slices.Contains(v.inUse(), alg) {
		return successor, fmt.Errorf("%q is not one of signing.algs (%s) or %s, which makes codes and refresh tokens", alg, strings.Join(v.Algs, ", "), hs256)
	}
	p, err := v.change(ctx, func(p *plan) error { return p.rotate(alg, atOnce) })
	if err != nil {
		return successor, err
	}
	return *p.last(alg), nil
}

func (p *plan) rotate(alg string, atOnce bool) error {
	if err := p.mend(alg); err != nil {
		return err
	}
	last, soon := p.last(alg), p.now.Add(Handover)
	switch {
	case last.State(p.now) != idp.KeyNext && atOnce:
		return p.succeed(alg, soon)
	case last.State(p.now) != idp.KeyNext:
		return p.succeed(alg, p.now.Add(p.Schedule.PublishBefore))
	case !atOnce:
		return fmt.Errorf("%w: the %s key has a successor already, %s, which signs from %s", idp.ErrConflict, alg, last.KID, last.ActivatesAt.UTC().Format(time.RFC3339))
	case last.ActivatesAt.After(soon):
		last.ActivatesAt, p.changed = soon, true
		p.retire(p.active(alg), soon)
	}
	return nil
}

// Retire takes a key out of service. One that signs stops after Handover, when
// its successor, if need be a new one, begins; it stays published until what it
// signed has expired. One that has not signed yet is deleted. A compromised one
// is deleted whatever its state, and all that it signed dies at once.
//
// It returns the key that signs instead, the zero key if none needs to. The error
// wraps idp.ErrNotFound for an unknown kid and idp.ErrConflict for a key that
// is retired already.
func (v Vault) Retire(ctx context.Context, kid string, compromised bool) (successor idp.SigningKey, err error) {
	if v, err = v.complete(); err != nil {
		return successor, err
	}
	_, err = v.change(ctx, func(p *plan) (err error) {
		successor, err = p.retireByHand(kid, compromised)
		return err
	})
	return successor, err
}

func (p *plan) retireByHand(kid string, compromised bool) (successor idp.SigningKey, err error) {
	k := p.find(func(k *idp.SigningKey) bool { return k.KID == kid })
	if k == nil {
		return successor, fmt.Errorf("signing key %q: %w", kid, idp.ErrNotFound)
	}
	alg, state, used := k.Alg, k.State(p.now), slices.Contains(p.inUse(), k.Alg)
	switch {
	case compromised || state == idp.KeyNext:
		p.keys = slices.DeleteFunc(p.keys, func(k idp.SigningKey) bool { return k.KID == kid })
		p.changed = true
		if !used || state == idp.KeyRetired || state == idp.KeyExpired {
			return successor, nil
		}
		err = p.mend(alg)
	case state != idp.KeyActive:
		return successor, fmt.Errorf("signing key %q: %w: it is retired since %s", kid, idp.ErrConflict, k.RetiresAt.UTC().Format(time.RFC3339))
	case !used:
		p.retire(k, p.now)
		return successor, nil
	default:
		if err = p.rotate(alg, true); err == nil {
			return *p.last(alg), nil
		}
	}
	if err != nil {
		return successor, err
	}
	return *p.active(alg), nil
}
