package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"near-idp/internal/localpg"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Dedicated returns a server for one test alone, which may Stop and Restart
// it. Its DSN, which stays the same, is of a migrated database. What was
// committed survives a restart.
func Dedicated(t testing.TB) *localpg.Server {
	t.Helper()
	return own(t, localpg.Options{Fast: true}, memory()...)
}

// NewDurable is New on a server of its own that commits to disk like one in
// production. For benchmarks.
func NewDurable(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return connect(t, own(t, localpg.Options{}, disk()...).DSN())
}

// own starts a migrated server in one of the given directories.
func own(t testing.TB, opts localpg.Options, parents ...string) *localpg.Server {
	t.Helper()
	s, dir, err := start(t.Context(), opts, parents)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Stop(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	if err := migrate(t.Context(), s.DSN()); err != nil {
		t.Fatal(err)
	}
	return s
}

func startShared() (*cluster, error) {
	ctx := context.Background()
	// Parallel tests share the connections, each with a pool or a process.
	s, dir, err := start(ctx, localpg.Options{Fast: true, Settings: []string{"max_connections=400"}}, memory())
	if err != nil {
		return nil, err
	}
	c := &cluster{Server: s, dir: dir}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(), os.RemoveAll(dir))
	}
	return c, nil
}

// prepare creates the template that tests' databases are copies of.
func (c *cluster) prepare(ctx context.Context) error {
	var err error
	if c.admin, err = pgxpool.New(ctx, c.DSN()+" pool_max_conns=4"); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	if _, err := c.admin.Exec(ctx, "CREATE DATABASE migrated"); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return migrate(ctx, database(c.DSN(), "migrated"))
}

// start starts a server below the first of parents that serves.
func start(ctx context.Context, opts localpg.Options, parents []string) (*localpg.Server, string, error) {
	for _, parent := range parents {
		sweep(ctx, parent)
	}
	var failed error
	for _, parent := range parents {
		opts.Dir = filepath.Join(parent, prefix+"x")
		if err := localpg.Reachable(ctx, opts.Dir); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		opts.Dir = dir
		s, err := localpg.Start(ctx, opts)
		if err != nil {
			return nil, "", explain(errors.Join(err, os.RemoveAll(dir)))
		}
		return s, dir, nil
	}
	return nil, "", explain(failed)
}

func explain(err error) error {
	if errors.Is(err, localpg.ErrNotInstalled) {
		return fmt.Errorf("the tests need a PostgreSQL server, run: make deps (%w)", err)
	}
	return fmt.Errorf("the tests' PostgreSQL server: %w", err)
}

// memory lists where a throw-away server may live, best first.
func memory() []string {
	const room = 1 << 30 // containers often have only 64 MB of /dev/shm
	var st syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &st); err == nil && uint64(st.Bavail)*uint64(st.Bsize) > room {
		return append([]string{"/dev/shm"}, disk()...)
	}
	return disk()
}

func disk() []string { return []string{"/var/tmp", os.TempDir(), "/tmp"} }
