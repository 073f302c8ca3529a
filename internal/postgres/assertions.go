package postgres

import (
	"context"
	"time"
)

// SpendAssertion remembers the jti of a client assertion until it has expired,
// and reports false if it was spent before: of any number of replicas and
// requests one is told true.
func (s *Store) SpendAssertion(ctx context.Context, clientID string, jti []byte, expires time.Time) (bool, error) {
	tag, err := s.db.Exec(ctx, `
		INSERT INTO client_assertions (client_id, jti, expires_at)
		VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`,
		clientID, jti, expires)
	return tag.RowsAffected() == 1, translate(err)
}
