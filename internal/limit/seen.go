package limit

import "sync"

// Seen remembers keys for as long as there is room. The zero value is ready, and safe for concurrent use.
type Seen struct {
	mu   sync.Mutex
	keys recent[struct{}]
}

// Seen reports whether a key was remembered of late.
func (s *Seen) Seen(k Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.keys.get(k)
	return ok
}

// Remember remembers a key.
func (s *Seen) Remember(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.set(k, struct{}{})
}
