package ha

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// programs builds idp and toxiproxy, which stands for the network to the database. The idp is
// the one that ships but for its wall clock, which a file sets: the package time of its build is
// replaced, since no system lets one process alone have a wrong clock.
func programs(t *testing.T) (provider, toxiproxy string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	build := func(out string, args ...string) string {
		cmd := exec.Command("go", append([]string{"build", "-o", filepath.Join(dir, out)}, args...)...)
		cmd.Dir = root
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, text)
		}
		return filepath.Join(dir, out)
	}
	toxiproxy = build("toxiproxy", "-modfile=internal/tools/go.mod", "github.com/Shopify/toxiproxy/v2/cmd/server")
	return build("idp", "-overlay", overlay(t, dir, root), "./cmd/idp"), toxiproxy
}

// overlay names the files that take the place of others in a build.
func overlay(t *testing.T, dir, root string) string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	clock := filepath.Join(strings.TrimSpace(string(goroot)), "src/time/time.go")
	text, err := os.ReadFile(clock)
	if err != nil {
		t.Fatal(err)
	}
	const reads = "\tsec, nsec, mono := runtimeNow()\n"
	patched := string(text)
	at := strings.Index(patched, "func Now() Time {\n"+reads)
	if at < 0 {
		t.Fatalf("time.Now of %s is not written as it was in Go 1.26: follow it here", runtime.Version())
	}
	at += len("func Now() Time {\n" + reads)
	patched = patched[:at] + "\tsec += harnessOffset.Load()\n" + patched[at:] + `
var harnessOffset atomic.Int64

// SetHarnessOffset sets the wall clock off.
func SetHarnessOffset(seconds int64) { harnessOffset.Store(seconds) }
`
	patched = strings.Replace(patched, "import (\n", "import (\n\t\"sync/atomic\"\n", 1)
	replaced := filepath.Join(dir, "time.go")
	if err := os.WriteFile(replaced, []byte(patched), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("testdata/clock.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {
		clock: replaced, filepath.Join(root, "cmd/idp/clock_harness.go"): here,
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
