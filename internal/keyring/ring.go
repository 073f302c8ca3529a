// Package keyring holds the provider's signing keys: it makes them, replaces
// them on schedule, wraps them at rest, signs and verifies compact JWS
// (RFC 7515), publishes the JWKS (RFC 7517) and computes the MACs behind codes
// and refresh tokens. It is the only home of go-jose.
//
// Each algorithm has its own keys and each key one algorithm; a token names its
// type in the "typ" header (RFC 8725 section 3.11). A token is therefore only
// ever verified with the key, the algorithm and for the purpose it was made.
package keyring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/recent"
)

// A Ring is the set of keys in memory. It is safe for concurrent use; readers
// see one snapshot and never wait.
type Ring struct {
	vault     Vault
	keks      atomic.Pointer[[]KEK]
	reloading sync.Mutex // so that a slow reload never replaces a later one
	current   atomic.Pointer[snapshot]
	genuine   *recent.Cache[[sha256.Size]byte, []byte] // the claims of tokens whose signature is right
}

// Open reads the keys of the vault, makes those that are missing, one pair for
// each of its algorithms and one symmetric key for MACs, and wraps all of them
// under the first encryption key. The error names the key and the configuration
// to look at when a stored key cannot be unwrapped.
func Open(ctx context.Context, v Vault) (*Ring, error) {
	v, err := v.complete()
	if err != nil {
		return nil, err
	}
	r := empty(v)
	// Keys are wrapped again when a list comes into force, and not later. Replicas whose lists
	// differ while a new one rolls out would otherwise undo each other's work for ever.
	if err := r.use(ctx, v.KEKs); err != nil {
		return nil, err
	}
	return r, nil
}

func empty(v Vault) *Ring {
	return &Ring{vault: v, genuine: recent.New[[sha256.Size]byte, []byte](maxGenuine)}
}

// KEKs returns the key encryption keys in force.
func (r *Ring) KEKs() []KEK { return *r.keks.Load() }

// SetKEKs puts another list of key encryption keys in force, the first of which wraps every
// stored key from now on. After an error, such as a stored key that none of them
// opens, the former list stays.
func (r *Ring) SetKEKs(ctx context.Context, keks []KEK) error {
	if slices.EqualFunc(keks, r.KEKs(), func(a, b KEK) bool { return bytes.Equal(a.macKey, b.macKey) }) {
		return nil
	}
	return r.use(ctx, keks)
}

func (r *Ring) use(ctx context.Context, keks []KEK) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if err := r.load(ctx, keks, func(p *plan) error { return errors.Join(p.rewrap(), p.tend()) }); err != nil {
		return err
	}
	r.keks.Store(&keks)
	return nil
}

// Reload reads the keys again and does what the schedule demands: call it when
// another replica changed them, and every minute or so. After an error the ring
// goes on with the keys that it has.
func (r *Ring) Reload(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	return r.load(ctx, r.KEKs(), (*plan).tend)
}

func (r *Ring) load(ctx context.Context, keks []KEK, do func(*plan) error) error {
	vault := r.vault
	vault.KEKs = keks
	keys, now, err := vault.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	at := time.Now()
	p := &plan{Vault: vault, now: vault.time(now), keys: slices.Clone(keys), dry: true}
	if err := do(p); err != nil {
		return err
	}
	var failed error
	if p.changed {
		// Without the change the keys as stored may still do.
		if p, failed = vault.change(ctx, do); failed == nil {
			keys = p.keys
		}
	}
	next, err := newSnapshot(keys, vault, vault.time(now.Add(time.Since(at))))
	if err != nil {
		return errors.Join(failed, err)
	}
	next.read, next.at = now, at
	r.current.Store(next)
	return failed
}

// now is the time by the store's clock, as good as the last reload knew it, whoever sets
// this machine's wall clock meanwhile.
func (r *Ring) now(s *snapshot) time.Time { return r.vault.time(s.read.Add(time.Since(s.at))) }

// Algs returns the algorithms that tokens can be signed with, in the
// configured order.
func (r *Ring) Algs() []string { return slices.Clone(r.vault.Algs) }

// JWKS returns the public keys as a JWK Set (RFC 7517 section 5): those that
// sign, those that are about to, and those whose tokens still live. The caller
// must not change it.
func (r *Ring) JWKS() []byte { return r.current.Load().jwks }

// current returns what signs at a time: of keys sorted by their beginning, the
// latest first, the one that is active, else the one that begins next. There is
// no active one for the blink by which the clock of this replica may be behind.
func current[T timed](keys []T, now time.Time) (one T, found bool) {
	for _, k := range keys {
		switch k.when().State(now) {
		case idp.KeyActive:
			return k, true
		case idp.KeyNext:
			one, found = k, true
		}
	}
	return one, found
}

// A timed thing has the times of a key.
type timed interface{ when() *idp.SigningKey }
