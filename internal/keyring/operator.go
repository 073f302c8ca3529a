package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// KeyOff is the state of a key whose algorithm is not in signing.algs.
const KeyOff idp.KeyState = "off"

// A KeyInfo is a key as operators see it. It has no secret part.
type KeyInfo struct {
	KID         string       `json:"kid"`
	Alg         string       `json:"alg"`
	State       idp.KeyState `json:"state"` // next, active, retired or off
	CreatedAt   time.Time    `json:"created_at"`
	ActivatesAt time.Time    `json:"activates_at"`
	RetiresAt   time.Time    `json:"retires_at,omitzero"`
	ExpiresAt   time.Time    `json:"expires_at,omitzero"`
	// EncryptionKey is the fingerprint of what protects it in the database.
	EncryptionKey string `json:"encryption_key"`
}

func (v Vault) show(k idp.SigningKey, now time.Time) KeyInfo {
	info := KeyInfo{k.KID, k.Alg, k.State(now), k.CreatedAt.UTC(), k.ActivatesAt.UTC(), k.RetiresAt.UTC(), k.ExpiresAt.UTC(), wrappedBy(k)}
	if k.RetiresAt.IsZero() {
		info.RetiresAt, info.ExpiresAt = time.Time{}, time.Time{}
		if !slices.Contains(v.inUse(), k.Alg) {
			info.State = KeyOff
		}
	}
	return info
}

// List returns the keys by algorithm, those of each from the next to the oldest. It needs no KEKs.
func (v Vault) List(ctx context.Context) ([]KeyInfo, error) {
	keys, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	list := []KeyInfo{}
	for _, k := range keys {
		if k.State(now) != idp.KeyExpired {
			list = append(list, v.show(k, now))
		}
	}
	place := func(alg string) int {
		if i := slices.Index(v.Algs, alg); i >= 0 {
			return i
		}
		return len(v.Algs)
	}
	slices.SortStableFunc(list, func(a, b KeyInfo) int {
		return cmp.Or(place(a.Alg)-place(b.Alg), strings.Compare(a.Alg, b.Alg))
	})
	return list, nil
}

// RotateAll is Rotate for the key of one algorithm, or if alg is "", for those of all. With atOnce it returns
// when the successors sign. waiting tells of successors that there were already, and is idp.ErrConflict
// in err if nothing else was done.
func (v Vault) RotateAll(ctx context.Context, alg string, atOnce bool) (successors []KeyInfo, waiting, err error) {
	algs := v.inUse()
	if alg != "" {
		algs = []string{alg}
	}
	var fresh []idp.SigningKey
	for _, alg := range algs {
		k, err := v.Rotate(ctx, alg, atOnce)
		switch {
		case err == nil:
			fresh = append(fresh, k)
		case errors.Is(err, idp.ErrConflict):
			waiting = errors.Join(waiting, err)
		default:
			return nil, nil, err
		}
	}
	if len(fresh) == 0 {
		return nil, nil, waiting
	}
	if atOnce {
		if err := handover(ctx); err != nil {
			return nil, nil, err
		}
	}
	_, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range fresh {
		successors = append(successors, v.show(k, now))
	}
	return successors, waiting, nil
}

// Rotates reports whether alg is one that Rotate takes.
func (v Vault) Rotates(alg string) bool { return slices.Contains(v.inUse(), alg) }

// A Retirement is what came of retiring a key.
type Retirement struct {
	KID       string   `json:"kid"`
	Deleted   bool     `json:"deleted"`           // it is in no JWKS any more
	Key       *KeyInfo `json:"key,omitempty"`     // unless it is deleted
	Successor *KeyInfo `json:"signing,omitempty"` // what signs in its place
	MAC       bool     `json:"-"`                 // it made codes and refresh tokens
}

// TakeOut is Retire, which returns when the successor signs.
func (v Vault) TakeOut(ctx context.Context, kid string, compromised bool) (r Retirement, err error) {
	r.KID = kid
	before, _, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return r, fmt.Errorf("list signing keys: %w", err)
	}
	successor, err := v.Retire(ctx, kid, compromised)
	if err != nil {
		return r, err
	}
	r.MAC = slices.ContainsFunc(before, func(k idp.SigningKey) bool { return k.KID == kid && k.Alg == hs256 })
	if r.Key, r.Successor, err = v.pair(ctx, kid, successor.KID); err != nil {
		return r, err
	}
	if r.Key != nil && r.Key.State == idp.KeyActive {
		if err := handover(ctx); err != nil {
			return r, err
		}
		r.Key, r.Successor, err = v.pair(ctx, kid, successor.KID)
	}
	r.Deleted = r.Key == nil
	return r, err
}

// pair returns two keys as they are now, nil for what is not there.
func (v Vault) pair(ctx context.Context, one, other string) (a, b *KeyInfo, err error) {
	list, err := v.List(ctx)
	for i := range list {
		switch list[i].KID {
		case one:
			a = &list[i]
		case other:
			b = &list[i]
		}
	}
	return a, b, err
}

// CheckRotate fails as RotateAll would and changes nothing.
func (v Vault) CheckRotate(ctx context.Context, alg string, atOnce bool) error {
	algs := v.inUse()
	if alg != "" {
		algs = []string{alg}
	}
	var waiting error
	for _, alg := range algs {
		err := v.check(ctx, func(p *plan) error { return p.rotate(alg, atOnce) })
		if err == nil {
			return nil
		}
		if waiting = errors.Join(waiting, err); !errors.Is(err, idp.ErrConflict) {
			return err
		}
	}
	return waiting
}

// CheckTakeOut fails as TakeOut would and changes nothing.
func (v Vault) CheckTakeOut(ctx context.Context, kid string, compromised bool) error {
	return v.check(ctx, func(p *plan) error {
		_, err := p.retireByHand(kid, compromised)
		return err
	})
}

// check finds out what do would say about the stored keys.
func (v Vault) check(ctx context.Context, do func(*plan) error) error {
	v, err := v.complete()
	if err != nil {
		return err
	}
	keys, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("list signing keys: %w", err)
	}
	return do(&plan{Vault: v, now: v.time(now), keys: keys, dry: true})
}

// handover waits until keys that were to sign at once do.
func handover(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(Handover):
		return nil
	}
}
