package postgres

import (
	"context"
	"slices"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// ChangeClients reads clients, as Clients does, lets decide say what is to
// become of them, and does that, in one transaction which no other change
// of the registry comes between. An error of decide changes nothing. However many clients
// there are, it takes the same few statements, and none that writes if there is nothing to change.
// It is idp.ErrConflict if the id of an added secret is taken.
func (s *Store) ChangeClients(ctx context.Context, about idp.ClientSelection, decide func(stored []idp.Client) (idp.ClientChanges, error)) error {
	return translate(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setOrigin, originText(ctx)); err != nil {
			return err
		}
		// Readers go on; whoever changes something waits.
		if _, err := tx.Exec(ctx, `LOCK TABLE clients, client_secrets IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, clientColumns+`
			WHERE $1 = '' OR c.managed_by = $1 OR c.id = ANY($2)
			ORDER BY c.id`, about.ManagedBy, notNull(about.IDs))
		if err != nil {
			return err
		}
		stored, err := pgx.CollectRows(rows, scanClient)
		if err != nil {
			return err
		}
		changes, err := decide(stored)
		if err != nil || changes.Empty() {
			return err
		}
		batch, err := changeBatch(changes)
		if err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	}))
}

// changeBatch has one statement for each list that is not empty. Secrets go
// before new ones come, so that an id can be used again.
func changeBatch(changes idp.ClientChanges) (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	if len(changes.Delete) > 0 {
		batch.Queue(`DELETE FROM clients WHERE id = ANY($1)`, changes.Delete)
	}
	if len(changes.DropSecrets) > 0 {
		batch.Queue(`DELETE FROM client_secrets WHERE id = ANY($1)`, changes.DropSecrets)
	}
	if len(changes.Create) > 0 {
		c, err := columnsOf(changes.Create)
		if err != nil {
			return nil, err
		}
		batch.Queue(`
			INSERT INTO clients (id, managed_by, source, metadata, disabled_at)
			SELECT id, managed_by, source, metadata::jsonb, CASE WHEN disabled THEN now() END
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[]) AS new (id, managed_by, source, metadata, disabled)`,
			c.ids, c.owners, c.sources, c.metadata, c.disabled)
	}
	if len(changes.Update) > 0 {
		c, err := columnsOf(changes.Update)
		if err != nil {
			return nil, err
		}
		batch.Queue(`
			UPDATE clients
			SET source = new.source,
			    metadata = new.metadata::jsonb,
			    disabled_at = CASE WHEN new.disabled THEN COALESCE(disabled_at, now()) END,
			    updated_at = clock_timestamp()
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS new (id, source, metadata, disabled)
			WHERE clients.id = new.id`,
			c.ids, c.sources, c.metadata, c.disabled)
	}
	if len(changes.AddSecrets) > 0 {
		addSecrets(batch, changes.AddSecrets)
	}
	return batch, nil
}

// clientColumnLists are clients by column, as unnest reads them.
type clientColumnLists struct {
	ids, owners, sources, metadata []string
	disabled                       []bool
}

func columnsOf(list []idp.Client) (lists clientColumnLists, err error) {
	for _, c := range list {
		metadata, err := clientMetadata(c)
		if err != nil {
			return lists, err
		}
		lists.ids, lists.owners, lists.sources = append(lists.ids, c.ID), append(lists.owners, c.ManagedBy), append(lists.sources, c.Source)
		lists.metadata, lists.disabled = append(lists.metadata, string(metadata)), append(lists.disabled, c.Disabled)
	}
	return lists, nil
}

func addSecrets(batch *pgx.Batch, list []idp.AddedSecret) {
	var ids, owners, prefixes []string
	var hashes [][]byte
	var created, expires []*time.Time
	for _, s := range list {
		ids, owners, prefixes = append(ids, s.ID), append(owners, s.ClientID), append(prefixes, s.Prefix)
		hashes = append(hashes, s.Hash)
		created, expires = append(created, orNull(s.CreatedAt)), append(expires, orNull(s.ExpiresAt))
	}
	batch.Queue(`
		INSERT INTO client_secrets (id, client_id, prefix, hash, created_at, expires_at)
		SELECT id, client_id, prefix, hash, COALESCE(created_at, now()), expires_at
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
		     AS new (id, client_id, prefix, hash, created_at, expires_at)`,
		ids, owners, prefixes, hashes, created, expires)
}

// RecordClientUses notes when clients and secrets were last used. Those that
// are gone are left out, and so are rows that another replica wrote within the minute.
func (s *Store) RecordClientUses(ctx context.Context, uses idp.ClientUses) error {
	clients, clientTimes := byID(uses.Clients)
	secrets, secretTimes := byID(uses.Secrets)
	_, err := s.db.Exec(ctx, `
		WITH secrets AS (
			INSERT INTO client_secret_uses (secret_id, used_at)
			SELECT s.id, used.at
			FROM unnest($3::text[], $4::timestamptz[]) AS used (id, at) JOIN client_secrets s USING (id)
			ORDER BY s.id
			FOR KEY SHARE OF s
			ON CONFLICT (secret_id) DO UPDATE
			SET used_at = EXCLUDED.used_at
			WHERE client_secret_uses.used_at <= EXCLUDED.used_at - interval '1 minute'
		)
		INSERT INTO client_uses (client_id, used_at)
		SELECT c.id, used.at
		FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) JOIN clients c USING (id)
		ORDER BY c.id
		FOR KEY SHARE OF c
		ON CONFLICT (client_id) DO UPDATE
		SET used_at = EXCLUDED.used_at
		WHERE client_uses.used_at <= EXCLUDED.used_at - interval '1 minute'`,
		clients, clientTimes, secrets, secretTimes)
	return translate(err)
}

func byID(uses map[string]time.Time) (ids []string, at []time.Time) {
	for id := range uses {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		at = append(at, uses[id])
	}
	return ids, at
}
