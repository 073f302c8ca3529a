package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// tests stops the shared PostgreSQL server after the tests, before testscript exits.
type tests struct{ *testing.M }

func (t tests) Run() int { return pgtest.Main(t.M) }

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"idp": main})
}

// TestScripts runs testdata/*.txtar, each with a config.yaml in its directory, a
// migrated database at $IDP_DATABASE_URL and an empty one at $EMPTY_DATABASE_URL.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			url := pgtest.DSN(t)
			env.Setenv("IDP_DATABASE_URL", url)
			env.Values[signedInAt{}] = url
			env.Setenv("EMPTY_DATABASE_URL", pgtest.Empty(t))
			env.Setenv("IDP_ENCRYPTION_KEY", strings.Repeat("k", 40))
			env.Setenv("ACTOR", "local")
			env.Setenv("IDP_DEV_DIR", filepath.Join(env.WorkDir, "dev"))
			// The account that PostgreSQL runs as, if this process is root, has to
			// pass through.
			for dir := env.WorkDir; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o711); err != nil {
					return err
				}
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "config.yaml"), []byte(`issuer: https://id.example.com
near: {network: testnet}
database: {url: "${IDP_DATABASE_URL}"}
encryption: {keys: ["${IDP_ENCRYPTION_KEY}"]}
`), 0o600)
		},
	})
}

var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){"code": expectCode, "signedin": signIn, "sql": runSQL}

// signedInAt is the key of a script's database among its values.
type signedInAt struct{}

// signIn is the script command "signedin NAME": NAME.testnet has a session, a grant and a consent.
func signIn(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: signedin NAME")
	}
	url, _ := ts.Value(signedInAt{}).(string)
	db, err := pgx.Connect(context.Background(), url)
	ts.Check(err)
	defer db.Close(context.Background())
	id := args[0] + ".testnet"
	name := args[0]
	for _, step := range []struct {
		sql    string
		values []any
	}{
		{`INSERT INTO subjects (network, account_id, incarnation) VALUES ('testnet', $1, 1)`, []any{id}},
		{`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
			VALUES ($1, sha256($1::text::bytea), $2, $2, 'testnet', 'ed25519:k', now(), now() + interval '1 hour', now() + interval '2 hours')`, []any{"S" + name, id}},
		{`INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid, scopes, audience, expires_at, max_expires_at)
			VALUES ($1, 'wiki', $2, $2, 'testnet', 'ed25519:k', now(), $3, '{openid}', '{}', now() + interval '1 hour', now() + interval '1 hour')`, []any{"9" + name, id, "S" + name}},
		{`INSERT INTO consents (network, subject, client_id, client, scopes, resources) VALUES ('testnet', $1, 'wiki', 'f', '{openid}', '{}')`, []any{id}},
	} {
		_, err := db.Exec(context.Background(), step.sql, step.values...)
		ts.Check(err)
	}
}

// runSQL is the script command "sql STATEMENT": it changes the script's database by hand.
func runSQL(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: sql STATEMENT")
	}
	url, _ := ts.Value(signedInAt{}).(string)
	db, err := pgx.Connect(context.Background(), url)
	ts.Check(err)
	defer db.Close(context.Background())
	_, err = db.Exec(context.Background(), args[0])
	ts.Check(err)
}

// expectCode is the script command "code N PROGRAM ARG…": like exec, but the
// program must exit with N.
func expectCode(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%s: %v, want exit status %s", strings.Join(args[1:], " "), err, args[0])
	}
}

// Every command explains itself, with an example, and refuses what it does not know.
func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range commands() {
		args := strings.Fields(c.name)
		help := capture(t, append(args, "--help"), 0)
		if !strings.Contains(help, "Usage: idp "+c.name) || !strings.Contains(help, "Example") {
			t.Errorf("idp %s --help:\n%s", c.name, help)
		}
		capture(t, append(args, "--no-such-flag"), exitUsage)
	}
}

// capture runs a command line in this process and returns its standard output.
func capture(t *testing.T, args []string, code int) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, out
	got := run(args)
	os.Stdout, os.Stderr = stdout, stderr
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Errorf("idp %s exits with %d, not %d:\n%s", strings.Join(args, " "), got, code, text)
	}
	return string(text)
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Grafana": "grafana", "My App (EU)": "my-app-eu", "alice.near": "alice-near", "Ünïcode 1": "n-code-1", "…": "",
		strings.Repeat("ab ", 40): strings.TrimRight(strings.Repeat("ab-", 40)[:64], "-"),
	} {
		if got := slug(name); got != want {
			t.Errorf("slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestHealthcheckTakesNothingButOKForHealthy(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer server.Close()
	capture(t, []string{"healthcheck", "--url", server.URL + "/healthz"}, 0)
	for _, status = range []int{http.StatusNoContent, http.StatusFound, http.StatusServiceUnavailable} {
		capture(t, []string{"healthcheck", "--url", server.URL + "/healthz"}, exitFailure)
	}
	server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	capture(t, []string{"healthcheck", "--timeout", "50ms", "--url", server.URL + "/healthz"}, exitFailure)
}

func TestHealthURL(t *testing.T) {
	for listen, want := range map[string]string{
		":8080": "http://127.0.0.1:8080/healthz", "0.0.0.0:80": "http://127.0.0.1:80/healthz",
		"[::]:80": "http://127.0.0.1:80/healthz", "[::1]:80": "http://[::1]:80/healthz", "10.0.0.1:80": "http://10.0.0.1:80/healthz",
	} {
		if got := healthURL(listen, false); got != want {
			t.Errorf("healthURL(%q) = %q, want %q", listen, got, want)
		}
		if got := healthURL(listen, true); got != "https"+strings.TrimPrefix(want, "http") {
			t.Errorf("healthURL(%q) with TLS = %q", listen, got)
		}
	}
}
