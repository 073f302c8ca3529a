package postgres

import (
	"context"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

const apiKeyColumns = `id, name, prefix, hash, scopes, created_at, created_by, expires_at, last_used_at`

func scanAPIKey(row pgx.CollectableRow) (k idp.APIKey, err error) {
	var used *time.Time
	err = row.Scan(&k.ID, &k.Name, &k.Prefix, &k.Hash, &k.Scopes, &k.CreatedAt, &k.CreatedBy, &k.ExpiresAt, &used)
	if used != nil {
		k.LastUsedAt = *used
	}
	return k, err
}

// APIKey returns a key that is neither revoked nor expired, or idp.ErrNotFound,
// and notes its use, at most once a minute.
func (s *Store) APIKey(ctx context.Context, id string) (idp.APIKey, error) {
	rows, err := s.db.Query(ctx, `
		WITH used AS (
			UPDATE api_keys
			SET last_used_at = now()
			WHERE id = $1 AND expires_at > now() AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
		)
		SELECT `+apiKeyColumns+`
		FROM api_keys
		WHERE id = $1 AND expires_at > now()`, id)
	if err != nil {
		return idp.APIKey{}, translate(err)
	}
	key, err := pgx.CollectExactlyOneRow(rows, scanAPIKey)
	return key, translate(err)
}

// APIKeys returns every key that has not expired, the newest first.
func (s *Store) APIKeys(ctx context.Context) ([]idp.APIKey, error) {
	rows, err := s.db.Query(ctx, `
		SELECT `+apiKeyColumns+`
		FROM api_keys
		WHERE expires_at > now()
		ORDER BY created_at DESC, id`)
	if err != nil {
		return nil, translate(err)
	}
	keys, err := pgx.CollectRows(rows, scanAPIKey)
	return keys, translate(err)
}

var createAPIKey = `
	WITH made AS (
		INSERT INTO api_keys (id, name, prefix, hash, scopes, created_at, created_by, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		RETURNING id, name, scopes, expires_at
	)` + audited("$9", `
		'api_key.created', '', '', '', '', jsonb_build_object('key_id', id, 'name', name, 'scopes', scopes, 'expires_at', expires_at)
		FROM made`)

var revokeAPIKey = `
	WITH gone AS (
		DELETE FROM api_keys
		WHERE id = $1
		RETURNING id, name
	)` + audited("$2", `
		'api_key.revoked', '', '', '', '', jsonb_build_object('key_id', id, 'name', name)
		FROM gone`)

// CreateAPIKey stores a key.
func (s *Store) CreateAPIKey(ctx context.Context, k idp.APIKey) error {
	_, err := s.db.Exec(ctx, createAPIKey,
		k.ID, k.Name, k.Prefix, k.Hash, k.Scopes, k.CreatedAt, k.CreatedBy, k.ExpiresAt, origin(ctx))
	return translate(err)
}

// RevokeAPIKey ends a key at once, or returns idp.ErrNotFound.
func (s *Store) RevokeAPIKey(ctx context.Context, id string) error {
	tag, err := s.db.Exec(ctx, revokeAPIKey, id, origin(ctx))
	return affected(tag.RowsAffected(), err)
}
