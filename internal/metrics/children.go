package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxChildren bounds the series of one metric. Labels are bounded by whoever counts; this
// bound is for the day on which that is got wrong.
const maxChildren = 1000

// children are the instruments of one metric by what is counted. Finding one that is known
// takes a map's look-up, without a lock and without an allocation.
type children[K comparable, V any] struct {
	known atomic.Pointer[map[K]V]
	make  func(K) V
	rest  K // what is counted once there are too many

	mu sync.Mutex
}

func newChildren[K comparable, V any](rest K, make func(K) V) *children[K, V] {
	c := &children[K, V]{make: make, rest: rest}
	c.known.Store(&map[K]V{})
	return c
}

func (c *children[K, V]) of(key K) V {
	if one, ok := (*c.known.Load())[key]; ok {
		return one
	}
	return c.add(key)
}

func (c *children[K, V]) add(key K) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := *c.known.Load()
	if _, ok := known[key]; !ok && len(known) >= maxChildren {
		key = c.rest
	}
	one, ok := known[key]
	if !ok {
		one = c.make(key)
		next := maps.Clone(known)
		next[key] = one
		c.known.Store(&next)
	}
	return one
}
