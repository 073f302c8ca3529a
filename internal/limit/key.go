package limit

import (
	"hash/maphash"
	"net/netip"
)

// A Key is what is counted by: a hash that nobody outside this process can aim at another's.
// The zero Key is nobody's.
type Key uint64

var seed = maphash.MakeSeed()

// KeyOf is the key of a name; of none, nobody's.
func KeyOf(name string) Key {
	if name == "" {
		return 0
	}
	return Key(maphash.String(seed, name))
}

// And is the key of k together with a name; nobody's if either is missing.
func (k Key) And(name string) Key {
	if k == 0 || name == "" {
		return 0
	}
	return Key(maphash.Comparable(seed, struct {
		Key
		string
	}{k, name}))
}

// A Sender is counted by its IPv4 address, or by the /64 of IPv6 that one sender commands, and in
// IPv6 with the /48 around it, of which an attacker may command the whole.
type Sender struct {
	Key
	network Key
}

// SenderOf is the sender with an address; the zero Addr is nobody.
func SenderOf(addr netip.Addr) Sender {
	prefix := func(bits int) Key {
		p, err := addr.Prefix(bits)
		if err != nil {
			return 0
		}
		return Key(maphash.Comparable(seed, p))
	}
	switch addr = addr.Unmap().WithZone(""); {
	case addr.Is4():
		return Sender{Key: prefix(32)}
	case addr.Is6():
		return Sender{Key: prefix(64), network: prefix(48)}
	}
	return Sender{}
}
