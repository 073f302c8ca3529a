package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// crowded opens connections from many addresses, on which nothing comes.
func (p *process) crowded(n, senders int) {
	p.Helper()
	for i := range n {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(1+i%senders))}, Timeout: 10 * time.Second}
		connection, err := dialer.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
		if err != nil {
			p.Fatal(err)
		}
		p.Cleanup(func() { connection.Close() })
		if i%2 == 0 {
			_, _ = io.WriteString(connection, "GET /authorize HTTP/1.1\r\nX-A: ")
		}
	}
}

// H03: connections without end, from one address or from many, leave room for who comes to sign in,
// and the operator reads which limit it was.
func TestCrowdsOfConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.crowd = "max_connections: 300, max_connections_per_sender: 50"
	p := s.serve()
	p.crowded(1000, 1)
	p.signIn("rs256", "openid")
	p.crowded(1500, 100)
	p.signIn("rs256", "openid")
	text := p.Written.String()
	if !strings.Contains(text, "no room for more connections") || !strings.Contains(text, "listen.max_connections") {
		t.Error("the log does not tell")
	}
}

// A process that may not open as many files as it takes connections says so, takes fewer, and
// serves on when they are all taken.
func TestTooFewFilesAreToldAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	p := &process{site: s, base: s.issuer}
	p.config = s.configure(s.port, "http://127.0.0.1:1")
	// Of the shell's own: prlimit is not everywhere.
	cmd := s.command(context.Background(), "serve", "--config", p.config)
	shell := exec.Command("sh", append([]string{"-c", `ulimit -n 620; exec "$0" "$@"`}, cmd.Args...)...)
	shell.Dir, shell.Env = cmd.Dir, cmd.Env
	p.Process = trial.Serve(t, shell, trial.Answers(http.DefaultClient, p.base+"/readyz"))
	if text := p.Written.String(); !strings.Contains(text, "listen.max_connections: 10000 connections need 10520 open files and this process may have 620, so it takes 100: raise the limit (LimitNOFILE=") {
		t.Errorf("the log does not tell:\n%s", text)
	}
	p.crowded(700, 7)
	if r := p.browser().send("GET", "/readyz", ""); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if strings.Contains(p.Written.String(), "too many open files") {
		t.Error("the files ran out")
	}
}
