// Package postgres is the Store: every SQL statement of the provider, one file
// per aggregate. Each change of state is one statement, so that nothing is
// ever half done and single use holds across replicas.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Store reads and writes the provider's database. It is safe for concurrent use.
type Store struct {
	db *pgxpool.Pool
}

// Options configures Open.
type Options struct {
	URL      string // a connection string or URL as libpq reads it
	MaxConns int32  // 0: 20
	Tracer   pgx.QueryTracer
}

// Open returns a Store over a pool of connections. It connects lazily, so that
// a database that is down at start-up is an outage like any later one.
func Open(ctx context.Context, opts Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(opts.URL)
	if err != nil {
		// pgx quotes the whole URL, password masked by it; the cause alone is enough.
		return nil, fmt.Errorf("database.url: %w", err)
	}
	cfg.MaxConns = 20
	if opts.MaxConns > 0 {
		cfg.MaxConns = opts.MaxConns
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.Tracer = opts.Tracer
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "idp"
	}
	cfg.AfterConnect = planOnce
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	return &Store{db: pool}, nil
}

// planOnce has a connection plan each statement once. Every statement finds its rows by
// keys, so that its plan does not depend on its arguments, while making one for a statement of
// several parts takes longer than following it. It is a command and no start-up
// parameter, which PgBouncer would refuse.
func planOnce(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET plan_cache_mode = force_generic_plan", pgx.QueryExecModeSimpleProtocol)
	return err
}

// New returns a Store over an existing pool.
func New(pool *pgxpool.Pool) *Store { return &Store{db: pool} }

// Close waits for the connections in use and closes them all.
func (s *Store) Close() { s.db.Close() }

// Ping reports whether the database answers; the error wraps idp.ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error { return translate(s.db.Ping(ctx)) }

// translate maps a driver's error to the vocabulary: no rows is ErrNotFound, a
// duplicate key ErrConflict, and a server that cannot be reached or is going
// away ErrUnavailable. Whatever else comes back is a defect of ours.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return idp.ErrNotFound
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == "23505":
			return fmt.Errorf("%w: %s", idp.ErrConflict, pg.ConstraintName)
		// 08 connection, 53 resources, 57P0x shutdown or starting up, 25006 a standby
		case pg.Code[:2] == "08", pg.Code[:2] == "53", len(pg.Code) == 5 && pg.Code[:4] == "57P0", pg.Code == "25006":
			return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
		}
		return err
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || isNetwork(err) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	}
	return err
}

// isNetwork reports a broken connection, which pgx wraps in several ways.
func isNetwork(err error) bool {
	var network net.Error
	var path *fs.PathError
	return errors.As(err, &network) || errors.As(err, &path) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, errUnexpectedEOF) || err.Error() == "closed pool" || err.Error() == "conn closed"
}
