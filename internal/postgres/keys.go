package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// SigningKeys returns every signing key, the one that signs last first, and
// the time by the database's clock, which all replicas share.
func (s *Store) SigningKeys(ctx context.Context) (keys []idp.SigningKey, now time.Time, err error) {
	keys, now, err = signingKeys(ctx, s.db)
	return keys, now, translate(err)
}

// ChangeSigningKeys calls change with every signing key and the time, as
// SigningKeys returns them, and stores the set of keys that it returns: new
// ones are added, missing ones deleted. No other replica changes keys
// meanwhile, so of several that find the same thing to do one does it and the
// others find it done. An error of change changes nothing.
func (s *Store) ChangeSigningKeys(ctx context.Context, change func(keys []idp.SigningKey, now time.Time) ([]idp.SigningKey, error)) error {
	return translate(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// The lock must be taken by a statement of its own: a statement sees
		// what was committed before it began. Readers do not wait for it.
		if _, err := tx.Exec(ctx, `LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		before, now, err := signingKeys(ctx, tx)
		if err != nil {
			return err
		}
		after, err := change(slices.Clone(before), now)
		if err != nil {
			return err
		}
		return replaceSigningKeys(ctx, tx, before, after)
	}))
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func signingKeys(ctx context.Context, db querier) (keys []idp.SigningKey, now time.Time, err error) {
	rows, err := db.Query(ctx, `
		SELECT kid, alg, wrapped, created_at, activates_at, retires_at, expires_at
		FROM signing_keys
		ORDER BY activates_at DESC, kid`)
	if err != nil {
		return nil, now, err
	}
	keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k idp.SigningKey, err error) {
		var retires, expires *time.Time
		err = row.Scan(&k.KID, &k.Alg, &k.Wrapped, &k.CreatedAt, &k.ActivatesAt, &retires, &expires)
		if retires != nil && expires != nil {
			k.RetiresAt, k.ExpiresAt = *retires, *expires
		}
		return k, err
	})
	if err != nil {
		return nil, now, err
	}
	// After the rows, so that a caller who takes the time on return is as little
	// behind the database as can be; now() would be the start of the transaction.
	err = db.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return keys, now, err
}

// replaceSigningKeys writes the difference. The order keeps at most one key of
// an algorithm without an end at every step, as the table demands: first what
// goes, then what gets an end, then what loses it, then what is new.
func replaceSigningKeys(ctx context.Context, tx pgx.Tx, before, after []idp.SigningKey) error {
	find := func(keys []idp.SigningKey, kid string) int {
		return slices.IndexFunc(keys, func(k idp.SigningKey) bool { return k.KID == kid })
	}
	var batch pgx.Batch
	batch.Queue(setOrigin, originText(ctx))
	for _, old := range before {
		if find(after, old.KID) < 0 {
			batch.Queue(`DELETE FROM signing_keys WHERE kid = $1`, old.KID)
		}
	}
	for _, ending := range []bool{true, false} {
		for _, k := range after {
			i := find(before, k.KID)
			if i < 0 || sameKey(before[i], k) || k.RetiresAt.IsZero() == ending {
				continue
			}
			batch.Queue(`
				UPDATE signing_keys
				SET wrapped = $2, activates_at = $3, retires_at = $4, expires_at = $5
				WHERE kid = $1`,
				k.KID, k.Wrapped, k.ActivatesAt, orNull(k.RetiresAt), orNull(k.ExpiresAt))
		}
	}
	for _, k := range after {
		if find(before, k.KID) < 0 {
			batch.Queue(`
				INSERT INTO signing_keys (kid, alg, wrapped, created_at, activates_at, retires_at, expires_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				k.KID, k.Alg, k.Wrapped, k.CreatedAt, k.ActivatesAt, orNull(k.RetiresAt), orNull(k.ExpiresAt))
		}
	}
	if batch.Len() == 1 {
		return nil // and nobody is notified
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func sameKey(a, b idp.SigningKey) bool {
	return bytes.Equal(a.Wrapped, b.Wrapped) && a.ActivatesAt.Equal(b.ActivatesAt) &&
		a.RetiresAt.Equal(b.RetiresAt) && a.ExpiresAt.Equal(b.ExpiresAt)
}
