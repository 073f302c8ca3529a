package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// saved is what a backup holds, in an order in which what is referred to comes first. $1
// are columns that the database computes.
var saved = []struct{ table, rows string }{
	{"clients", `SELECT to_jsonb(t) - $1::text[] FROM clients t`},
	{"client_secrets", `SELECT to_jsonb(t) - $1::text[] FROM client_secrets t`},
	{"client_logos", `SELECT to_jsonb(t) - $1::text[] FROM client_logos t`},
	{"signing_keys", `SELECT to_jsonb(t) - $1::text[] FROM signing_keys t`},
	// With the proof of a last sign-in whose login is not swept yet, since logins are left out.
	{"subjects", `
		SELECT (to_jsonb(t) || jsonb_build_object('proof', CASE WHEN l.id IS NULL THEN t.proof ELSE ` + proofOf("l") + ` END)) - $1::text[]
		FROM subjects t
		LEFT JOIN logins l ON l.id = t.last_login AND l.signature IS NOT NULL`},
	{"consents", `SELECT to_jsonb(t) - $1::text[] FROM consents t`},
	{"account_blocks", `SELECT to_jsonb(t) - $1::text[] FROM account_blocks t`},
	{"api_keys", `SELECT to_jsonb(t) - $1::text[] FROM api_keys t`},
}

// live are tables that a backup leaves out and that show, if they hold anything, that a
// database is in use.
var live = []string{"sessions", "logins", "grants"}

// restoreBatch is how many rows one statement of a restore inserts.
const restoreBatch = 500

// Backup calls emit with every line of a backup, all of it as it was at one moment. It holds
// up nobody.
func (s *Store) Backup(ctx context.Context, emit func(idp.BackupLine) error) error {
	err := pgx.BeginTxFunc(ctx, s.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, from := range saved {
			columns, computed, err := tableColumns(ctx, tx, from.table)
			if err != nil {
				return err
			}
			if err := emit(idp.BackupLine{Table: from.table, Columns: columns}); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, from.rows, computed)
			if err != nil {
				return err
			}
			var row json.RawMessage
			if _, err := pgx.ForEachRow(rows, []any{&row}, func() error { return emit(idp.BackupLine{Row: row}) }); err != nil {
				return err
			}
		}
		return nil
	})
	return translate(err)
}

// tableColumns lists the columns of a table, whoever may read them: one that is left out for
// want of a right would be lost without a word.
func tableColumns(ctx context.Context, tx pgx.Tx, table string) (plain, computed []string, err error) {
	plain, computed = []string{}, []string{}
	rows, err := tx.Query(ctx, `
		SELECT attname, attgenerated <> ''
		FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
		ORDER BY attnum`, table)
	if err != nil {
		return nil, nil, err
	}
	var name string
	var generated bool
	_, err = pgx.ForEachRow(rows, []any{&name, &generated}, func() error {
		if generated {
			computed = append(computed, name)
		} else {
			plain = append(plain, name)
		}
		return nil
	})
	return plain, computed, err
}

// Restore inserts the lines that next returns until io.EOF, in one transaction: after any
// error, one of next included, nothing has changed. The database must be empty, else the
// error wraps idp.ErrConflict. It returns how many rows each table was given.
func (s *Store) Restore(ctx context.Context, next func() (idp.BackupLine, error)) (rows map[string]int64, err error) {
	rows = map[string]int64{}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setOrigin, originText(ctx)); err != nil {
			return err
		}
		if err := requireEmpty(ctx, tx); err != nil {
			return err
		}
		into := &restoring{tx: tx, rows: rows}
		for {
			line, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := into.take(ctx, line); err != nil {
				return err
			}
		}
		return into.flush(ctx)
	})
	if err != nil {
		return nil, translate(err)
	}
	return rows, nil
}

// requireEmpty keeps whoever starts meanwhile from filling the tables, and fails if one has rows.
func requireEmpty(ctx context.Context, tx pgx.Tx) error {
	var filled []string
	for _, to := range saved {
		if _, err := tx.Exec(ctx, `LOCK TABLE `+to.table+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
	}
	tables := slices.Clone(live)
	for _, to := range saved {
		tables = append(tables, to.table)
	}
	for _, table := range tables {
		var has bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+`)`).Scan(&has); err != nil {
			return err
		}
		if has {
			filled = append(filled, table)
		}
	}
	if len(filled) > 0 {
		return fmt.Errorf("%w: the database is not empty, %s have rows: create a database of its own, run `idp migrate up` and then this, before any `idp serve` starts on it",
			idp.ErrConflict, strings.Join(filled, ", "))
	}
	return nil
}

// restoring inserts rows of one table at a time.
type restoring struct {
	tx      pgx.Tx
	rows    map[string]int64
	table   string
	columns []string // quoted
	batch   []json.RawMessage
}

func (r *restoring) take(ctx context.Context, line idp.BackupLine) error {
	if line.Row == nil {
		return r.begin(ctx, line.Table, line.Columns)
	}
	if r.table == "" {
		return errors.New("the backup is damaged: a row comes before its table")
	}
	if r.batch = append(r.batch, line.Row); len(r.batch) < restoreBatch {
		return nil
	}
	return r.flush(ctx)
}

// begin takes only tables and columns that the schema has: their names go into statements.
func (r *restoring) begin(ctx context.Context, table string, columns []string) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	known := false
	for _, to := range saved {
		known = known || to.table == table
	}
	if !known {
		return fmt.Errorf("the backup has a table %q that this release does not know: use the release that wrote it, or a later one", table)
	}
	have, _, err := tableColumns(ctx, r.tx, table)
	if err != nil {
		return err
	}
	r.table, r.columns = table, nil
	for _, column := range columns {
		if !slices.Contains(have, column) {
			return fmt.Errorf("the backup has a column %q of %s that the database does not: run `idp migrate up` of the release that wrote it, or of a later one", column, table)
		}
		r.columns = append(r.columns, pgx.Identifier{column}.Sanitize())
	}
	return nil
}

func (r *restoring) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	list := strings.Join(r.columns, ", ")
	rows := append(append([]byte{'['}, bytes.Join(raw(r.batch), []byte{','})...), ']')
	tag, err := r.tx.Exec(ctx, `INSERT INTO `+r.table+` (`+list+`) SELECT `+list+` FROM jsonb_populate_recordset(NULL::`+r.table+`, $1::text::jsonb)`, string(rows))
	if err != nil {
		return fmt.Errorf("restore %s: %w", r.table, err)
	}
	r.rows[r.table] += tag.RowsAffected()
	r.batch = r.batch[:0]
	return nil
}

func raw(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, one := range list {
		out[i] = one
	}
	return out
}
