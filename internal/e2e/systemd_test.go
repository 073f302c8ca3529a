package e2e

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// A serviceManager is the end of the notification socket that systemd holds.
type serviceManager struct {
	address  string
	mu       sync.Mutex
	messages []string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{address: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for buffer := make([]byte, 8192); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.messages = append(m.messages, string(buffer[:n]))
			m.mu.Unlock()
		}
	}()
	return m
}

// count is how many messages have the line, or one that begins so if it ends in "…".
func (m *serviceManager) count(line string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	start, cut := strings.CutSuffix(line, "…")
	n := 0
	for _, message := range m.messages {
		if slices.ContainsFunc(strings.Split(message, "\n"), func(s string) bool { return s == line || cut && strings.HasPrefix(s, start) }) {
			n++
		}
	}
	return n
}

func (m *serviceManager) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.messages, "\n--\n")
}

// supervised starts the site as a service whose manager sees it dead after a second and a half of silence.
func (s *site) supervised(t *testing.T, m *serviceManager) *process {
	t.Helper()
	rpc := httptest.NewServer(s.chain)
	t.Cleanup(rpc.Close)
	p := &process{site: s, base: s.issuer, config: s.configure(s.port, rpc.URL)}
	cmd := s.command(context.Background(), "serve", "--config", p.config)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.address, "WATCHDOG_USEC=1500000")
	p.Process = trial.Serve(s, cmd, func() error { return nil })
	return p
}

func TestServiceManagerKnowsHowItIs(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	server := pgtest.Dedicated(t)
	p := newSite(t, server.DSN()).supervised(t, m)
	eventually(t, "readiness", readyLimit, func() bool { return m.count("READY=1") == 1 })
	// Ready is ready: nothing is waited for.
	if r := p.browser().send("GET", "/readyz", ""); r.status != 200 {
		t.Errorf("it says that it is ready, and answers %d", r.status)
	}
	if m.count("STATUS=Starting: …") == 0 || m.count("STATUS=Serving "+p.issuer) != 1 {
		t.Errorf("%s", m)
	}
	eventually(t, "signs of life", readyLimit, func() bool { return m.count("WATCHDOG=1") >= 2 })

	// An outage of the database is said, and is no reason to be ended.
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of the outage", readyLimit, func() bool { return m.count("STATUS=Serving "+p.issuer+"; the database does not answer…") == 1 })
	alive := m.count("WATCHDOG=1")
	eventually(t, "signs of life in an outage", readyLimit, func() bool { return m.count("WATCHDOG=1") > alive+1 })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of its end", readyLimit, func() bool { return m.count("STATUS=Serving "+p.issuer) == 2 })

	good, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	for round, text := range []string{string(good) + "\nmistake: 1\n", string(good)} {
		if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of a reload", readyLimit, func() bool { return m.count("READY=1") == round+2 })
	}
	if m.count("RELOADING=1") != 2 || m.count("MONOTONIC_USEC=…") != 2 || m.count("STATUS=Serving "+p.issuer+"; the changed configuration is not in force: …") == 0 {
		t.Errorf("%s", m)
	}
	p.Stop()
	eventually(t, "the end", readyLimit, func() bool { return m.count("STOPPING=1") == 1 })
}
