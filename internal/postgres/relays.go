package postgres

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"
)

// CreateRelayRequest stores that a login's challenge waits at a relay.
func (s *Store) CreateRelayRequest(ctx context.Context, r *idp.RelayRequest) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO relay_requests (login_id, wallet, request_id, expires_at)
		VALUES ($1, $2, $3, $4)`, r.LoginID, r.Wallet, r.ID, r.ExpiresAt)
	return translate(err)
}

// RelayRequest returns what waits at a relay for this login, or idp.ErrNotFound.
func (s *Store) RelayRequest(ctx context.Context, loginID string) (*idp.RelayRequest, error) {
	r := idp.RelayRequest{LoginID: loginID}
	err := s.db.QueryRow(ctx, `
		SELECT wallet, request_id, expires_at, ended
		FROM relay_requests
		WHERE login_id = $1`, loginID).Scan(&r.Wallet, &r.ID, &r.ExpiresAt, &r.Ended)
	if err != nil {
		return nil, translate(err)
	}
	return &r, nil
}

// TurnAtRelay reports whether the caller may ask the relay: of all who wait for this login, in any
// process, one may within each pause, and nobody once it ended or expired.
func (s *Store) TurnAtRelay(ctx context.Context, loginID string, pause time.Duration) (bool, error) {
	err := translate(s.db.QueryRow(ctx, `
		UPDATE relay_requests
		SET polled_at = now()
		WHERE login_id = $1 AND ended = '' AND expires_at > now() AND (polled_at IS NULL OR polled_at <= now() - $2::interval)
		RETURNING login_id`, loginID, pause).Scan(&loginID))
	if errors.Is(err, idp.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// EndRelayRequest records why the relay is not asked again.
func (s *Store) EndRelayRequest(ctx context.Context, loginID, how string) error {
	_, err := s.db.Exec(ctx, `
		UPDATE relay_requests
		SET ended = $2
		WHERE login_id = $1 AND ended = ''`, loginID, how)
	return translate(err)
}
