package postgres

import (
	"context"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// ofSubject finds sessions and grants of the subject $2, by the account of which it is an incarnation.
const ofSubject = `account_id = split_part($2, '#', 1) AND subject = $2`

// Applications lists the clients that a subject allowed something or that hold
// a grant of theirs, the last used first.
func (s *Store) Applications(ctx context.Context, network, subject string) ([]idp.Application, error) {
	rows, err := s.db.Query(ctx, `
		SELECT client_id, array_agg(DISTINCT scope), min(since), max(used)
		FROM (
			SELECT client_id, unnest(scopes) AS scope, granted_at AS since, granted_at AS used
			FROM consents
			WHERE network = $1 AND subject = $2
			UNION ALL
			SELECT client_id, unnest(scopes), created_at, coalesce(rotated_at, created_at)
			FROM grants
			WHERE network = $1 AND `+ofSubject+` AND revoked_at IS NULL AND expires_at > now()
		) AS held
		GROUP BY client_id
		ORDER BY max(used) DESC, client_id`, network, subject)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a idp.Application, err error) {
		err = row.Scan(&a.ClientID, &a.Scopes, &a.Since, &a.LastUsed)
		return a, err
	})
	return list, translate(err)
}

// SessionsOf lists a subject's live sessions, the newest first.
func (s *Store) SessionsOf(ctx context.Context, network, subject string) ([]idp.Session, error) {
	rows, err := s.db.Query(ctx, `
		SELECT hash, sid, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at,
		       browser, system, place, began_at, used_at
		FROM sessions
		WHERE network = $1 AND `+ofSubject+` AND ended_at IS NULL AND idle_expires_at > now() AND expires_at > now()
		ORDER BY auth_time DESC, sid
		LIMIT `+maxListed, network, subject)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o idp.Session, err error) {
		who := &o.Identity
		err = row.Scan(&o.Hash, &who.SID, &who.Subject, &who.AccountID, &who.Network, &who.PublicKey, &who.AuthTime, &o.IdleExpires, &o.ExpiresAt,
			&o.Browser.Name, &o.Browser.System, &o.Browser.Place, &o.BeganAt, &o.UsedAt)
		return o, err
	})
	return list, translate(err)
}

var disconnect = `
	WITH consent AS (
		DELETE FROM consents
		WHERE network = $1 AND subject = $2 AND client_id = $3
		RETURNING client_id
	), codes AS (
		UPDATE logins
		SET redeemed_at = now()
		WHERE client_id = $3 AND code_expires_at > now() AND redeemed_at IS NULL
		  AND sid IN (SELECT sid FROM sessions WHERE network = $1 AND ` + ofSubject + `)
		RETURNING client_id
	), revoked AS (
		UPDATE grants
		SET revoked_at = now()
		WHERE network = $1 AND ` + ofSubject + ` AND client_id = $3 AND revoked_at IS NULL
		RETURNING client_id
	)` + audited("$4", `
		'consent.withdrawn', client_id, split_part($2, '#', 1), $2, '',
		jsonb_build_object('grants_revoked', (SELECT count(*) FROM revoked))
		FROM (SELECT client_id FROM consent UNION SELECT client_id FROM codes UNION SELECT client_id FROM revoked) gone`)

// Disconnect forgets a subject's consent to a client and revokes what the client
// holds of them, codes that it has not redeemed yet included.
func (s *Store) Disconnect(ctx context.Context, network, subject, clientID string) error {
	_, err := s.db.Exec(ctx, disconnect, network, subject, clientID, origin(ctx))
	return translate(err)
}
