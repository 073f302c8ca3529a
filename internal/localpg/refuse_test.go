package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func refused(t *testing.T, dir string, words ...string) error {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir, Fast: true})
	if err == nil {
		s.Stop()
		t.Fatalf("%s was accepted", dir)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error lacks %q: %v", w, err)
		}
	}
	return err
}

func TestClusterOfAnotherMajorVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := refused(t, dir, "made by version 9", "restore")
	if !errors.Is(err, ErrNotInstalled) {
		t.Errorf("err = %v", err)
	}
}

func TestForeignDataIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	photo := filepath.Join(dir, "data", "photo")
	if err := os.Mkdir(filepath.Dir(photo), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(photo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "not a PostgreSQL database")
	if !exists(photo) {
		t.Error("the file is gone")
	}
}

func TestUnreachableDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another account")
	}
	blocked := filepath.Join(tempDir(t), "blocked")
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(blocked, "a", "pg")
	if err := Reachable(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "may not enter "+blocked+":") {
		t.Errorf("Reachable: %v", err)
	}
	refused(t, dir, "may not enter "+blocked+":", "chmod o+x "+blocked)
	if err := os.Chmod(blocked, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := Reachable(t.Context(), dir); err != nil {
		t.Errorf("Reachable: %v", err)
	}
}

func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs chown")
	}
	dir := tempDir(t)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "belongs to the user nobody")
	if err := Reachable(t.Context(), dir); err == nil {
		t.Error("Reachable accepts it")
	}
}

func TestFailedStartQuotesTheServerLog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "pg")
	_, err := Start(t.Context(), Options{Dir: dir, Fast: true, Settings: []string{"no_such_setting=1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Fatalf("err = %v", err)
	}
	if exists(filepath.Join(dir, "run")) {
		t.Error("the socket directory is left")
	}
}

func TestLogHoldsNoValuesAndPretendedSocketIsNotTrusted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "pg")
	s := start(t, Options{Dir: dir, Fast: true})
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE secrets (v text PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = conn.Exec(t.Context(), "INSERT INTO secrets VALUES ($1)", "hunter2")
	}
	if err == nil {
		t.Fatal("no violation")
	}
	log, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(log); !strings.Contains(text, "duplicate key") || strings.Contains(text, "hunter2") {
		t.Errorf("log: %s", text)
	}

	if err := os.Rename(filepath.Join(dir, "run"), filepath.Join(dir, "real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tempDir(t), filepath.Join(dir, "run")); err != nil {
		t.Fatal(err)
	}
	if host, err := socketDir(dir); err == nil {
		t.Errorf("trusted %s", host)
	}
}

func TestHintNamesWhatToInstall(t *testing.T) {
	t.Parallel()
	for _, major := range []string{"", "14"} {
		if hint := installHint(major); !strings.Contains(hint, "install") || !strings.Contains(hint, "database.url") || !strings.Contains(hint, major) {
			t.Errorf("hint: %s", hint)
		}
	}
}
