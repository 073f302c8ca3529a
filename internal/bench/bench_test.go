package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A measurement that no longer runs is noticed here and not when somebody
// needs its figures. The figures of so short a run are worth nothing.
func TestEveryFigureIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider and starts it several times")
	}
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "idp")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/idp").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := newSite(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	r := &report{conditions: s.conditions()}
	for _, err := range []error{
		measureSize(r, binary),
		s.measureStarts(t.Context(), r, 1),
		s.measureLogins(t.Context(), r, options{length: time.Millisecond, idle: time.Millisecond}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r.print(&out)
	for _, name := range []string{
		"binary", "with database.url", "with the built-in PostgreSQL", "RS256, 1 at a time: logins a second",
		"ES256, 8 at a time: CPU of serve per login", "ES256, 8 at a time: /token", "after the start", "after the logins",
	} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("no figure %q", name)
		}
	}
	t.Log("\n" + out.String())
}

func TestAnswerThatIsMeasuredVerifies(t *testing.T) {
	t.Parallel()
	if err := newAnswer().parseAndVerify(); err != nil {
		t.Error(err)
	}
}

func TestMissedTargetIsMarked(t *testing.T) {
	t.Parallel()
	r := &report{}
	r.section("Memory")
	r.atMost("small", 40, 40, "%.0f MB")
	r.atMost("large", 41, 40, "%.0f MB")
	r.line("without a target", "%d", 99)
	if got := r.missed(); !slices.Equal(got, []string{"Memory: large"}) {
		t.Errorf("missed = %q", got)
	}
	var out bytes.Buffer
	r.print(&out)
	const want = `
Memory
  small              40 MB   ≤ 40 MB   ok
  large              41 MB   ≤ 40 MB   MISSED
  without a target   99

Targets missed: Memory: large
`
	if out.String() != want {
		t.Errorf("printed %s", out.String())
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	for i := 100; i > 0; i-- {
		times = append(times, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(times, q); got != want {
			t.Errorf("quantile %v = %d, want %d", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of none: %d", got)
	}
}

func TestProcIsReadPastHostileNames(t *testing.T) {
	t.Parallel()
	stat := "4242 (a) b 1 2 3) S 1 4242 4242 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 9 0 100 1000 200"
	if got, err := cpuTime([]byte(stat)); err != nil || got != 3*time.Second {
		t.Errorf("cpuTime = %s, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 2 3", "1 (x) S 1 1 1 0 -1 0 0 0 0 0 x y 0"} {
		if _, err := cpuTime([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if got, err := resident([]byte("Name:\tidp\nVmPeak:\t 9999 kB\nVmRSS:\t   2048 kB\nThreads:\t9\n")); err != nil || got != 2<<20 {
		t.Errorf("resident = %v, %v", got, err)
	}
	if _, err := resident([]byte("Name:\tidp\n")); err == nil {
		t.Error("memory without VmRSS")
	}
}
