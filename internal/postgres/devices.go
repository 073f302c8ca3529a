package postgres

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// CreateDevice stores a device's request unless as many of the same client from
// the same network are waiting already; then it reports false. It fails with
// idp.ErrConflict if another has the user code.
func (s *Store) CreateDevice(ctx context.Context, d *idp.Device, most int) (bool, error) {
	tag, err := s.db.Exec(ctx, `
		INSERT INTO device_requests (id, hash, user_code, client_id, scopes, audience, match, choices,
		                             address, network, agent, created_at, expires_at, interval_s)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
		WHERE (SELECT count(*) FROM device_requests
		       WHERE network = $10 AND client_id = $4 AND decided_at IS NULL AND expires_at > now()) < $15`,
		d.ID, d.Hash, d.UserCode, d.ClientID, notNull(d.Scopes), notNull(d.Audience), d.Match, d.Choices,
		d.Sender.Address, d.Sender.Network, d.Sender.Agent, d.CreatedAt, d.ExpiresAt, int(d.Interval.Seconds()), most)
	return tag.RowsAffected() == 1, translate(err)
}

const deviceColumns = `id, user_code, client_id, scopes, audience, match, choices, address, network, agent,
	created_at, expires_at, interval_s, decided_at`

func scanDevice(row pgx.Row) (*idp.Device, error) {
	var d idp.Device
	var interval int
	var decided *time.Time
	err := row.Scan(&d.ID, &d.UserCode, &d.ClientID, &d.Scopes, &d.Audience, &d.Match, &d.Choices,
		&d.Sender.Address, &d.Sender.Network, &d.Sender.Agent, &d.CreatedAt, &d.ExpiresAt, &interval, &decided)
	if err != nil {
		return nil, translate(err)
	}
	d.Interval, d.DecidedAt = time.Duration(interval)*time.Second, orZero(decided)
	return &d, nil
}

// Device returns a device's request, whatever became of it, or idp.ErrNotFound.
func (s *Store) Device(ctx context.Context, id string) (*idp.Device, error) {
	return scanDevice(s.db.QueryRow(ctx, "SELECT "+deviceColumns+" FROM device_requests WHERE id = $1", id))
}

// One statement looks and counts, so that trying many codes at once gains nothing.
const deviceByUserCode = `
	WITH found AS (
		SELECT ` + deviceColumns + `
		FROM device_requests
		WHERE user_code = $1 AND decided_at IS NULL AND expires_at > now()
		  AND NOT EXISTS (SELECT FROM device_guesses g WHERE g.network = $2 AND g.wrong >= $3 AND g.expires_at > now())
	), wrong AS (
		INSERT INTO device_guesses AS g (network, wrong, expires_at)
		SELECT $2, 1, now() + $4::interval
		WHERE NOT EXISTS (SELECT FROM found)
		ON CONFLICT (network) DO UPDATE
		SET wrong = CASE WHEN g.expires_at > now() THEN g.wrong + 1 ELSE 1 END,
		    expires_at = CASE WHEN g.expires_at > now() THEN g.expires_at ELSE excluded.expires_at END
	)
	SELECT ` + deviceColumns + ` FROM found`

// DeviceByUserCode returns the request that waits under a user code, or
// idp.ErrNotFound. A network that sent so many wrong codes within the window is told
// idp.ErrNotFound for every code until it is over.
func (s *Store) DeviceByUserCode(ctx context.Context, code, network string, most int, window time.Duration) (*idp.Device, error) {
	return scanDevice(s.db.QueryRow(ctx, deviceByUserCode, code, network, most, window))
}

// The login is closed and the device's request allowed together, by a person whose
// session lives. The hash is of nothing: a login for a device has no code to redeem.
var allowDevice = `
	WITH login AS (
		UPDATE logins l
		SET code_hash = sha256(gen_random_uuid()::text::bytea), code_expires_at = now()
		FROM sessions s, device_requests d
		WHERE l.id = @login AND l.consumed_at > now() - @within::interval AND l.code_hash IS NULL AND NOT l.denied
		  AND s.sid = l.sid AND s.ended_at IS NULL AND s.expires_at > now() AND ` + unblocked("s") + `
		  AND d.id = @id AND d.client_id = l.client_id AND d.decided_at IS NULL AND d.expires_at > now()
		RETURNING l.sid, s.account_id, s.subject
	), device AS (
		UPDATE device_requests d
		SET decided_at = now(), grant_id = @grant_id, sid = login.sid
		FROM login
		WHERE d.id = @id AND d.decided_at IS NULL AND d.expires_at > now()
		RETURNING d.id, d.client_id, d.scopes, d.address, login.*
	), audit AS (` + audited("@origin", `
		'device.allowed', client_id, account_id, subject, sid,
		jsonb_build_object('scope', array_to_string(scopes, ' '), 'device_address', address)
		FROM device`) + `
	)
	SELECT id
	FROM device`

// AllowDevice lets a device have its tokens, by a login whose person agreed
// within this time. It fails with idp.ErrUsed if either is over.
func (s *Store) AllowDevice(ctx context.Context, id, login, grantID string, within time.Duration) error {
	err := translate(s.db.QueryRow(ctx, allowDevice, pgx.StrictNamedArgs{
		"id": id, "login": login, "grant_id": grantID, "within": within, "origin": origin(ctx),
	}).Scan(&id))
	if errors.Is(err, idp.ErrNotFound) {
		return idp.ErrUsed
	}
	return err
}

var denyDevice = `
	WITH login AS (
		UPDATE logins
		SET consumed_at = coalesce(consumed_at, now()), denied = true
		WHERE id = $2 AND code_hash IS NULL
		RETURNING sid, account_id
	), device AS (
		UPDATE device_requests
		SET decided_at = now()
		WHERE id = $1 AND decided_at IS NULL
		RETURNING client_id, address
	)` + audited("$3", `
		'device.denied', d.client_id, coalesce(l.account_id, ''), coalesce(s.subject, ''), coalesce(l.sid, ''),
		jsonb_build_object('device_address', d.address)
		FROM device d
		LEFT JOIN login l ON true
		LEFT JOIN sessions s ON s.sid = l.sid`)

// DenyDevice ends a login and the request of the device that it is for.
// Denying twice is the same as once; what was allowed stays so.
func (s *Store) DenyDevice(ctx context.Context, id, login string) error {
	_, err := s.db.Exec(ctx, denyDevice, id, login, origin(ctx))
	return translate(err)
}

// One statement waits for its turn at the row, judges it as it then is, and spends it.
// What is over is told however soon it is asked: some clients ask twice at once, with their
// secret in one place and the other, and heed the second answer.
var redeemDevice = `
	WITH old AS (
		SELECT id, CASE
		           WHEN redeemed_at IS NOT NULL THEN 'used'
		           WHEN expires_at <= now() THEN 'expired'
		           WHEN decided_at IS NOT NULL AND grant_id IS NULL THEN 'denied'
		           WHEN polled_at > now() - make_interval(secs => interval_s - 1) THEN 'slow_down'
		           WHEN decided_at IS NULL THEN 'pending'
		           ELSE 'ready' END AS state
		FROM device_requests
		WHERE hash = $1 AND client_id = $2
		FOR UPDATE
	), polled AS (
		UPDATE device_requests d
		SET polled_at = now(),
		    interval_s = CASE WHEN old.state = 'slow_down' THEN least(d.interval_s + 5, 60) ELSE d.interval_s END,
		    redeemed_at = CASE WHEN old.state = 'ready' THEN now() ELSE d.redeemed_at END
		FROM old
		WHERE d.id = old.id
		RETURNING d.grant_id, d.client_id, d.sid, d.scopes, d.audience, old.state
	), issued AS (
		INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid,
		                    scopes, audience, dpop_jkt, key_checked_at, expires_at, max_expires_at)
		SELECT d.grant_id, d.client_id, s.subject, s.account_id, s.network, s.public_key, s.auth_time, s.sid,
		       d.scopes, d.audience, $6::text, s.auth_time,
		       now() + CASE WHEN 'offline_access' = ANY (d.scopes) THEN least($3::interval, $4) ELSE $5 END,
		       now() + CASE WHEN 'offline_access' = ANY (d.scopes) THEN $4 ELSE $5::interval END
		FROM polled d
		JOIN sessions s ON s.sid = d.sid AND s.ended_at IS NULL AND ` + unblocked("s") + `
		WHERE d.state = 'ready'
		FOR KEY SHARE OF s
		RETURNING ` + grantColumns + `
	), audit AS (` + auditIssued("$7", idp.GrantDeviceCode) + `
	)
	SELECT state, coalesce(grant_id, '') FROM polled`

// RedeemDevice is a device's poll. If it finds DeviceReady the device code is spent
// by it, and the grant is what the second value names, unless the session ended
// meanwhile; key is what the sender proved to hold. idp.ErrNotFound for a code that is unknown or another client's.
func (s *Store) RedeemDevice(ctx context.Context, hash []byte, clientID string, key idp.ProvenKey, life idp.Lifetimes) (state idp.DeviceState, grantID string, err error) {
	err = s.db.QueryRow(ctx, redeemDevice, hash, clientID,
		life.RefreshIdle.Std(), life.RefreshAbsolute.Std(), life.AccessToken.Std(), binding(key), origin(ctx)).Scan(&state, &grantID)
	return state, grantID, translate(err)
}
