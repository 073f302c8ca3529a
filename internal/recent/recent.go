// Package recent keeps what was used of late, in bounded memory. It saves asking again for
// what cannot have changed; whatever may have changed is not for it.
package recent

import "sync"

// A Cache holds two generations of so many entries. One that two generations did not use is
// dropped. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	most int

	mu         sync.Mutex
	young, old map[K]V
}

// New returns a Cache with generations of at most this many entries.
func New[K comparable, V any](most int) *Cache[K, V] {
	return &Cache[K, V]{most: most, young: map[K]V{}}
}

// Get returns the value of a key, if it is kept, and keeps it longer.
func (c *Cache[K, V]) Get(key K) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, found = c.young[key]; found {
		return value, true
	}
	if value, found = c.old[key]; found {
		c.put(key, value)
	}
	return value, found
}

// Put keeps a value.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value)
}

func (c *Cache[K, V]) put(key K, value V) {
	if len(c.young) >= c.most {
		c.young, c.old = make(map[K]V, c.most), c.young
	}
	c.young[key] = value
}

// Drop forgets a key.
func (c *Cache[K, V]) Drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, key)
	delete(c.old, key)
}
