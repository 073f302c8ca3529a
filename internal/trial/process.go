package trial

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Process is a running program, which ends with its test.
type Process struct {
	t       testing.TB
	ready   func() error
	Cmd     *exec.Cmd
	Written Buffer // its output and its errors
	Done    chan struct{}
	Err     error // how it ended; read after Done
}

// Start starts a program and waits until it is ready. It gets SIGTERM when the
// test ends (its process group, if it has one), and what it wrote last is logged
// if the test failed.
func Start(t testing.TB, cmd *exec.Cmd, limit time.Duration, ready func() error) *Process {
	t.Helper()
	p := &Process{t: t, ready: ready, Cmd: cmd, Done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.Written, &p.Written
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Err = cmd.Wait(); close(p.Done) }()
	t.Cleanup(p.end)
	p.Await(limit)
	return p
}

// Serve is Start for a program of this repository, which must end cleanly and
// without having panicked.
func Serve(t testing.TB, cmd *exec.Cmd, ready func() error) *Process {
	t.Helper()
	p := Start(t, cmd, 30*time.Second, ready)
	t.Cleanup(func() {
		if p.ended() || t.Failed() {
			return
		}
		p.Stop()
		if strings.Contains(p.Written.String(), "panic") {
			t.Errorf("a panic:\n%s", p.Written.String())
		}
	})
	return p
}

// Answers is the readiness of what answers 200 at an address.
func Answers(client *http.Client, url string) func() error {
	return func() error {
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// Await waits until the process is ready, and fails the test if it ends before
// that or takes longer than limit.
func (p *Process) Await(limit time.Duration) {
	p.t.Helper()
	for deadline := time.Now().Add(limit); ; {
		err := p.ready()
		if err == nil {
			return
		}
		select {
		case <-p.Done:
			p.t.Fatalf("%s ended: %v\n%s", p.Cmd.Path, p.Err, p.Written.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is not ready after %v: %v\n%s", p.Cmd.Path, limit, err, p.Written.String())
		}
	}
}

// Stop ends the process as a service manager does and holds it to a quick,
// clean exit.
func (p *Process) Stop() {
	p.t.Helper()
	const limit = 5 * time.Second
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-p.Done:
		if p.Err != nil {
			p.t.Errorf("after SIGTERM: %v\n%s", p.Err, p.Written.String())
		}
	case <-time.After(limit):
		p.t.Errorf("still running %v after SIGTERM\n%s", limit, p.Written.String())
	}
}

func (p *Process) ended() bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// end ends the process by force if it must.
func (p *Process) end() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if p.ended() {
			break
		}
		to := p.Cmd.Process.Pid
		if p.Cmd.SysProcAttr != nil && p.Cmd.SysProcAttr.Setpgid {
			to = -to
		}
		_ = syscall.Kill(to, signal) // it may have ended since
		select {
		case <-p.Done:
		case <-time.After(10 * time.Second):
		}
	}
	if p.t.Failed() {
		p.t.Logf("log of %s:\n%s", p.Cmd.Path, Tail(p.Written.String(), 20))
	}
}

// Tail is the end of a text.
func Tail(text string, lines int) string {
	all := strings.SplitAfter(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// A Buffer collects what a process writes while others read it.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
