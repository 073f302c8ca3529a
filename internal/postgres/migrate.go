package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"near-idp/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// lockWait is how long a migration waits for a table, and whatever comes after it waits
	// for the migration: a sign-in has that patience. It is shorter than the second after
	// which PostgreSQL looks for deadlocks: of a migration that has one table and wants
	// another, and a sign-in that does so the other way round, the migration gives way.
	lockWait = "500ms"
	// longLockWait is that of the last tries: it is longer than that second, after which
	// autovacuum gives way to who waits for it.
	longLockWait = "2s"
	// lockTries bounds how often it tries, longLockTries of them with the longer patience.
	lockTries     = 30
	longLockTries = 8
	maxLockPause  = 5 * time.Second
	lockNotFree   = "55P03" // lock_not_available
)

// Migrate brings the schema up to date and returns the names of the steps it
// applied. Replicas that start together wait for one another on a session lock. A step that
// cannot have the table it changes at once lets everybody else through, and is
// tried again for some minutes.
func (s *Store) Migrate(ctx context.Context) (names []string, err error) {
	if err := s.refusePooler(ctx); err != nil {
		return nil, err
	}
	for try, pause := 1, 100*time.Millisecond; ; try++ {
		wait := lockWait
		if try > lockTries-longLockTries {
			wait = longLockWait
		}
		results, err := s.migrateOnce(ctx, wait)
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			results = partial.Applied
		}
		for _, r := range results {
			names = append(names, r.Source.Path)
		}
		if err == nil {
			return names, nil
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != lockNotFree {
			return names, fmt.Errorf("migrate: %w", translate(err))
		}
		if try == lockTries {
			return names, fmt.Errorf("migrate: a table was in use at each of %d tries: end the transaction that holds it (pg_stat_activity, ordered by xact_start), and run `idp migrate up` again: %w", try, err)
		}
		select {
		case <-ctx.Done():
			return names, fmt.Errorf("migrate: %w", context.Cause(ctx))
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, maxLockPause)
	}
}

func (s *Store) migrateOnce(ctx context.Context, lockWait string) ([]*goose.MigrationResult, error) {
	provider, done, err := s.goose(lockWait)
	if err != nil {
		return nil, err
	}
	defer done()
	return provider.Up(ctx)
}

// goose works on connections of its own, whose settings end with them.
func (s *Store) goose(lockWait string) (*goose.Provider, func() error, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // seconds, times
	if err != nil {
		return nil, nil, err
	}
	cfg := s.session().Config().ConnConfig
	cfg.DialFunc = dial(0, s.db.suspect) // a step may take its time
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET lock_timeout = '`+lockWait+`'`)
		return err
	}))
	return newGoose(db, goose.WithSessionLocker(locker))
}

func newGoose(db *sql.DB, opts ...goose.ProviderOption) (*goose.Provider, func() error, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, opts...)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("migrations: %w", err), db.Close())
	}
	return provider, db.Close, nil
}
