package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ownerOf names the directory that this test binary, started as another
// process, shall start a server on and hold until its input ends.
const ownerOf = "LOCALPG_TEST_OWNER_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerOf); dir != "" {
		own(dir)
		return
	}
	os.Exit(m.Run())
}

func own(dir string) {
	s, err := Start(context.Background(), Options{Dir: dir, Fast: true})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	if err := s.Stop(); err != nil {
		os.Exit(1)
	}
}

// startOwner starts another process that owns the server of dir.
func startOwner(t *testing.T, dir string) (owner *exec.Cmd, finish func()) {
	t.Helper()
	owner = exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerOf+"="+dir)
	in, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("owner says %q", line)
	}
	finish = func() {
		in.Close()
		_ = owner.Wait()
	}
	t.Cleanup(finish)
	return owner, finish
}

// tempDir is t.TempDir, but passable for the account PostgreSQL runs as when
// the tests run as root, and short.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "localpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// query runs one statement on a connection of its own.
func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

const read = "SELECT v FROM kept"

func createTable(t *testing.T, s *Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept (v) AS VALUES ('value')"); err != nil {
		t.Fatal(err)
	}
}

func TestDataSurvivesRestartAndIsDurableByDefault(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "new", "pg")
	s := start(t, Options{Dir: dir})
	if got := query(t, s, "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"); got != "on on on" {
		t.Errorf("fsync, full_page_writes, synchronous_commit = %s", got)
	}
	if got := query(t, s, "SHOW listen_addresses"); got != "" {
		t.Errorf("listens on TCP: %q", got)
	}
	createTable(t, s)
	before := s.DSN()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.DSN() != before {
		t.Errorf("DSN changed from %s to %s", before, s.DSN())
	}
	done := s.Done()
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if got := query(t, start(t, Options{Dir: dir}), read); got != "value" {
		t.Errorf("read %q", got)
	}
}

func TestSecondStartIsRefusedAndNamesTheOwner(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "pg")
	owner, _ := startOwner(t, dir)
	_, err := Start(t.Context(), Options{Dir: dir, Fast: true})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", owner.Process.Pid)) {
		t.Fatalf("err = %v", err)
	}
}

func TestOpenAttachesToTheOwnersServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "pg")
	_, finish := startOwner(t, dir)
	s, err := Open(t.Context(), Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Attached() || s.Done() != nil {
		t.Error("not attached")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	createTable(t, s)
	finish()
	s, err = Open(t.Context(), Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.Attached() {
		t.Error("attached to a server that has ended")
	}
	if got := query(t, s, read); got != "value" {
		t.Errorf("read %q", got)
	}
}

func TestOpenWaitsForAnOwnerThatIsStarting(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "pg")
	servers := make(chan *Server, 4)
	for range cap(servers) {
		go func() {
			s, err := Open(t.Context(), Options{Dir: dir, Fast: true})
			if err != nil {
				t.Error(err)
			}
			servers <- s
		}()
	}
	owners := 0
	for range cap(servers) {
		s := <-servers
		if s == nil {
			continue
		}
		defer s.Stop()
		if !s.Attached() {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}

func TestKilledOwnerLeavesADatabaseThatStartsAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), strings.Repeat("long", 30))
	owner, _ := startOwner(t, dir)
	attached, err := Open(t.Context(), Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	createTable(t, attached)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Dir: dir, Fast: true})
	if got := query(t, s, read); got != "value" {
		t.Errorf("read %q", got)
	}
	if host, err := filepath.EvalSymlinks(attached.host); err == nil {
		t.Errorf("%s of the killed owner is left", host)
	}
}

func TestKilledServerRecovers(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: filepath.Join(tempDir(t), "pg"), Fast: true})
	createTable(t, s)
	if err := s.run.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("Done does not tell that the server has ended")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, read); got != "value" {
		t.Errorf("read %q", got)
	}
}

func TestAnyPathWorksAndIsLeftClean(t *testing.T) {
	t.Parallel()
	for name, sub := range map[string]string{
		"long":    filepath.Join(strings.Repeat("a", 60), strings.Repeat("b", 60)),
		"strange": `it's a "path", with=all\ of ü`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(tempDir(t), sub)
			s := start(t, Options{Dir: dir, Fast: true})
			attached, err := Open(t.Context(), Options{Dir: dir})
			if err != nil || !attached.Attached() {
				t.Fatal(attached, err)
			}
			if got := query(t, attached, "SHOW cluster_name"); got != "idp" {
				t.Errorf("cluster %q", got)
			}
			host := s.host
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			if exists(host) || exists(filepath.Join(dir, "run")) {
				t.Errorf("%s is left", host)
			}
		})
	}
}
