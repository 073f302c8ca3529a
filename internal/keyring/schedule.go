package keyring

import (
	"fmt"
	"slices"
	"time"

	"near-idp/internal/idp"
)

// A Schedule says how long a key does what.
type Schedule struct {
	RotateEvery   time.Duration // how long a key signs
	PublishBefore time.Duration // how long it is published before, for relying parties that keep the JWKS
	KeepAfter     time.Duration // how long it is published after: at least as long as what it signed lives
	KeepMAC       time.Duration // the same for MAC keys: as long as a refresh token lives
}

// DefaultSchedule is that of the configuration's defaults.
var DefaultSchedule = Schedule{
	RotateEvery: 90 * 24 * time.Hour, PublishBefore: 24 * time.Hour,
	KeepAfter: 7 * 24 * time.Hour, KeepMAC: 366 * 24 * time.Hour,
}

func (s Schedule) check() error {
	if s.PublishBefore <= 0 || s.KeepAfter <= 0 || s.KeepMAC <= 0 || s.RotateEvery <= s.PublishBefore {
		return fmt.Errorf("schedule %+v: every duration must be positive, and RotateEvery longer than PublishBefore", s)
	}
	return nil
}

// A plan is the stored keys as they are to become. It keeps to this: of each
// algorithm in use one key has no end, and every other key ends when its
// successor begins. So at any time exactly one signs, whoever looks.
type plan struct {
	Vault
	now     time.Time
	keys    []idp.SigningKey
	changed bool
	dry     bool // only find out whether there is something to do: keys are costly to make
}

// tend does what is due: it makes missing keys and successors, and drops keys
// whose last token has expired.
func (p *plan) tend() error {
	before := len(p.keys)
	p.keys = slices.DeleteFunc(p.keys, func(k idp.SigningKey) bool { return k.State(p.now) == idp.KeyExpired })
	p.changed = p.changed || len(p.keys) != before
	for _, alg := range p.inUse() {
		if err := p.mend(alg); err != nil {
			return err
		}
		last := p.last(alg)
		if end := last.ActivatesAt.Add(p.Schedule.RotateEvery); !p.now.Before(end.Add(-p.Schedule.PublishBefore)) {
			// Late, after a time without any replica, the former key signs on
			// until the successor has been published for long enough.
			if err := p.succeed(alg, latest(end, p.now.Add(p.Schedule.PublishBefore))); err != nil {
				return err
			}
		}
	}
	p.retireUnused()
	return nil
}

// inUse returns the algorithms that need a key, that of the MACs first.
func (v Vault) inUse() []string { return append([]string{hs256}, v.Algs...) }

// mend makes one key of the algorithm sign now and one, perhaps the same, be
// the last. It matters at the first start and after somebody removed a row.
func (p *plan) mend(alg string) error {
	last, active := p.last(alg), p.active(alg)
	switch {
	case last == nil && active == nil:
		return p.add(alg, p.now)
	case last == nil: // its successor is gone
		active.RetiresAt, active.ExpiresAt = time.Time{}, time.Time{}
		p.changed = true
	case active == nil: // the last has not begun and its predecessor is gone
		last.ActivatesAt, p.changed = p.now, true
	}
	return nil
}

// retireUnused ends, once their time has come, keys of algorithms that are
// switched off. It does not do so at once: while a new configuration rolls
// out, other replicas still sign with them and would make new ones.
func (p *plan) retireUnused() {
	for _, alg := range asymmetric {
		last := p.last(alg)
		if last != nil && !slices.Contains(p.Algs, alg) && !p.now.Before(last.ActivatesAt.Add(p.Schedule.RotateEvery)) {
			p.retire(last, p.now)
		}
	}
}

// succeed ends the last key of the algorithm at a time, and adds one that
// begins then.
func (p *plan) succeed(alg string, at time.Time) error {
	p.retire(p.last(alg), at)
	return p.add(alg, at)
}

func (p *plan) retire(k *idp.SigningKey, at time.Time) {
	keep := p.Schedule.KeepAfter
	if k.Alg == hs256 {
		keep = p.Schedule.KeepMAC
	}
	k.RetiresAt, k.ExpiresAt, p.changed = at, at.Add(keep), true
}

func (p *plan) add(alg string, at time.Time) error {
	k := idp.SigningKey{Alg: alg, CreatedAt: p.now, ActivatesAt: at}
	if !p.dry {
		if err := p.readable(); err != nil {
			return err
		}
		kid, private, err := generate(alg)
		if err != nil {
			return err
		}
		k.KID, k.Wrapped = kid, p.KEKs[0].wrap(kid, alg, private)
	}
	p.keys, p.changed = append(p.keys, k), true
	return nil
}

// readable makes sure that these encryption keys are those of the other
// replicas. A key that only this process can read would keep them from starting.
func (p *plan) readable() error {
	for _, k := range p.keys {
		if !known(k.Alg) {
			continue
		}
		if _, err := unwrap(p.KEKs, k); err != nil {
			return err
		}
	}
	return nil
}

// rewrap wraps every key of ours under the first encryption key, so that the
// others can be removed from the list.
func (p *plan) rewrap() error {
	for i, k := range p.keys {
		if !known(k.Alg) || p.KEKs[0].wrapped(k) {
			continue
		}
		p.changed = true
		if p.dry {
			continue
		}
		private, err := unwrap(p.KEKs, k)
		if err != nil {
			return err
		}
		p.keys[i].Wrapped = p.KEKs[0].wrap(k.KID, k.Alg, private)
	}
	return nil
}

// last returns the key of the algorithm that has no end, or nil.
func (p *plan) last(alg string) *idp.SigningKey {
	return p.find(func(k *idp.SigningKey) bool { return k.Alg == alg && k.RetiresAt.IsZero() })
}

// active returns the key of the algorithm that signs now, or nil.
func (p *plan) active(alg string) *idp.SigningKey {
	return p.find(func(k *idp.SigningKey) bool { return k.Alg == alg && k.State(p.now) == idp.KeyActive })
}

// find returns a pointer that is good until keys are added or removed.
func (p *plan) find(match func(*idp.SigningKey) bool) *idp.SigningKey {
	for i := range p.keys {
		if match(&p.keys[i]) {
			return &p.keys[i]
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// known reports whether this version makes keys of the algorithm. Others are
// left to the newer replica that made them.
func known(alg string) bool { return alg == hs256 || slices.Contains(asymmetric, alg) }
