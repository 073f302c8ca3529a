package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"near-idp/internal/trial"
)

// serveBuiltIn starts a process over the built-in database below dir, by a program before idp that execs it.
func (s *site) serveBuiltIn(dir string, before ...string) *process {
	s.Helper()
	rpc := httptest.NewServer(s.chain)
	s.Cleanup(rpc.Close)
	p := &process{site: s, base: s.issuer, config: s.builtIn(dir, rpc.URL)}
	cmd := s.command(context.Background(), "serve", "--config", p.config)
	if len(before) > 0 {
		env := cmd.Env
		cmd = exec.Command(before[0], append(before[1:], cmd.Args...)...)
		cmd.Dir, cmd.Env = s.dir, env
	}
	p.Process = trial.Serve(s, cmd, trial.Answers(http.DefaultClient, p.base+"/readyz"))
	return p
}

// builtIn is the configuration with the built-in database.
func (s *site) builtIn(dir, rpc string) string {
	s.Helper()
	file := s.configure(s.port, rpc)
	text, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	const none = `database: {url: "", direct_url: ""}`
	before, after, found := strings.Cut(string(text), none)
	if !found { // the directory of this machine's own provider would be taken
		s.Fatalf("%s is not in the configuration:\n%s", none, text)
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, "%sdatabase: {data_dir: %q}%s", before, dir, after), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// openTempDir is a directory that PostgreSQL's account may pass through.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "idp-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Two processes on one directory would each believe that they own it. The second says who has it;
// once the first is gone, however it went, the next one takes over what it left.
func TestSecondProcessOnADataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	dir := filepath.Join(openTempDir(t), "pg")
	first := s.serveBuiltIn(dir)
	tokens := first.signIn("rs256", "openid")
	second := s.command(t.Context(), "serve", "--config", first.config)
	var said bytes.Buffer
	second.Stderr = &said
	want := fmt.Sprintf("built-in PostgreSQL in database.data_dir %s: the built-in database is in use: another idp process (pid %d) runs on %s", dir, first.Cmd.Process.Pid, dir)
	if err := second.Run(); err == nil || !strings.Contains(said.String(), want) {
		t.Errorf("%v: %s\nwant %s", err, said.String(), want)
	}
	if err := first.Cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.Done
	third := s.serveBuiltIn(dir)
	if r := third.browser().userInfo(tokens["access_token"].(string)); r.status != http.StatusOK {
		t.Errorf("what the first issued: %d %s", r.status, r.body)
	}
	third.signIn("rs256", "openid")
}

// A database that somebody killed, or that gave up, is started again without a restart of idp.
func TestKilledBuiltInDatabaseIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	dir := filepath.Join(openTempDir(t), strings.Repeat("long", 30)) // its socket is elsewhere
	p := s.serveBuiltIn(dir)
	f := interrupt(p)
	const again = "the built-in database runs again"
	for told := range 2 {
		text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another server runs", readyLimit, func() bool {
			text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
			return err == nil && !strings.HasPrefix(string(text), line+"\n") && p.ready()
		})
		// Requests are taken a moment before the log tells of it.
		eventually(t, "the log says "+again, readyLimit, func() bool { return strings.Count(p.Written.String(), again) > told })
	}
	f.finish(t)
	if text := p.Written.String(); !strings.Contains(text, "the built-in database is down, and is started again") || !strings.Contains(text, "server.log ends: ") {
		t.Error("the log does not tell")
	}
}

// ready reports whether requests are taken.
func (p *process) ready() bool {
	r, err := http.Get(p.base + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}
