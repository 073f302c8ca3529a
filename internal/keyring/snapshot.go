package keyring

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// A snapshot is the keys as they were read at one time. It never changes; what
// each key does depends on when it is asked.
type snapshot struct {
	read    time.Time // by the store's clock
	at      time.Time // the same moment by ours
	signers map[use][]*signer
	heads   map[string]*signer   // by the header that each writes
	public  map[string]publicKey // by kid
	macKeys []macKey             // latest first
	jwks    []byte
}

// A use is what a signer is made for.
type use struct{ typ, alg string }

type publicKey struct {
	*times
	jose.JSONWebKey
}

type macKey struct {
	*times
	secret []byte
}

// times are those of a stored key.
type times idp.SigningKey

func (t *times) when() *idp.SigningKey { return (*idp.SigningKey)(t) }

// newSnapshot unwraps keys: those of the vault's algorithms can sign, all of them
// verify and are published. Expired keys and those of algorithms that this
// version does not know are left out.
func newSnapshot(keys []idp.SigningKey, v Vault, now time.Time) (*snapshot, error) {
	s := &snapshot{signers: map[use][]*signer{}, heads: map[string]*signer{}, public: map[string]publicKey{}}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k idp.SigningKey) bool {
		return !known(k.Alg) || k.State(now) == idp.KeyExpired
	})
	slices.SortStableFunc(keys, func(a, b idp.SigningKey) int { return b.ActivatesAt.Compare(a.ActivatesAt) })
	published := map[string][]publicKey{}
	for i := range keys {
		k := &keys[i]
		private, err := unwrap(v.KEKs, *k)
		if err != nil {
			return nil, err
		}
		k.Wrapped = nil
		if k.Alg == hs256 {
			if len(private) != macSize {
				return nil, fmt.Errorf("MAC key %q has %d bytes instead of %d", k.KID, len(private), macSize)
			}
			s.macKeys = append(s.macKeys, macKey{(*times)(k), private})
			continue
		}
		pair, err := parsePair(k.KID, k.Alg, private)
		if err != nil {
			return nil, err
		}
		if slices.Contains(v.Algs, k.Alg) {
			if err := s.addSigners(k, pair); err != nil {
				return nil, err
			}
		}
		s.public[k.KID] = publicKey{(*times)(k), pair.Public()}
		published[k.Alg] = append(published[k.Alg], s.public[k.KID])
	}
	if err := s.complete(v.Algs, now); err != nil {
		return nil, err
	}
	return s, s.publish(published, now)
}

// addSigners makes the signers of one key pair, one for each type of token.
func (s *snapshot) addSigners(k *idp.SigningKey, pair jose.JSONWebKey) error {
	for _, typ := range types {
		one, err := newSigner(k, pair, typ)
		if err != nil {
			return fmt.Errorf("signing key %q (%s): %w", pair.KeyID, pair.Algorithm, err)
		}
		u := use{typ, pair.Algorithm}
		s.signers[u] = append(s.signers[u], one)
		s.heads[one.head] = one
	}
	return nil
}

func (s *snapshot) complete(algs []string, now time.Time) error {
	if _, found := current(s.macKeys, now); !found {
		return fmt.Errorf("no %s key is stored", hs256)
	}
	for _, alg := range algs {
		if _, found := current(s.signers[use{types[0], alg}], now); !found {
			return fmt.Errorf("no %s key is stored", alg)
		}
	}
	return nil
}

// publish writes the JWKS. Of each algorithm the key that signs comes first,
// for relying parties that look at no other.
func (s *snapshot) publish(byAlg map[string][]publicKey, now time.Time) (err error) {
	set := jose.JSONWebKeySet{}
	for _, alg := range asymmetric {
		first, _ := current(byAlg[alg], now)
		for _, front := range []bool{true, false} {
			for _, k := range byAlg[alg] {
				if (k.times == first.times) == front {
					set.Keys = append(set.Keys, k.JSONWebKey)
				}
			}
		}
	}
	if s.jwks, err = json.Marshal(set); err != nil {
		return fmt.Errorf("publish keys: %w", err)
	}
	return nil
}
