package postgres

import (
	"context"
	"errors"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// maxListed bounds the lists of an account. One that signs in by a script has many.
const maxListed = "1000"

const (
	subjectsOf = `
		SELECT subject, created_at, last_login_at, coalesce(closed_at, '0001-01-01 00:00:00Z')
		FROM subjects
		WHERE network = $1 AND account_id = $2
		ORDER BY incarnation DESC
		LIMIT ` + maxListed

	consentsOf = `
		SELECT subject, client_id, scopes, resources, granted_at
		FROM consents
		WHERE network = $1 AND subject IN (SELECT subject FROM subjects WHERE network = $1 AND account_id = $2)
		ORDER BY granted_at DESC, client_id
		LIMIT ` + maxListed

	accountSessions = `
		SELECT sid, subject, public_key, auth_time, idle_expires_at, expires_at
		FROM sessions
		WHERE network = $1 AND account_id = $2 AND ended_at IS NULL AND idle_expires_at > now() AND expires_at > now()
		ORDER BY auth_time DESC, sid
		LIMIT ` + maxListed

	accountGrants = `
		SELECT id, client_id, subject, sid, scopes, audience, created_at, coalesce(rotated_at, created_at), expires_at
		FROM grants
		WHERE network = $1 AND account_id = $2 AND revoked_at IS NULL AND expires_at > now()
		ORDER BY created_at DESC, id
		LIMIT ` + maxListed
)

// Account returns what there is of an account, of each kind the latest 1000, or
// idp.ErrNotFound if nobody has signed in as it and it is not blocked.
func (s *Store) Account(ctx context.Context, network, account string) (*idp.Account, error) {
	a := &idp.Account{AccountID: account, Network: network}
	block, err := s.Blocked(ctx, network, account)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	a.Blocked = block
	var batch pgx.Batch
	queue(&batch, &a.Subjects, subjectsOf, network, account)
	queue(&batch, &a.Consents, consentsOf, network, account)
	queue(&batch, &a.Sessions, accountSessions, network, account)
	queue(&batch, &a.Grants, accountGrants, network, account)
	if err := s.db.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, translate(err)
	}
	if len(a.Subjects) == 0 && a.Blocked == nil {
		return nil, idp.ErrNotFound
	}
	return a, nil
}

// AccountSessions lists the live sessions of an account, the latest 1000.
func (s *Store) AccountSessions(ctx context.Context, network, account string) (list []idp.AccountSession, err error) {
	var batch pgx.Batch
	queue(&batch, &list, accountSessions, network, account)
	return list, translate(s.db.SendBatch(ctx, &batch).Close())
}

// AccountGrants lists the live grants of an account, the latest 1000.
func (s *Store) AccountGrants(ctx context.Context, network, account string) (list []idp.AccountGrant, err error) {
	var batch pgx.Batch
	queue(&batch, &list, accountGrants, network, account)
	return list, translate(s.db.SendBatch(ctx, &batch).Close())
}

// queue reads the rows of a query, whose columns are in the order of T's fields.
func queue[T any](batch *pgx.Batch, into *[]T, sql, network, account string) {
	batch.Queue(sql, network, account).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	})
}

// EndAccountSession ends one live session of an account with all that was granted in
// it; idp.ErrNotFound if the account has no such session.
func (s *Store) EndAccountSession(ctx context.Context, network, account, sid string) error {
	ended, err := s.endSessions(ctx, true, `
		SELECT sid
		FROM sessions
		WHERE network = $1 AND account_id = $2 AND sid = $3 AND ended_at IS NULL
		FOR UPDATE`, []any{network, account, sid}, nil)
	if err == nil && ended == 0 {
		err = idp.ErrNotFound
	}
	return err
}

var revokeAccountGrant = `
	WITH revoked AS (
		UPDATE grants
		SET revoked_at = now()
		WHERE id = $3 AND network = $1 AND account_id = $2 AND revoked_at IS NULL
		RETURNING id, client_id, account_id, subject, sid
	), audit AS (` + audited("$4", `'token.revoked', client_id, account_id, subject, sid, jsonb_build_object('grant_id', id) FROM revoked`) + `
	)
	SELECT id
	FROM revoked`

// RevokeAccountGrant ends one grant of an account with every token that came of it;
// idp.ErrNotFound if the account has no such grant.
func (s *Store) RevokeAccountGrant(ctx context.Context, network, account, id string) error {
	return translate(s.db.QueryRow(ctx, revokeAccountGrant, network, account, id, origin(ctx)).Scan(&id))
}

var forgetConsents = `
	WITH gone AS (
		DELETE FROM consents
		WHERE network = $1 AND subject IN (SELECT subject FROM subjects WHERE network = $1 AND account_id = $2)
		RETURNING client_id, subject
	)` + audited("$3", `'consent.withdrawn', client_id, $2, subject, '', NULL FROM gone`)

// RevokeAccount ends everything that an account has: sessions, grants and consents,
// in one transaction. It returns how many sessions ended.
func (s *Store) RevokeAccount(ctx context.Context, network, account string) (ended int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if ended, err = endSessionsIn(ctx, tx, true, sessionsOfAccount, []any{network, account}, nil); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, forgetConsents, network, account, origin(ctx))
		return err
	})
	return ended, translate(err)
}
