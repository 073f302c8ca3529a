package postgres

import (
	"context"
	"slices"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// endSessions ends sessions by their sid, revokes what was granted in them, and
// notes which clients are to be told. A session that expired or was swept has
// grants all the same. A grant that its client gave back is no sign that the person
// left the client, so that one is told, too, when the session ends.
var endSessions = `
	WITH ended AS (
		UPDATE sessions
		SET ended_at = now()
		WHERE sid = ANY (@sids) AND ended_at IS NULL
		RETURNING sid, account_id, subject
	), revoked AS (
		UPDATE grants
		SET revoked_at = now()
		WHERE sid = ANY (@sids) AND revoked_at IS NULL AND (@offline OR NOT 'offline_access' = ANY (scopes))
		RETURNING sid, client_id, account_id, subject
	), left_behind AS (
		SELECT sid, client_id, subject
		FROM revoked
		UNION
		SELECT sid, client_id, subject
		FROM grants
		WHERE sid IN (SELECT sid FROM ended)
	), told AS (
		INSERT INTO logout_outbox (client_id, sid, subject)
		SELECT l.client_id, l.sid, l.subject
		FROM left_behind l
		JOIN clients c ON c.id = l.client_id AND c.disabled_at IS NULL AND c.metadata ? 'backchannel_logout_uri'
		ON CONFLICT (client_id, sid) DO NOTHING
	), audit AS (` + audited("@origin", `
		'session.ended', '', e.account_id, e.subject, e.sid,
		jsonb_build_object('clients', coalesce((SELECT jsonb_agg(DISTINCT r.client_id) FROM revoked r WHERE r.sid = e.sid), '[]'))
		FROM ended e
		UNION ALL
		SELECT (@origin::text[])[1], (@origin::text[])[2], (@origin::text[])[3],
		       'token.revoked', r.client_id, r.account_id, r.subject, r.sid, jsonb_build_object('grants', count(*))
		FROM revoked r
		WHERE r.sid NOT IN (SELECT sid FROM ended)
		GROUP BY r.client_id, r.account_id, r.subject, r.sid`) + `
	)
	SELECT count(*)
	FROM ended`

// EndSessions ends the sessions with these sids: they answer no request, no code of
// theirs can be redeemed, and their grants are revoked, with those of the scope
// offline_access only if offline is set. Clients that want to be told of it are noted for
// ClaimLogouts. It returns how many had not ended before.
func (s *Store) EndSessions(ctx context.Context, offline bool, sids ...string) (ended int, err error) {
	return s.endSessions(ctx, offline, `SELECT sid FROM sessions WHERE sid = ANY ($1) ORDER BY sid FOR UPDATE`, []any{sids}, sids)
}

// EndSessionsOf is EndSessions for everything that an account has at this
// provider, whichever incarnation and browser it was signed in with.
func (s *Store) EndSessionsOf(ctx context.Context, network, account string) (ended int, err error) {
	return s.endSessions(ctx, true, sessionsOfAccount, []any{network, account}, nil)
}

// sessionsOfAccount locks the sessions of an account and lists them with those
// that are over and have left grants.
const sessionsOfAccount = `
	WITH live AS (
		SELECT sid
		FROM sessions
		WHERE network = $1 AND account_id = $2 AND ended_at IS NULL
		ORDER BY sid
		FOR UPDATE
	)
	SELECT sid FROM live
	UNION
	SELECT sid FROM grants WHERE network = $1 AND account_id = $2 AND revoked_at IS NULL`

func (s *Store) endSessions(ctx context.Context, offline bool, lock string, args []any, sids []string) (ended int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		ended, err = endSessionsIn(ctx, tx, offline, lock, args, sids)
		return err
	})
	return ended, translate(err)
}

// endSessionsIn locks the sessions by a statement of its own: the next one then
// sees every grant that was made before. No grant is made after. sids are those to
// end; nil: those that were locked.
func endSessionsIn(ctx context.Context, tx pgx.Tx, offline bool, lock string, args []any, sids []string) (ended int, err error) {
	rows, err := tx.Query(ctx, lock, args...)
	if err != nil {
		return 0, err
	}
	locked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	if sids == nil {
		sids = locked
	}
	// Grants of no session, which clients obtain for themselves, have an empty sid.
	sids = slices.DeleteFunc(slices.Clone(sids), func(sid string) bool { return sid == "" })
	err = tx.QueryRow(ctx, endSessions, pgx.StrictNamedArgs{"sids": notNull(sids), "offline": offline, "origin": origin(ctx)}).Scan(&ended)
	return ended, err
}

// ClaimLogouts leases up to limit logouts that are due, so that no other replica
// takes them before the lease ends. An attempt counts from here on, whatever becomes of it.
func (s *Store) ClaimLogouts(ctx context.Context, limit int, lease time.Duration) ([]idp.Logout, error) {
	rows, err := s.db.Query(ctx, `
		UPDATE logout_outbox
		SET attempts = attempts + 1, due_at = now() + $2::interval
		WHERE id IN (
			SELECT id
			FROM logout_outbox
			WHERE due_at <= now() AND expires_at > now()
			ORDER BY due_at
			LIMIT $1
			FOR UPDATE SKIP LOCKED)
		RETURNING id, client_id, sid, subject, attempts`, limit, lease)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l idp.Logout, err error) {
		err = row.Scan(&l.ID, &l.ClientID, &l.SID, &l.Subject, &l.Attempts)
		return l, err
	})
	return list, translate(err)
}

// NextLogout returns how long it is until a logout is due, or idp.ErrNotFound if there is none.
func (s *Store) NextLogout(ctx context.Context) (wait time.Duration, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT greatest(due_at - now(), '0')
		FROM logout_outbox
		WHERE expires_at > now()
		ORDER BY due_at
		LIMIT 1`).Scan(&wait)
	return wait, translate(err)
}

// ForgetLogout ends a logout that was delivered or given up.
func (s *Store) ForgetLogout(ctx context.Context, id int64) error {
	_, err := s.db.Exec(ctx, `DELETE FROM logout_outbox WHERE id = $1`, id)
	return translate(err)
}

// DelayLogout makes a logout due again after the pause. Others of the same
// client wait for a little while as well, so that one that does not answer holds up nobody else.
func (s *Store) DelayLogout(ctx context.Context, l idp.Logout, pause, others time.Duration) error {
	_, err := s.db.Exec(ctx, `
		UPDATE logout_outbox
		SET due_at = CASE WHEN id = $1 THEN now() + $3::interval ELSE greatest(due_at, now() + $4::interval) END
		WHERE id IN (
			SELECT id
			FROM logout_outbox
			WHERE id = $1 OR client_id = $2 AND attempts = 0
			FOR UPDATE SKIP LOCKED)`, l.ID, l.ClientID, pause, others)
	return translate(err)
}
