package keyring

import "time"

// A KeyState is the key that signs for an algorithm now.
type KeyState struct {
	Alg   string
	Since time.Time // when it began to sign
	Until time.Time // when its successor does
}

// State returns the keys that sign, in the configured order of algorithms.
func (r *Ring) State() []KeyState {
	s := r.current.Load()
	var list []KeyState
	for _, alg := range r.vault.Algs {
		key, found := current(s.signers[use{types[0], alg}], r.now(s))
		if !found {
			continue
		}
		until := key.RetiresAt
		if until.IsZero() {
			until = key.ActivatesAt.Add(r.vault.Schedule.RotateEvery)
		}
		list = append(list, KeyState{alg, key.ActivatesAt, until})
	}
	return list
}
