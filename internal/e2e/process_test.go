package e2e

import (
	"bytes"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// A process is one running `idp serve`.
type process struct {
	*site
	base   string // where it listens; the issuer for the first of a site
	config string
	cmd    *exec.Cmd
	log    buffer
	done   chan struct{}
	err    error // how it ended; read after done
}

// A buffer collects what a process writes while others read it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the process is ready to serve.
func (p *process) await(limit time.Duration) {
	p.Helper()
	client := http.DefaultClient
	if p.tls != nil {
		client = p.tls.client()
	}
	for deadline := time.Now().Add(limit); ; {
		response, err := client.Get(p.base + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-p.done:
			p.Fatalf("idp serve ended: %v\n%s", p.err, p.log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.Fatalf("not ready after %v: %v\n%s", limit, err, p.log.String())
		}
	}
}

// stop ends the process as a service manager does and holds it to a clean exit.
func (p *process) stop() {
	p.Helper()
	const limit = 5 * time.Second
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			p.Errorf("after SIGTERM: %v\n%s", p.err, p.log.String())
		}
	case <-time.After(limit):
		p.Errorf("still running %v after SIGTERM\n%s", limit, p.log.String())
	}
}

// cleanup ends the process, cleanly unless the test has failed already.
func (p *process) cleanup() {
	select {
	case <-p.done:
		return
	default:
	}
	if p.Failed() {
		_ = p.cmd.Process.Kill() // it may have ended since
		<-p.done
		p.Logf("log of %s:\n%s", p.base, tail(p.log.String(), 20))
		return
	}
	p.stop()
	if p.Failed() {
		_ = p.cmd.Process.Kill() // it may have ended since
		<-p.done
	}
	if strings.Contains(p.log.String(), "panic") {
		p.Errorf("a panic:\n%s", p.log.String())
	}
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

func TestTerminationIsCleanAndQuick(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	tokens := p.signIn("rs256", "openid")
	// Browsers open connections in reserve; nothing is ever sent on this one.
	reserve, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer reserve.Close()
	p.stop()
	if _, err := http.Get(p.base + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	if !strings.Contains(p.log.String(), "shutting down") || tokens["id_token"] == nil {
		t.Error(p.log.String())
	}
}
