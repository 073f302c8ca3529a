package postgres

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"
)

// sweepBatch bounds what one statement deletes, and so how long it holds locks and how far
// behind a standby falls.
const sweepBatch = 1000

// sweeps say how long rows outlive their use. A redeemed code is remembered for as long
// as a replay of it is worth noticing; an expired login for as long as a person
// may come back to its page to start again; a grant for as long as its client
// is to be told of the session's end.
var sweeps = []string{
	// The proof of a person's last sign-in outlives its login.
	`WITH gone AS (
		DELETE FROM logins WHERE id IN (
			SELECT id FROM logins WHERE expires_at < now() - interval '1 hour' LIMIT $1)
		RETURNING *
	), kept AS (
		UPDATE subjects s
		SET proof = ` + proofOf("gone") + `
		FROM gone
		WHERE s.account_id = gone.account_id AND s.last_login = gone.id AND gone.signature IS NOT NULL
	)
	SELECT FROM gone`,
	`DELETE FROM sessions WHERE sid IN (
		SELECT sid FROM sessions WHERE expires_at < now() - interval '1 hour' LIMIT $1)`,
	`DELETE FROM grants WHERE id IN (
		SELECT id FROM grants g WHERE max_expires_at < now() - interval '1 hour' AND NOT EXISTS (
			SELECT FROM sessions s JOIN clients c ON c.id = g.client_id
			WHERE s.sid = g.sid AND s.ended_at IS NULL AND s.expires_at > now() AND c.metadata ? 'backchannel_logout_uri')
		LIMIT $1)`,
	`DELETE FROM logout_outbox WHERE id IN (
		SELECT id FROM logout_outbox WHERE expires_at < now() LIMIT $1)`,
	`DELETE FROM client_secrets WHERE id IN (
		SELECT id FROM client_secrets WHERE expires_at < now() - interval '30 days' LIMIT $1)`,
	`DELETE FROM clients WHERE id IN (
		SELECT id FROM clients WHERE managed_by = 'config' AND source = '' AND disabled_at < now() - interval '30 days' LIMIT $1)`,
	`DELETE FROM client_logos WHERE client_id IN (
		SELECT l.client_id FROM client_logos l JOIN clients c ON c.id = l.client_id WHERE NOT c.metadata ? 'logo_uri' LIMIT $1)`,
	`DELETE FROM api_keys WHERE id IN (
		SELECT id FROM api_keys WHERE expires_at < now() - interval '30 days' LIMIT $1)`,
	`DELETE FROM dpop_proofs WHERE hash IN (
		SELECT hash FROM dpop_proofs WHERE expires_at < now() - interval '1 minute' LIMIT $1)`,
	`DELETE FROM client_assertions WHERE (client_id, jti) IN (
		SELECT client_id, jti FROM client_assertions WHERE expires_at < now() - interval '1 minute' LIMIT $1)`,
	`DELETE FROM pushed_requests WHERE hash IN (
		SELECT hash FROM pushed_requests WHERE expires_at < now() - interval '1 minute' LIMIT $1)`,
	`DELETE FROM device_requests WHERE id IN (
		SELECT id FROM device_requests WHERE expires_at < now() - interval '15 minutes' LIMIT $1)`,
	`DELETE FROM handoffs WHERE login_id IN (
		SELECT login_id FROM handoffs WHERE expires_at < now() - interval '15 minutes' LIMIT $1)`,
	`DELETE FROM relay_requests WHERE login_id IN (
		SELECT login_id FROM relay_requests WHERE expires_at < now() - interval '15 minutes' LIMIT $1)`,
	`DELETE FROM device_guesses WHERE network IN (
		SELECT network FROM device_guesses WHERE expires_at < now() LIMIT $1)`,
}

// Sweep deletes what expired and returns how many rows went. It does so in
// batches, so that no statement holds many rows. What cannot be deleted from one table keeps
// no other from being swept.
func (s *Store) Sweep(ctx context.Context) (int64, error) {
	return s.sweep(ctx, func() error { return nil })
}

// sweep calls before ahead of each batch, and ends if that fails.
func (s *Store) sweep(ctx context.Context, before func() error) (total int64, err error) {
	for _, sql := range sweeps {
		for more := true; more; {
			if failed := before(); failed != nil {
				return total, errors.Join(err, failed)
			}
			tag, failed := s.change(ctx, sql, sweepBatch)
			if failed != nil {
				if err = errors.Join(err, translate(failed)); ctx.Err() != nil || errors.Is(err, idp.ErrUnavailable) {
					return total, err
				}
			}
			s.swept(tableOf(sql), tag.RowsAffected())
			total += tag.RowsAffected()
			more = failed == nil && tag.RowsAffected() == sweepBatch
		}
	}
	return total, err
}

// SweepInTurn deletes what expired, and audit events older than the retention, as Sweep and
// SweepEvents do, if it is this replica's turn: a turn lasts for the lease, and is extended
// while there is more to delete, so that replicas share the work instead of repeating it, and
// another takes over from one that died. Nobody waits for anybody.
func (s *Store) SweepInTurn(ctx context.Context, lease, retention time.Duration) (deleted int64, mine bool, err error) {
	tag, err := s.db.Exec(ctx, `
		UPDATE sweeper
		SET claimed_until = now() + $1::interval
		WHERE claimed_until <= now()`, lease)
	if err != nil || tag.RowsAffected() == 0 {
		return 0, false, translate(err)
	}
	until := time.Now().Add(lease / 2)
	deleted, err = s.sweep(ctx, func() error {
		if time.Now().Before(until) {
			return ctx.Err()
		}
		until = time.Now().Add(lease / 2)
		_, err := s.db.Exec(ctx, `UPDATE sweeper SET claimed_until = now() + $1::interval`, lease)
		return translate(err)
	})
	events, failed := s.SweepEvents(ctx, retention)
	s.swept("audit_events", events)
	if err = errors.Join(err, failed); err != nil {
		return deleted + events, true, err
	}
	_, err = s.db.Exec(ctx, `UPDATE sweeper SET finished_at = now(), deleted = $1`, deleted+events)
	return deleted + events, true, translate(err)
}
