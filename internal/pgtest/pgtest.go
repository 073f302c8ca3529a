// Package pgtest gives each test a PostgreSQL database of its own.
//
// One server per test binary runs without durability, in memory where there is
// room; each test's database is a copy of one that was migrated once. A copy
// takes some 10 ms, the first one about 2 s more for the server.
//
// A package that uses it says so in its TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"near-idp/internal/localpg"
	"near-idp/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// The server is shared by the tests of a binary, which have nothing else in
// common to hold it.
var (
	shared  = sync.OnceValues(startShared)
	running atomic.Bool // inside Main
	started atomic.Bool // shared was called
	drops   sync.WaitGroup
	serial  atomic.Int64
)

// cluster is the shared server and a pool to create databases with.
type cluster struct {
	*localpg.Server
	dir   string
	admin *pgxpool.Pool
}

// Main runs the tests of a package, then stops their server and removes it. It
// returns the exit code.
func Main(m *testing.M) int {
	running.Store(true)
	code := m.Run()
	if !started.Load() {
		return code
	}
	c, err := shared()
	if err != nil {
		return max(code, 1)
	}
	drops.Wait()
	c.admin.Close()
	if err := errors.Join(c.Stop(), os.RemoveAll(c.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// New returns a pool of at most 8 connections to a fresh, migrated database,
// both gone when the test ends. pool.Config().ConnString() is its DSN.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return connect(t, DSN(t))
}

// DSN returns the connection string of a fresh, migrated database that is gone
// when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	return create(t, "migrated")
}

// Empty is DSN for a database without tables.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, "template1")
}

func connect(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn+" pool_max_conns=8")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func create(t testing.TB, template string) string {
	t.Helper()
	if !running.Load() {
		t.Fatal("pgtest needs: func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }")
	}
	started.Store(true)
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t%d", serial.Add(1))
	sql := "CREATE DATABASE " + name + " TEMPLATE " + template
	if c.fileCopy(t) {
		sql += " STRATEGY FILE_COPY"
	}
	if _, err := c.admin.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Nobody waits for the removal, only Main in the end; what fails to be
		// removed here goes with the server's directory.
		drops.Go(func() { _, _ = c.admin.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)") })
	})
	return database(c.DSN(), name)
}

// fileCopy reports whether the server can copy a template as files, which does
// not write the copy to the log too: PostgreSQL 15 and later.
func (c *cluster) fileCopy(t testing.TB) bool {
	t.Helper()
	conn, err := c.admin.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	major, _, _ := strings.Cut(conn.Conn().PgConn().ParameterStatus("server_version"), ".")
	return major >= "15"
}

func database(dsn, name string) string {
	return strings.Replace(dsn, "dbname=idp", "dbname="+name, 1)
}

// migrate brings a database to the current schema.
func migrate(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
