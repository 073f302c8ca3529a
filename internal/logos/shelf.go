package logos

import (
	"context"
	"sync"

	"near-idp/internal/idp"
)

// shelved is how many logos are kept in memory, some 10 KB each, 150 KB at most.
const shelved = 100

// A Shelf hands out logos by their hash. It asks for those alone that a client has,
// so that a stranger's guesses never reach the database.
type Shelf struct {
	// Known reports whether a client is shown with the logo of this hash.
	Known func(hash string) bool
	// Read returns the PNG of a hash, or idp.ErrNotFound.
	Read func(ctx context.Context, hash string) ([]byte, error)

	mu   sync.Mutex
	held map[string][]byte
}

// Logo returns the PNG of a hash, or idp.ErrNotFound.
func (s *Shelf) Logo(ctx context.Context, hash string) ([]byte, error) {
	if !s.Known(hash) {
		return nil, idp.ErrNotFound
	}
	s.mu.Lock()
	png, held := s.held[hash]
	s.mu.Unlock()
	if held {
		return png, nil
	}
	png, err := s.Read(ctx, hash)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil || len(s.held) >= shelved {
		s.held = map[string][]byte{}
	}
	s.held[hash] = png
	return png, nil
}
