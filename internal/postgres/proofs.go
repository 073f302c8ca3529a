package postgres

import (
	"context"
	"time"
)

// SpendProof remembers a DPoP proof by its hash until it is too old to be
// accepted, and reports false if it was spent before: of any number of replicas and
// requests one is told true.
func (s *Store) SpendProof(ctx context.Context, hash []byte, expires time.Time) (bool, error) {
	tag, err := s.db.Exec(ctx, `
		INSERT INTO dpop_proofs (hash, expires_at)
		VALUES ($1, $2)
		ON CONFLICT DO NOTHING`,
		hash, expires)
	return tag.RowsAffected() == 1, translate(err)
}
