package postgres

import (
	"context"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// unblocked is the condition that nobody has blocked the account of a row of sessions or
// grants. A block ends both; what a sign-in that was under way at that moment made after
// all is worth nothing by this.
func unblocked(row string) string {
	return `NOT EXISTS (SELECT FROM account_blocks b WHERE b.network = ` + row + `.network AND b.account_id = ` + row + `.account_id)`
}

var blockAccount = `
	WITH blocked AS (
		INSERT INTO account_blocks (network, account_id, reason)
		VALUES ($1, $2, $3)
		ON CONFLICT (network, account_id) DO UPDATE
		SET reason = excluded.reason
		RETURNING account_id, reason
	)` + audited("$4", `'account.blocked', '', account_id, '', '', jsonb_build_object('reason', reason) FROM blocked`)

// Block keeps an account out from now on, and ends all that it has, in one
// transaction. It returns how many sessions ended. Blocking again replaces the reason.
func (s *Store) Block(ctx context.Context, network, account, reason string) (ended int, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, blockAccount, network, account, reason, origin(ctx)); err != nil {
			return err
		}
		ended, err = endSessionsIn(ctx, tx, true, sessionsOfAccount, []any{network, account}, nil)
		return err
	})
	return ended, translate(err)
}

var unblockAccount = `
	WITH gone AS (
		DELETE FROM account_blocks
		WHERE network = $1 AND account_id = $2
		RETURNING account_id
	), audit AS (` + audited("$3", `'account.unblocked', '', account_id, '', '', NULL FROM gone`) + `
	)
	SELECT account_id
	FROM gone`

// Unblock lets an account in again; idp.ErrNotFound if it is not blocked. Whatever
// began before the block and ended after it ends for good.
func (s *Store) Unblock(ctx context.Context, network, account string) error {
	return translate(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, unblockAccount, network, account, origin(ctx)).Scan(&account); err != nil {
			return err
		}
		_, err := endSessionsIn(ctx, tx, true, sessionsOfAccount, []any{network, account}, nil)
		return err
	}))
}

// Blocked returns the block of an account, or idp.ErrNotFound.
func (s *Store) Blocked(ctx context.Context, network, account string) (*idp.Block, error) {
	list, err := s.blocks(ctx, `
		SELECT account_id, reason, created_at
		FROM account_blocks
		WHERE network = $1 AND account_id = $2`, network, account)
	if err == nil && len(list) == 0 {
		err = idp.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// Blocks lists the accounts that are blocked and whose id comes after another, at most so many, in the order of their ids.
func (s *Store) Blocks(ctx context.Context, network, after string, limit int) ([]idp.Block, error) {
	return s.blocks(ctx, `
		SELECT account_id, reason, created_at
		FROM account_blocks
		WHERE network = $1 AND account_id > $2
		ORDER BY account_id
		LIMIT $3`, network, after, limit)
}

func (s *Store) blocks(ctx context.Context, sql string, args ...any) ([]idp.Block, error) {
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[idp.Block])
	return list, translate(err)
}
