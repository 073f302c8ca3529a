package postgres

import (
	"context"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// SigningKeys returns every signing key, newest first.
func (s *Store) SigningKeys(ctx context.Context) ([]idp.SigningKey, error) {
	rows, err := s.db.Query(ctx, `
		SELECT kid, alg, wrapped, created_at
		FROM signing_keys
		ORDER BY created_at DESC, kid`)
	if err != nil {
		return nil, translate(err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k idp.SigningKey, err error) {
		err = row.Scan(&k.KID, &k.Alg, &k.Wrapped, &k.CreatedAt)
		return k, err
	})
	return keys, translate(err)
}

// AddSigningKey stores key unless one of its algorithm exists; then it changes
// nothing. The creation time is the database's, whose clock all replicas share.
func (s *Store) AddSigningKey(ctx context.Context, key idp.SigningKey) error {
	return translate(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// Without the lock two replicas would both find no key. It must be taken
		// by a statement of its own: a statement sees what was committed before it began.
		if _, err := tx.Exec(ctx, `LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO signing_keys (kid, alg, wrapped)
			SELECT $1, $2::text, $3
			WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE alg = $2::text)`,
			key.KID, key.Alg, key.Wrapped)
		return err
	}))
}
