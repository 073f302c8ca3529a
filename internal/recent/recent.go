// Package recent keeps what was used of late, in bounded memory, and forgets the rest: it is for
// what may be forgotten, such as an answer that can be asked for again and cannot have changed.
package recent

import "sync"

// Generations hold two generations of entries. One that two generations did not use is dropped.
// They are for one goroutine at a time.
type Generations[K comparable, V any] struct {
	most       int
	young, old map[K]V
}

// NewGenerations returns two of at most this many entries each.
func NewGenerations[K comparable, V any](most int) Generations[K, V] {
	return Generations[K, V]{most: most, young: map[K]V{}}
}

// Get returns the value of a key, if it is kept, and keeps it longer.
func (g *Generations[K, V]) Get(key K) (value V, found bool) {
	if value, found = g.young[key]; found {
		return value, true
	}
	if value, found = g.old[key]; found {
		g.Put(key, value)
	}
	return value, found
}

// Put keeps a value.
func (g *Generations[K, V]) Put(key K, value V) {
	if len(g.young) >= g.most {
		if _, known := g.young[key]; !known {
			g.young, g.old = make(map[K]V, g.most), g.young
		}
	}
	g.young[key] = value
}

// Drop forgets a key.
func (g *Generations[K, V]) Drop(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

// Len returns how many entries there are at the most: one that is in both generations counts twice.
func (g *Generations[K, V]) Len() int { return len(g.young) + len(g.old) }

// A Cache is Generations that are safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu   sync.Mutex
	kept Generations[K, V]
}

// New returns a Cache with generations of at most this many entries.
func New[K comparable, V any](most int) *Cache[K, V] {
	return &Cache[K, V]{kept: NewGenerations[K, V](most)}
}

// Get is that of Generations.
func (c *Cache[K, V]) Get(key K) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.Get(key)
}

// Put is that of Generations.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Put(key, value)
}

// Drop is that of Generations.
func (c *Cache[K, V]) Drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Drop(key)
}
