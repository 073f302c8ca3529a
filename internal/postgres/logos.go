package postgres

import (
	"context"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// ClaimLogos leases up to limit logos that are to be fetched: of clients that are
// new, have changed since the last attempt, or whose next attempt is due. An attempt
// counts from here on, whatever becomes of it.
func (s *Store) ClaimLogos(ctx context.Context, limit int, lease time.Duration) ([]idp.DueLogo, error) {
	rows, err := s.db.Query(ctx, `
		WITH due AS (
			SELECT c.id, c.metadata ->> 'logo_uri' AS source
			FROM clients c LEFT JOIN client_logos l ON l.client_id = c.id
			WHERE c.metadata ? 'logo_uri' AND c.disabled_at IS NULL
			  AND (l.client_id IS NULL OR l.due_at <= now() OR l.tried_at < c.updated_at)
			ORDER BY l.due_at NULLS FIRST, c.id
			LIMIT $1
			FOR KEY SHARE OF c
		)
		INSERT INTO client_logos AS l (client_id, source, tried_at, due_at)
		SELECT id, source, clock_timestamp(), now() + $2::interval
		FROM due
		ON CONFLICT (client_id) DO UPDATE
		SET source = EXCLUDED.source,
		    tried_at = EXCLUDED.tried_at,
		    due_at = EXCLUDED.due_at,
		    attempts = CASE WHEN l.source = EXCLUDED.source THEN l.attempts + 1 ELSE 1 END
		WHERE l.due_at <= now() OR l.tried_at < (SELECT updated_at FROM clients WHERE id = EXCLUDED.client_id)
		RETURNING l.client_id, l.source, l.attempts`,
		limit, lease)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d idp.DueLogo, err error) {
		err = row.Scan(&d.ClientID, &d.Source, &d.Attempts)
		return d, err
	})
	return list, translate(err)
}

// NextLogo returns how long it is until a logo is to be fetched again, or
// idp.ErrNotFound if there is none.
func (s *Store) NextLogo(ctx context.Context) (wait time.Duration, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT greatest(CASE WHEN l.tried_at >= c.updated_at THEN l.due_at - now() END, '0') AS wait
		FROM clients c LEFT JOIN client_logos l ON l.client_id = c.id
		WHERE c.metadata ? 'logo_uri' AND c.disabled_at IS NULL
		ORDER BY wait
		LIMIT 1`).Scan(&wait)
	return wait, translate(err)
}

// SaveLogo stores the copy of a logo that was claimed, unless its client names
// another one by now. It is due again after the pause.
func (s *Store) SaveLogo(ctx context.Context, due idp.DueLogo, image idp.Image, again time.Duration) error {
	_, err := s.db.Exec(ctx, `
		UPDATE client_logos
		SET hash = $3, png = $4, fetched_at = now(), attempts = 0, error = '', due_at = now() + $5::interval
		WHERE client_id = $1 AND source = $2`,
		due.ClientID, due.Source, image.Hash, image.PNG, again)
	return translate(err)
}

// RefuseLogo notes why there is no new copy of a logo that was claimed. The old one stays.
func (s *Store) RefuseLogo(ctx context.Context, due idp.DueLogo, reason string, again time.Duration) error {
	_, err := s.db.Exec(ctx, `
		UPDATE client_logos
		SET error = $3, due_at = now() + $4::interval
		WHERE client_id = $1 AND source = $2`,
		due.ClientID, due.Source, reason, again)
	return translate(err)
}

// LogoImage returns the PNG of a hash, or idp.ErrNotFound.
func (s *Store) LogoImage(ctx context.Context, hash string) (png []byte, err error) {
	err = s.db.QueryRow(ctx, `SELECT png FROM client_logos WHERE hash = $1 LIMIT 1`, hash).Scan(&png)
	return png, translate(err)
}
