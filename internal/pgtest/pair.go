package pgtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/localpg"

	"github.com/jackc/pgx/v5"
)

// A Member is one server of a Pair, which listens on an address of its own of the loopback
// network, port 5432.
type Member struct {
	*localpg.Server
	Addr string
	dir  string
}

// Pair returns a migrated primary and a synchronous standby of it: a commit waits until the
// standby has it on disk. They run on disk and, unless fast, commit like servers in
// production. It needs all of 127.0.0.0/8, which Linux has.
func Pair(t testing.TB, fast bool) (primary, standby *Member) {
	t.Helper()
	net := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(250), rand.IntN(250))
	primary = member(t, net+"1", fast, "")
	if err := migrate(t.Context(), primary.DSN()); err != nil {
		t.Fatal(err)
	}
	standby = member(t, net+"2", fast, primary.URL("idp")+"?application_name=standby")
	primary.Do(t, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`)
	primary.Do(t, `SELECT pg_reload_conf()`)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if primary.Ask(t, `SELECT coalesce(max(sync_state), '') FROM pg_stat_replication`) == "sync" {
			return primary, standby
		}
		if time.Now().After(deadline) {
			t.Fatal("the standby does not follow the primary")
		}
	}
}

func member(t testing.TB, addr string, fast bool, source string) *Member {
	t.Helper()
	if l, err := net.Listen("tcp", addr+":5432"); err != nil {
		t.Skipf("SKIPPED, no servers on addresses of their own: %v", err)
	} else {
		l.Close()
	}
	parents := disk()
	if fast {
		parents = memory()
	}
	var dir string
	var failed error
	for _, parent := range parents {
		if failed = localpg.Reachable(t.Context(), filepath.Join(parent, prefix+"x")); failed == nil {
			dir, failed = os.MkdirTemp(parent, prefix)
			break
		}
	}
	if failed != nil {
		t.Fatal(explain(failed))
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	opts := localpg.Options{Dir: dir, Fast: fast, Settings: []string{
		"listen_addresses=" + addr, "wal_level=replica", "max_wal_senders=10", "hot_standby=on", "max_connections=200", "wal_sender_timeout=5s", "wal_keep_size=256MB"}}
	if source != "" {
		if err := localpg.Clone(t.Context(), opts, source); err != nil {
			t.Fatal(explain(err))
		}
	}
	s, err := localpg.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(explain(err))
	}
	m := &Member{s, addr, dir}
	t.Cleanup(func() {
		// One that a test killed ended badly.
		_ = m.Stop()
	})
	return m
}

// URL is that of a database of the server.
func (m *Member) URL(database string) string {
	return "postgres://idp@" + m.Addr + ":5432/" + database
}

// Do runs a statement as the superuser.
func (m *Member) Do(t testing.TB, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), m.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// Ask returns the one value of a statement.
func (m *Member) Ask(t testing.TB, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), m.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var value any
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(value)
}

// Promote makes a standby a primary that waits for no standby, and returns when it takes writes.
func (m *Member) Promote(t testing.TB) {
	t.Helper()
	if m.Ask(t, `SELECT pg_promote()`) != "true" {
		t.Fatal("the standby was not promoted")
	}
}

// Kill ends the server as a crash does, with SIGKILL. Restart brings it back.
func (m *Member) Kill(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	<-m.Done()
}
