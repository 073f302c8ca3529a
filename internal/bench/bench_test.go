package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
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
	o := options{concurrency: []int{2}, rounds: 1, round: 4 * time.Millisecond, flood: time.Second, amounts: amounts{20, 500, 50}}
	for _, err := range []error{
		measureSize(r, binary),
		s.measureStarts(t.Context(), r, 1),
		s.measureIdle(t.Context(), r, time.Millisecond),
		s.measureScenarios(t.Context(), r, o),
		s.measurePending(t.Context(), r, o),
		s.measureLarge(t.Context(), r, o),
		s.measureFlood(t.Context(), r, o),
		s.soak(t.Context(), r, options{soak: 2 * time.Second, rate: 1000}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r.print(&out)
	for _, name := range []string{"binary", "with database.url", "with the built-in PostgreSQL", "idle after the start", "p50 of verify, ms", "times what the signature costs more",
		"resident memory, idle", "resident memory, growth at the peak", "p99, times as long", "memory in the end"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("no figure %q", name)
		}
	}
	for i, sc := range scenarios {
		if c := r.Comparisons[i]; c.Scenario != sc.name || slices.ContainsFunc(c.Figures, func(f figures) bool { return f.Rate == 0 }) {
			t.Errorf("%s: %+v", sc.name, c)
		}
	}
	// What does not vary is what is counted.
	login, refresh := r.Comparisons[0], r.Comparisons[3]
	if f := login.Figures[0]; s.meter.statements && f.Statements != 3 || f.Commits != 3 {
		t.Errorf("the floor's login takes %v statements and %v commits, not 3", f.Statements, f.Commits)
	}
	if f := refresh.Figures[0]; s.meter.statements && f.Statements != 1 || f.Commits != 1 {
		t.Errorf("the floor's refresh takes %v statements and %v commits, not 1", f.Statements, f.Commits)
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

Targets missed:
  Memory: large
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
	if got, err := cpuTime([]byte(stat), true); err != nil || got != 3140*time.Millisecond {
		t.Errorf("with ended children %s, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 2 3", "1 (x) S 1 1 1 0 -1 0 0 0 0 0 x y 0"} {
		if _, err := cpuTime([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if got, err := resident([]byte("Name:\tidp\nVmPeak:\t 9999 kB\nVmRSS:\t   2048 kB\nThreads:\t9\n"), "VmRSS:"); err != nil || got != 2<<20 {
		t.Errorf("resident = %v, %v", got, err)
	}
	if _, err := resident([]byte("Name:\tidp\n"), "VmRSS:"); err == nil {
		t.Error("memory without VmRSS")
	}
}

func TestMemberOfAnAnswer(t *testing.T) {
	t.Parallel()
	body := []byte(`{"redirect_to":"https://app/cb?code=a\u0026state=nonce","nonce":"AAA=","n":5,"state":""}`)
	for name, want := range map[string]string{"redirect_to": "https://app/cb?code=a&state=nonce", "nonce": "AAA=", "state": "", "absent": ""} {
		if got := plain(member(body, name)); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestPlateauIsOfTheLastTwoQuarters(t *testing.T) {
	t.Parallel()
	var moments []moment
	for i, n := range []int64{1, 900, 40, 50, 60, 40} { // of 6 seconds
		moments = append(moments, moment{at: time.Duration(i) * time.Second, size: n}) // the last quarter begins at 4.5 s
	}
	if got := plateau(moments, 6*time.Second, func(i int) float64 { return float64(moments[i].size) }); got != 40.0/60 {
		t.Errorf("plateau = %v", got)
	}
}

func TestMedianOfRounds(t *testing.T) {
	t.Parallel()
	got := middle([]figures{{Rate: 9, Before: 1, Peak: 5, After: 2}, {Rate: 1, Before: 3, Peak: 6, After: 4}, {Rate: 2, Before: 4, Peak: 7, After: 5}})
	if got.Rate != 2 || got.Before != 1 || got.Peak != 7 || got.After != 5 {
		t.Errorf("middle = %+v", got)
	}
}

func TestWireReadsWhatServersSend(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long": // has no length
			io.WriteString(w, long[:5000])
			w.(http.Flusher).Flush()
			io.WriteString(w, long[5000:])
		case "/away":
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "b", MaxAge: -1})
			w.Header().Set("Connection", "close")
			http.Redirect(w, r, "/there", http.StatusSeeOther)
		}
	}))
	t.Cleanup(server.Close)
	w := wire{address: strings.TrimPrefix(server.URL, "http://"), cookies: jar{{"b", "2"}, {"a", "0"}}}
	t.Cleanup(w.close)
	if err := w.expect(200, []byte("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil || string(w.body) != long {
		t.Errorf("%v, %d bytes", err, len(w.body))
	}
	if err := w.expect(303, []byte("GET /away HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil || string(w.location) != "/there" || w.conn != nil {
		t.Errorf("%v, %q", err, w.location)
	}
	if !slices.Equal(w.cookies, jar{{"a", "1"}}) {
		t.Errorf("cookies %v", w.cookies)
	}
	if err := w.expect(200, []byte("GET /away HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
		t.Error("another status than expected was taken")
	}
}

// A soak tells a table that is not swept from traffic that grows, as it does when the machine gets more room.
func TestSoakTellsLeaksFromTraffic(t *testing.T) {
	const length, every = 20 * time.Minute, 10 * time.Second
	run := func(rate func(at time.Duration) float64, swept bool) (rows, size float64) {
		k, logins, room := &soak{}, 0.0, 0.0
		for at := time.Duration(0); at <= length; at += every {
			logins += rate(at) * every.Seconds()
			n := logins
			if swept {
				n = rate(at) * 90
			}
			room = max(room, 1000*n)
			k.moments = append(k.moments, moment{at: at, logins: int64(logins), rows: map[string]int64{"logins": int64(n)}, size: int64(room)})
		}
		return plateau(k.moments, length, func(i int) float64 { return k.perLogin(i, "logins") }), plateau(k.moments, length, k.perRow)
	}
	steady := func(time.Duration) float64 { return 100 }
	grows := func(at time.Duration) float64 { return 100 + at.Minutes()*20 }
	wanes := func(at time.Duration) float64 { return 500 - at.Minutes()*20 }
	for name, rate := range map[string]func(time.Duration) float64{"steady": steady, "more and more": grows, "less and less": wanes} {
		for _, swept := range []bool{true, false} {
			if rows, size := run(rate, swept); rows <= targetRows != swept || size > targetRows {
				t.Errorf("%s, swept: %v: %.2f times the rows for each login, %.2f times the bytes for each row", name, swept, rows, size)
			}
		}
	}
}
