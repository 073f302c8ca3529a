package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"iter"

	"near-idp/internal/idp"
)

// MAC returns the HMAC-SHA256 of data under the active MAC key. A MAC made for
// one purpose is never valid for another.
func (r *Ring) MAC(purpose string, data []byte) [32]byte {
	for sum := range r.MACs(purpose, data) {
		return sum
	}
	panic("keyring: no MAC key") // a ring without one does not open
}

// MACs yields the MACs of data under every key that is still valid, that of
// the active key first and then the newest first; a given MAC is genuine if it
// equals one of them. Compare with hmac.Equal.
func (r *Ring) MACs(purpose string, data []byte) iter.Seq[[32]byte] {
	return func(yield func([32]byte) bool) {
		s := r.current.Load()
		now := r.now(s)
		active, found := current(s.macKeys, now)
		if found && !yield(mac(active.secret, purpose, data)) {
			return
		}
		for _, key := range s.macKeys {
			if key.times == active.times || key.when().State(now) == idp.KeyExpired {
				continue
			}
			if !yield(mac(key.secret, purpose, data)) {
				return
			}
		}
	}
}

// The length before the purpose keeps ("a", "bc") and ("ab", "c") apart.
func mac(key []byte, purpose string, data []byte) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(purpose)))
	h.Write(length[:])
	h.Write([]byte(purpose))
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}
