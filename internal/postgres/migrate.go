package postgres

import (
	"context"
	"fmt"

	"near-idp/migrations"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// A Migration is one step of the schema and whether it has been applied.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// Migrate brings the schema up to date and returns the names of the steps it
// applied. Replicas that start together wait for one another on a session lock.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	provider, done, err := s.goose()
	if err != nil {
		return nil, err
	}
	defer done()
	results, err := provider.Up(ctx)
	var names []string
	for _, r := range results {
		if r.Error == nil {
			names = append(names, r.Source.Path)
		}
	}
	if err != nil {
		return names, fmt.Errorf("migrate: %w", translate(err))
	}
	return names, nil
}

// Migrations lists every step of the schema in order.
func (s *Store) Migrations(ctx context.Context) ([]Migration, error) {
	provider, done, err := s.goose()
	if err != nil {
		return nil, err
	}
	defer done()
	status, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", translate(err))
	}
	list := make([]Migration, 0, len(status))
	for _, m := range status {
		list = append(list, Migration{m.Source.Version, m.Source.Path, m.State == goose.StateApplied})
	}
	return list, nil
}

func (s *Store) goose() (*goose.Provider, func() error, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDBFromPool(s.db)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		db.Close()
		return nil, nil, fmt.Errorf("migrations: %w", err)
	}
	return provider, db.Close, nil
}
