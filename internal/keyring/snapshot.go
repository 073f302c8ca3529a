package keyring

import (
	"encoding/json"
	"fmt"
	"slices"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// A snapshot is the keys as they were read at one time. It never changes.
type snapshot struct {
	signers map[use]jose.Signer
	public  map[string]jose.JSONWebKey // by kid
	macKeys [][]byte                   // newest first
	jwks    []byte
}

// A use is what a signer is made for.
type use struct{ typ, alg string }

// newSnapshot unwraps rows, which are newest first: the newest key of each of
// algs signs, all of them verify and are published. Keys of algorithms that
// this version does not know are left to the newer replica that made them.
func newSnapshot(rows []idp.SigningKey, keks []KEK, algs []string) (*snapshot, error) {
	s := &snapshot{signers: map[use]jose.Signer{}, public: map[string]jose.JSONWebKey{}}
	published := map[string][]jose.JSONWebKey{}
	for _, row := range rows {
		if row.Alg != hs256 && !slices.Contains(asymmetric, row.Alg) {
			continue
		}
		private, err := unwrap(keks, row)
		if err != nil {
			return nil, err
		}
		if row.Alg == hs256 {
			if len(private) != macSize {
				return nil, fmt.Errorf("MAC key %q has %d bytes instead of %d", row.KID, len(private), macSize)
			}
			s.macKeys = append(s.macKeys, private)
			continue
		}
		pair, err := parsePair(row.KID, row.Alg, private)
		if err != nil {
			return nil, err
		}
		if len(published[row.Alg]) == 0 && slices.Contains(algs, row.Alg) {
			if err := s.addSigners(pair); err != nil {
				return nil, err
			}
		}
		s.public[row.KID] = pair.Public()
		published[row.Alg] = append(published[row.Alg], pair.Public())
	}
	if err := s.complete(algs); err != nil {
		return nil, err
	}
	return s, s.publish(published)
}

// addSigners makes the signers of one key pair ahead of time: making one costs
// as much as a tenth of a signature.
func (s *snapshot) addSigners(pair jose.JSONWebKey) error {
	for _, typ := range types {
		alg := jose.SignatureAlgorithm(pair.Algorithm)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: pair}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		if err != nil {
			return fmt.Errorf("signing key %q (%s): %w", pair.KeyID, alg, err)
		}
		s.signers[use{typ, pair.Algorithm}] = signer
	}
	return nil
}

func (s *snapshot) complete(algs []string) error {
	if len(s.macKeys) == 0 {
		return fmt.Errorf("no %s key is stored", hs256)
	}
	for _, alg := range algs {
		if s.signers[use{types[0], alg}] == nil {
			return fmt.Errorf("no %s key is stored", alg)
		}
	}
	return nil
}

func (s *snapshot) publish(byAlg map[string][]jose.JSONWebKey) (err error) {
	set := jose.JSONWebKeySet{}
	for _, alg := range asymmetric {
		set.Keys = append(set.Keys, byAlg[alg]...)
	}
	if s.jwks, err = json.Marshal(set); err != nil {
		return fmt.Errorf("publish keys: %w", err)
	}
	return nil
}
