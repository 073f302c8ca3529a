// Package keyring holds the provider's signing keys: it makes them, wraps them
// at rest, signs and verifies compact JWS (RFC 7515), publishes the JWKS
// (RFC 7517) and computes the MACs behind refresh tokens. It is the only home
// of go-jose.
//
// Each algorithm has its own keys and each key one algorithm; a token names its
// type in the "typ" header (RFC 8725 section 3.11). A token is therefore only
// ever verified with the key, the algorithm and for the purpose it was made.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"near-idp/internal/idp"
)

// A Store keeps signing keys for all replicas.
type Store interface {
	// SigningKeys returns every key, newest first.
	SigningKeys(ctx context.Context) ([]idp.SigningKey, error)
	// AddSigningKey stores key, unless a key of its algorithm exists: then it
	// changes nothing and returns nil. Of replicas that start together the first
	// wins, and all read the same keys afterwards.
	AddSigningKey(ctx context.Context, key idp.SigningKey) error
}

// A Ring is the set of keys in memory. It is safe for concurrent use; readers
// see one snapshot and never wait.
type Ring struct {
	store Store
	keks  []KEK
	algs  []string

	reloading sync.Mutex // so that a slow reload never replaces a later one
	current   atomic.Pointer[snapshot]
}

// Open reads the keys of store and makes those that are missing: one pair for
// each of algs (RS256, ES256, EdDSA) and one symmetric key for MACs. The first
// of keks wraps new keys, all of them unwrap. The error names the key and the
// configuration to look at when a stored key cannot be unwrapped.
func Open(ctx context.Context, store Store, keks []KEK, algs []string) (*Ring, error) {
	if len(keks) == 0 {
		return nil, errors.New("encryption.keys is empty: make a key with `openssl rand -base64 32`")
	}
	if err := checkAlgs(algs); err != nil {
		return nil, err
	}
	r := &Ring{store: store, keks: keks, algs: slices.Clone(algs)}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Reload reads the keys again, for when another replica changed them, and makes
// missing ones: deleting the row of a compromised key replaces it. After an
// error the ring keeps the keys that it had.
func (r *Ring) Reload(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	rows, err := r.store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	if missing := r.missing(rows); len(missing) > 0 {
		if err := r.add(ctx, missing); err != nil {
			return err
		}
		// Another replica may have been first: only what is stored counts.
		if rows, err = r.store.SigningKeys(ctx); err != nil {
			return fmt.Errorf("read signing keys: %w", err)
		}
	}
	next, err := newSnapshot(rows, r.keks, r.algs)
	if err != nil {
		return err
	}
	r.current.Store(next)
	return nil
}

func (r *Ring) missing(rows []idp.SigningKey) []string {
	var algs []string
	for _, alg := range append([]string{hs256}, r.algs...) {
		if !slices.ContainsFunc(rows, func(k idp.SigningKey) bool { return k.Alg == alg }) {
			algs = append(algs, alg)
		}
	}
	return algs
}

func (r *Ring) add(ctx context.Context, algs []string) error {
	for _, alg := range algs {
		kid, private, err := generate(alg)
		if err != nil {
			return err
		}
		key := idp.SigningKey{KID: kid, Alg: alg, Wrapped: r.keks[0].wrap(kid, alg, private)}
		if err := r.store.AddSigningKey(ctx, key); err != nil {
			return fmt.Errorf("store new %s key: %w", alg, err)
		}
	}
	return nil
}

// Algs returns the algorithms that tokens can be signed with, in the
// configured order.
func (r *Ring) Algs() []string { return slices.Clone(r.algs) }

// JWKS returns the public keys as a JWK Set (RFC 7517 section 5). The caller
// must not change it.
func (r *Ring) JWKS() []byte { return r.current.Load().jwks }
