package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"near-idp/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Migration is one step of the schema and whether it has been applied.
type Migration struct {
	Version int64
	Name    string // "" of one that only a newer release has
	Applied bool
}

// A Schema compares what this release was made for with what the database has.
type Schema struct {
	Steps   []Migration // in order, those that only the database has last
	Known   int64       // the last step of this release
	Applied int64       // the last step that the database has; 0: none
	// Floor is the oldest Known with which a release may run on this database; 0: any.
	Floor int64
}

// ErrSchema is what is wrong in an error of Schema.Check.
var ErrSchema = errors.New("the schema of the database does not fit this release")

// Missing counts the steps that the database lacks.
func (s Schema) Missing() (n int) {
	for _, step := range s.Steps {
		if !step.Applied {
			n++
		}
	}
	return n
}

// Newer reports whether a newer release has changed the database.
func (s Schema) Newer() bool { return s.Applied > s.Known }

// Outgrown returns an error that wraps ErrSchema if this release must not run on the
// database any more, since a migration took away what it needs. A database that is merely
// newer suits it: that is how one release replaces another while both serve.
func (s Schema) Outgrown() error {
	if !s.Newer() || s.Floor <= s.Known {
		return nil
	}
	return fmt.Errorf("%w: the database is at migration %d, for which a release must know migration %d at least, and this one knows those up to %d: "+
		"install the release that migrated it, or a later one; to go back for good, restore a backup from before the upgrade (docs/upgrading.md)",
		ErrSchema, s.Applied, s.Floor, s.Known)
}

// Schema reads what the database has. It needs no right but to read.
func (s *Store) Schema(ctx context.Context) (schema Schema, err error) {
	if schema.Steps, err = knownSteps(); err != nil {
		return schema, err
	}
	schema.Known = schema.Steps[len(schema.Steps)-1].Version
	applied, err := s.versions(ctx, `SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY version_id`)
	if err != nil {
		return schema, fmt.Errorf("migration status: %w", translate(err))
	}
	for _, version := range applied {
		i := slices.IndexFunc(schema.Steps, func(m Migration) bool { return m.Version == version })
		if i < 0 {
			schema.Steps = append(schema.Steps, Migration{Version: version, Applied: true})
		} else {
			schema.Steps[i].Applied = true
		}
		schema.Applied = version
	}
	floor, err := s.versions(ctx, `SELECT version FROM schema_floor`)
	if err != nil {
		return schema, fmt.Errorf("migration status: %w", translate(err))
	}
	if len(floor) > 0 {
		schema.Floor = floor[0]
	}
	return schema, nil
}

// versions returns the only column of what a query finds, nothing if its table is missing.
func (s *Store) versions(ctx context.Context, sql string) ([]int64, error) {
	const undefinedTable = "42P01"
	var list []int64
	rows, err := s.db.Query(ctx, sql)
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == undefinedTable {
		return nil, nil
	}
	return list, err
}

// knownSteps lists the migrations of this release.
func knownSteps() ([]Migration, error) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	steps := make([]Migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migrations: %s has no number: %w", name, err)
		}
		steps[i] = Migration{Version: version, Name: name}
	}
	return steps, nil
}
