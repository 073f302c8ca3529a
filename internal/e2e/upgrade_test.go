package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// beforeMigration is the first migration that the former release of these tests lacks.
const beforeMigration = "00014_account_page.sql"

// formerRelease builds idp as it was before a migration.
func formerRelease(t *testing.T) string {
	t.Helper()
	if os.Getenv("IDP_UPGRADE") == "" {
		t.Skip("it builds idp as it was once, which takes its time: make upgrade")
	}
	git := func(args ...string) []byte {
		out, err := exec.Command("git", append([]string{"-C", "../.."}, args...)...).Output()
		if err != nil {
			t.Skipf("no history to build a former release from (git %s: %v)", strings.Join(args, " "), err)
		}
		return out
	}
	added := strings.Fields(string(git("log", "--reverse", "--diff-filter=A", "--format=%H", "--", "migrations/"+beforeMigration)))
	if strings.TrimSpace(string(git("rev-parse", "--is-shallow-repository"))) == "true" || len(added) == 0 {
		t.Skip("the clone is shallow: there is no history to build a former release from")
	}
	source := t.TempDir()
	unpack := exec.Command("tar", "-x", "-C", source)
	unpack.Stdin = bytes.NewReader(git("archive", added[0]+"^"))
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	program := filepath.Join(t.TempDir(), "idp-former")
	build := exec.Command("go", "build", "-o", program, "./cmd/idp")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// The whole of an upgrade, while people sign in: the schema moves under the former release,
// both releases serve side by side, one replica of the former restarts in between, and then
// it goes. No login fails, and no refresh of what the other release issued.
func TestUpgradeFailsNoLogin(t *testing.T) {
	program := formerRelease(t)
	s := newSite(t, pgtest.Empty(t))
	s.program = program
	old := s.serve()
	before, err := strconv.Atoi(strings.TrimSpace(s.run("migrate", "version", "--config", old.config)))
	if err != nil {
		t.Fatal(err)
	}
	s.program = ""
	people := newLoad(t, 4, old)
	people.more(20)
	t.Logf("at migration %d:\n%s", before, s.run("migrate", "up", "--config", old.config))
	if after, err := strconv.Atoi(strings.TrimSpace(s.run("migrate", "version", "--config", old.config))); err != nil || after <= before {
		t.Fatalf("from migration %d to %d, %v", before, after, err)
	}
	people.more(50)
	fresh := s.serve()
	people.use(fresh)
	people.more(100)

	// One that crashes before the upgrade reached it comes up again.
	people.rest(old)
	old.Stop()
	s.program = program
	again := s.serve()
	s.program = ""
	people.use(again)
	people.more(50)
	people.rest(again)
	again.Stop()
	people.more(20)
	people.end()
	for _, p := range []*process{old, fresh, again} {
		for line := range strings.Lines(p.Written.String()) {
			if strings.Contains(line, `"status":5`) || strings.Contains(line, `"level":"ERROR"`) {
				t.Logf("%.600s", line)
			}
		}
	}
	t.Logf("%d logins", people.logins.Load())
}

// A release that the database has outgrown ends with words, before it answers anybody;
// one that is merely older serves.
func TestReleaseThatTheDatabaseHasOutgrownDoesNotStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	db := connect(t, s.dsn)
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (90001, true)`)
	p := s.serve()
	p.signIn("es256", "openid")
	if !strings.Contains(p.Written.String(), "a newer release migrated the database") {
		t.Error("the log says nothing of it")
	}
	exec(`UPDATE schema_floor SET version = 90001`)
	p.signIn("es256", "openid") // whoever runs goes on
	out, err := s.command(t.Context(), "serve", "--config", p.config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "must know migration 90001 at least") || !strings.Contains(string(out), "restore a backup from before the upgrade") {
		t.Errorf("%v\n%s", err, out)
	}
}
