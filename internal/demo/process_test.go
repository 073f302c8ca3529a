package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a running `idp dev`, built from this tree.
type process struct {
	cmd    *exec.Cmd
	exited chan error
	log    *bytes.Buffer // read it after exited

	demo, issuer, wallet, admin, dir string
}

const startPatience = 2 * time.Minute // a first start makes a database, perhaps on a busy machine

// one is the process that the tests share, since each makes a database.
var one struct {
	sync.Mutex
	*process
	root   string
	binary string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if one.process != nil {
		one.stop()
	}
	if one.root != "" {
		os.RemoveAll(one.root)
	}
	os.Exit(code)
}

// development returns the shared process, started at the first call.
func development(t *testing.T) *process {
	t.Helper()
	one.Lock()
	defer one.Unlock()
	if one.process == nil {
		one.process = start(t, filepath.Join(buildRoot(t), "shared"))
	}
	return one.process
}

// buildRoot is a directory that PostgreSQL's account may enter, with the program in it. one is locked.
func buildRoot(t *testing.T) string {
	t.Helper()
	if one.root != "" {
		return one.root
	}
	root, err := os.MkdirTemp("", "idp-demo-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "idp")
	if out, err := exec.Command("go", "build", "-o", binary, "near-idp/cmd/idp").CombinedOutput(); err != nil {
		os.RemoveAll(root)
		t.Fatalf("build: %v\n%s", err, out)
	}
	one.root, one.binary = root, binary
	return root
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{exited: make(chan error, 1), log: &bytes.Buffer{}}
	p.cmd = exec.Command(one.binary, "dev", "--dir", dir, "--addr", "127.0.0.1:0")
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals are ours to send
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
			p.learn(name, strings.TrimSpace(value))
			if name == "Stop" {
				ready <- true
			}
		}
		err := p.cmd.Wait()
		ready <- false
		p.exited <- err
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("idp dev ended at its start: %v\n%s", <-p.exited, p.log)
		}
	case <-time.After(startPatience):
		p.cmd.Process.Kill()
		t.Fatalf("idp dev is not ready after %s\n%s", startPatience, p.log)
	}
	return p
}

func (p *process) learn(name, value string) {
	switch name {
	case "Demo":
		p.demo = value
	case "Issuer":
		p.issuer = value
	case "Wallet":
		p.wallet = value
	case "Admin":
		p.admin, _, _ = strings.Cut(value, " ") // and as whom
	case "Data":
		p.dir = value
	}
}

// stop presses Ctrl-C and returns how long it took.
func (p *process) stop() (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	select {
	case err := <-p.exited:
		return time.Since(began), err
	case <-time.After(time.Minute):
		p.cmd.Process.Kill()
		return 0, fmt.Errorf("idp dev does not stop")
	}
}

func (p *process) hosts(t *testing.T) (demo, issuer, wallet, admin string) {
	t.Helper()
	var hosts [4]string
	for i, text := range []string{p.demo, p.issuer, p.wallet, p.admin} {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			t.Fatalf("idp dev named %q", text)
		}
		hosts[i] = u.Hostname()
	}
	return hosts[0], hosts[1], hosts[2], hosts[3]
}
