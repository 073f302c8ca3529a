package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestTestsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := New(t)
			var n int
			if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM clients").Scan(&n); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			if _, err := pool.Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDatabaseEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("", func(t *testing.T) {
		dsn = DSN(t)
		// A connection that a test forgets must not keep the database.
		if _, err := pgxpool.New(context.Background(), dsn); err != nil {
			t.Fatal(err)
		}
	})
	for {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			return
		}
		conn.Close(t.Context())
		time.Sleep(time.Millisecond)
	}
}

func TestEmptyHasNoTables(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}

func TestDedicatedServerSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	s := Dedicated(t)
	pool := connect(t, s.DSN())
	if _, err := pool.Exec(t.Context(), "CREATE TABLE kept ()"); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := pool.Ping(t.Context()); err == nil {
		t.Fatal("no outage")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "SELECT FROM kept, clients"); err != nil {
		t.Fatal(err)
	}
}

func TestDurableServerIsDurable(t *testing.T) {
	t.Parallel()
	var fsync string
	if err := NewDurable(t).QueryRow(t.Context(), "SHOW fsync").Scan(&fsync); err != nil || fsync != "on" {
		t.Fatal(fsync, err)
	}
}

func TestSweepSparesWhatIsInUse(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"dead", "used", "young"} {
		dir := filepath.Join(parent, prefix+name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		lock, err := os.Create(filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if name == "used" {
			if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
				t.Fatal(err)
			}
		}
		if name != "young" {
			if err := os.Chtimes(dir, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	sweep(t.Context(), parent)
	left, err := filepath.Glob(filepath.Join(parent, "*"))
	if err != nil || len(left) != 2 {
		t.Fatalf("left %v, %v", left, err)
	}
}

func BenchmarkNew(b *testing.B) {
	New(b)
	for b.Loop() {
		DSN(b)
	}
}
