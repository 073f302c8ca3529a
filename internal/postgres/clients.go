package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// clientColumns reads a client with its live secrets.
const clientColumns = `
	SELECT c.id, c.managed_by, c.source, c.metadata, c.disabled_at IS NOT NULL, c.created_at, c.updated_at, u.used_at,
	       (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'prefix', s.prefix, 'hash', encode(s.hash, 'base64'),
	                                            'created_at', s.created_at, 'expires_at', s.expires_at, 'last_used_at', su.used_at)
	                         ORDER BY s.created_at DESC, s.id)
	        FROM client_secrets s LEFT JOIN client_secret_uses su ON su.secret_id = s.id
	        WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now())),
	       l.hash, l.fetched_at, l.error, l.due_at
	FROM clients c
	LEFT JOIN client_uses u ON u.client_id = c.id
	LEFT JOIN client_logos l ON l.client_id = c.id AND c.metadata ? 'logo_uri'`

// A storedSecret is a row of client_secrets as clientColumns reads it.
type storedSecret struct {
	ID         string    `json:"id"`
	Prefix     string    `json:"prefix"`
	Hash       []byte    `json:"hash"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

func scanClient(row pgx.CollectableRow) (idp.Client, error) {
	var c, columns idp.Client
	var metadata []byte
	var used *time.Time
	var secrets []storedSecret
	var logoHash, logoError *string
	var fetched, logoDue *time.Time
	if err := row.Scan(&columns.ID, &columns.ManagedBy, &columns.Source, &metadata, &columns.Disabled,
		&columns.CreatedAt, &columns.UpdatedAt, &used, &secrets,
		&logoHash, &fetched, &logoError, &logoDue); err != nil {
		return c, err
	}
	if err := json.Unmarshal(metadata, &c); err != nil {
		return c, fmt.Errorf("metadata of client %q: %w", columns.ID, err)
	}
	c.ID, c.ManagedBy, c.Source, c.Disabled = columns.ID, columns.ManagedBy, columns.Source, columns.Disabled
	c.CreatedAt, c.UpdatedAt = columns.CreatedAt, columns.UpdatedAt
	c.LastUsedAt = orZero(used)
	c.Logo = idp.ClientLogo{Hash: orZero(logoHash), FetchedAt: orZero(fetched), Error: orZero(logoError), NextAt: orZero(logoDue)}
	for _, s := range secrets {
		c.Secrets = append(c.Secrets, idp.ClientSecret(s))
	}
	return c, nil
}

// clientMetadata is what the column metadata holds: the fields that have no
// column of their own.
func clientMetadata(c idp.Client) ([]byte, error) {
	c.ID, c.ManagedBy, c.Source, c.Disabled = "", "", "", false
	c.CreatedAt, c.UpdatedAt, c.LastUsedAt = time.Time{}, time.Time{}, time.Time{}
	metadata, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("metadata of client: %w", err)
	}
	return metadata, nil
}

// Clients returns every client, ordered by id, disabled ones too.
func (s *Store) Clients(ctx context.Context) ([]idp.Client, error) {
	rows, err := s.db.Query(ctx, clientColumns+` ORDER BY c.id`)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanClient)
	return list, translate(err)
}

// ClientVersions calls each with every client's id and with a number that changes with any row of
// which the client is read, but for when it was last used.
func (s *Store) ClientVersions(ctx context.Context, each func(id string, version int64)) error {
	// A row's xmin is the transaction that wrote it.
	rows, err := s.db.Query(ctx, `
		SELECT c.id, hashtextextended(concat_ws(' ', c.xmin, coalesce(s.rows, 0), coalesce(s.latest, 0), l.xmin), 0)
		FROM clients c
		LEFT JOIN (
			SELECT client_id, count(*) AS rows, sum(xmin::text::bigint) AS latest
			FROM client_secrets
			GROUP BY client_id) s ON s.client_id = c.id
		LEFT JOIN client_logos l ON l.client_id = c.id`)
	if err != nil {
		return translate(err)
	}
	var id string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error { each(id, version); return nil })
	return translate(err)
}

// ReadClients calls each with those of these clients that exist, disabled ones too.
func (s *Store) ReadClients(ctx context.Context, ids []string, each func(idp.Client)) error {
	rows, err := s.db.Query(ctx, clientColumns+` WHERE c.id = ANY($1)`, ids)
	if err != nil {
		return translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanClient(rows)
		if err != nil {
			return err
		}
		each(c)
	}
	return translate(rows.Err())
}

// ClientPage returns a page of the registry.
func (s *Store) ClientPage(ctx context.Context, q idp.ClientQuery) ([]idp.Client, error) {
	rows, err := s.db.Query(ctx, clientColumns+`
		WHERE c.id > $1
		  AND (position(lower($2) IN lower(c.id)) > 0 OR position(lower($2) IN lower(c.metadata ->> 'client_name')) > 0)
		ORDER BY c.id
		LIMIT $3`,
		q.After, q.Search, q.Limit)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanClient)
	return list, translate(err)
}

// Client returns one client, or idp.ErrNotFound.
func (s *Store) Client(ctx context.Context, id string) (idp.Client, error) {
	rows, err := s.db.Query(ctx, clientColumns+` WHERE c.id = $1`, id)
	if err != nil {
		return idp.Client{}, translate(err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanClient)
	return c, translate(err)
}

// CreateClient stores a client and, if it has a hash, its first secret. It is
// idp.ErrConflict if the id is taken.
func (s *Store) CreateClient(ctx context.Context, c idp.Client, first idp.ClientSecret) error {
	metadata, err := clientMetadata(c)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, `
		WITH created AS (
			INSERT INTO clients (id, managed_by, metadata, disabled_at)
			VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
			RETURNING id
		)
		INSERT INTO client_secrets (id, client_id, prefix, hash)
		SELECT $5, id, $6, $7
		FROM created
		WHERE $7::bytea IS NOT NULL`,
		c.ID, c.ManagedBy, metadata, c.Disabled, first.ID, first.Prefix, first.Hash)
	return translate(err)
}

// UpdateClient replaces the client with c's id, owner and UpdatedAt. It is
// idp.ErrConflict if there is none, so that no change is lost to another.
func (s *Store) UpdateClient(ctx context.Context, c idp.Client) error {
	metadata, err := clientMetadata(c)
	if err != nil {
		return err
	}
	tag, err := s.change(ctx, `
		UPDATE clients
		SET metadata = $4,
		    disabled_at = CASE WHEN $5 THEN COALESCE(disabled_at, now()) END,
		    updated_at = clock_timestamp()
		WHERE id = $1 AND managed_by = $2 AND updated_at = $3`,
		c.ID, c.ManagedBy, c.UpdatedAt, metadata, c.Disabled)
	if err == nil && tag.RowsAffected() == 0 {
		return idp.ErrConflict
	}
	return translate(err)
}

// DeleteClient deletes the client with c's id, owner and UpdatedAt together
// with its secrets. It is idp.ErrConflict if there is none.
func (s *Store) DeleteClient(ctx context.Context, c idp.Client) error {
	tag, err := s.change(ctx, `
		DELETE FROM clients
		WHERE id = $1 AND managed_by = $2 AND updated_at = $3`,
		c.ID, c.ManagedBy, c.UpdatedAt)
	if err == nil && tag.RowsAffected() == 0 {
		return idp.ErrConflict
	}
	return translate(err)
}

// AddClientSecret adds a secret to a client. It is idp.ErrNotFound if there is
// no such client.
func (s *Store) AddClientSecret(ctx context.Context, clientID string, secret idp.ClientSecret) error {
	tag, err := s.change(ctx, `
		INSERT INTO client_secrets (id, client_id, prefix, hash, expires_at)
		SELECT $2, id, $3, $4, $5
		FROM clients
		WHERE id = $1`,
		clientID, secret.ID, secret.Prefix, secret.Hash, orNull(secret.ExpiresAt))
	return affected(tag.RowsAffected(), err)
}

// DeleteClientSecret deletes a secret, or returns idp.ErrNotFound.
func (s *Store) DeleteClientSecret(ctx context.Context, clientID, secretID string) error {
	tag, err := s.change(ctx, `
		DELETE FROM client_secrets
		WHERE client_id = $1 AND id = $2`,
		clientID, secretID)
	return affected(tag.RowsAffected(), err)
}

// affected turns a statement that changed nothing into idp.ErrNotFound.
func affected(rows int64, err error) error {
	if err == nil && rows == 0 {
		return idp.ErrNotFound
	}
	return translate(err)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
