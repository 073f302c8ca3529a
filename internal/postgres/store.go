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
	"strings"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Store reads and writes the provider's database. It is safe for concurrent use.
type Store struct {
	db     *pool
	direct *pgxpool.Pool // the same database for what a pooler in between would break; nil: db does
	hosts  *hosts        // nil: there is one
	clock  clock

	// Swept is told how many rows of a table expired and were deleted. Set it before the first
	// Sweep; nil: nobody is.
	Swept func(table string, rows int64)
}

// Options configures Open.
type Options struct {
	URL       string // a connection string or URL as libpq reads it
	DirectURL string // the same database without a pooler in between; empty: URL
	MaxConns  int32  // 0: 20
	// Patient lets statements take as long as they take, for commands; a request is told to
	// come back after ten seconds.
	Patient bool
	Tracer  pgx.QueryTracer
}

// Open returns a Store over a pool of connections. It connects lazily, so that
// a database that is down at start-up is an outage like any later one.
func Open(ctx context.Context, opts Options) (*Store, error) {
	cfg, err := parseURL("database.url", opts.URL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 20
	if opts.MaxConns > 0 {
		cfg.MaxConns = opts.MaxConns
	}
	cfg.PingTimeout = 2 * time.Second
	if opts.DirectURL != "" && !strings.Contains(opts.URL, "default_query_exec_mode") {
		// A pooler may give each statement another server connection, which knows of no
		// statement that was prepared before.
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	cfg.ConnConfig.Tracer = opts.Tracer
	cfg.AfterConnect = planOnce
	s, patience := &Store{}, answerPatience
	if opts.Patient {
		patience = 0
	}
	watchLinks(cfg, patience, func() { s.db.suspect() })
	if cfg.ConnConfig.ValidateConnect == nil {
		s.hosts = newHosts(&cfg.ConnConfig.Config, func() { s.db.suspect() })
	}
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	s.db = newPool(db)
	if opts.DirectURL != "" {
		if s.direct, err = openDirect(ctx, opts.DirectURL); err != nil {
			db.Close()
			return nil, err
		}
	}
	return s, nil
}

func openDirect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := parseURL("database.direct_url", url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 2
	direct, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database.direct_url: %w", err)
	}
	return direct, nil
}

func parseURL(key, url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx quotes the whole URL, password masked by it; the cause alone is enough.
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectPatience
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "idp"
	}
	return cfg, nil
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
func New(db *pgxpool.Pool) *Store { return &Store{db: newPool(db)} }

// session is a pool whose connections keep their session from one statement to the next.
func (s *Store) session() *pgxpool.Pool {
	if s.direct != nil {
		return s.direct
	}
	return s.db.Pool
}

// Close waits for the connections in use and closes them all.
func (s *Store) Close() {
	s.db.Close()
	if s.direct != nil {
		s.direct.Close()
	}
}

// Ping reports whether the database answers; the error wraps idp.ErrUnavailable. Once it
// says so, statements are tried again.
func (s *Store) Ping(ctx context.Context) error {
	err := translate(s.db.Ping(ctx))
	if err == nil {
		s.db.away.Store(false)
	}
	return err
}

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
	if pg, ok := asPgError(err); ok {
		switch {
		case pg.Code == "23505":
			return fmt.Errorf("%w: %s", idp.ErrConflict, pg.ConstraintName)
		// 08 connection, 53 resources
		case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"), isGone(pg.Code):
			return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
		}
		return err
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || isNetwork(err) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	}
	return err
}

// asPgError is what the server said, if it said anything.
func asPgError(err error) (*pgconn.PgError, bool) {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return pg, ok && len(pg.Code) == 5
}

// isNetwork reports a broken connection, which pgx wraps in several ways.
func isNetwork(err error) bool {
	var network net.Error
	var path *fs.PathError
	return errors.As(err, &network) || errors.As(err, &path) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, errUnexpectedEOF) || err.Error() == "closed pool" || err.Error() == "conn closed"
}
