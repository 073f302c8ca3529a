package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

func TestProgramStaysSmall(t *testing.T) {
	t.Parallel()
	const most = 25_000_000
	info, err := os.Stat(trial.Program(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > most {
		t.Errorf("idp has %d bytes, its budget is %d", info.Size(), most)
	}
	t.Logf("idp: %d bytes", info.Size())
}

// What a provider takes that nobody uses: resident memory as the system counts
// it, the program's own pages included.
func TestIdleProviderTakesLittleMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	const most = 35_000_000
	p := newSite(t, pgtest.DSN(t)).serve()
	var memory int64
	// What the start took goes back to the system by and by.
	eventually(t, fmt.Sprintf("an idle idp takes no more than %d bytes", most), 15*time.Second, func() bool {
		memory = residentMemory(t, p.Cmd.Process.Pid)
		return memory <= most
	})
	t.Logf("idle: %d bytes", memory)
}

// residentMemory is VmRSS of proc_pid_status(5).
func residentMemory(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, _, ok := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(kib), 10, 64)
	if err != nil || !ok {
		t.Fatalf("no VmRSS in %s", status)
	}
	return n << 10
}
