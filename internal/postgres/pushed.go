package postgres

import (
	"context"
	"time"
)

// PushRequest stores a pushed authorization request under the hash of its handle.
func (s *Store) PushRequest(ctx context.Context, hash []byte, clientID, params string, expires time.Time) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO pushed_requests (hash, client_id, params, expires_at)
		VALUES ($1, $2, $3, $4)`,
		hash, clientID, params, expires)
	return translate(err)
}

// PushedRequest returns a client's pushed request that has not expired and the
// login that it became, "" if none yet; or idp.ErrNotFound.
func (s *Store) PushedRequest(ctx context.Context, hash []byte, clientID string) (params, loginID string, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT params, coalesce(login_id, '')
		FROM pushed_requests
		WHERE hash = $1 AND client_id = $2 AND expires_at > now()`,
		hash, clientID).Scan(&params, &loginID)
	return params, loginID, translate(err)
}

// ClaimPushedRequest spends a pushed request on a login and returns the login
// that has it, which is the first that asked; or idp.ErrNotFound.
func (s *Store) ClaimPushedRequest(ctx context.Context, hash []byte, loginID string) (winner string, err error) {
	err = s.db.QueryRow(ctx, `
		UPDATE pushed_requests
		SET login_id = coalesce(login_id, $2)
		WHERE hash = $1 AND expires_at > now()
		RETURNING login_id`,
		hash, loginID).Scan(&winner)
	return winner, translate(err)
}
