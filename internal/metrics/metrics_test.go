package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// countLogin is everything that the requests of one login count, several times over.
func countLogin(public *Listener, logins *Logins) {
	for _, step := range Steps {
		public.Request("POST /token", "POST", 200, 3*time.Millisecond, "")
		logins.Step(step)
	}
	logins.Verified("meteor")
	logins.Refused("bad_signature", "other")
	logins.ProtocolError("token", "invalid_grant")
	logins.Limited("token")
}

// Counting is on the way of every request.
func TestCountingAllocatesNothing(t *testing.T) {
	s := New("test")
	public := s.Listener("public")
	countLogin(public, s.Logins)
	if n := testing.AllocsPerRun(100, func() { countLogin(public, s.Logins) }); n != 0 {
		t.Errorf("counting a login allocates %v times", n)
	}
}

func BenchmarkCountRequest(b *testing.B) {
	public := New("test").Listener("public")
	b.ReportAllocs()
	for b.Loop() {
		public.Request("POST /token", "POST", 200, 3*time.Millisecond, "")
	}
}

func BenchmarkCountLogin(b *testing.B) {
	s := New("test")
	public := s.Listener("public")
	b.ReportAllocs()
	for b.Loop() {
		countLogin(public, s.Logins)
	}
}

// A label that strangers choose by mistake of ours must not fill the memory.
func TestSeriesOfOneMetricAreBounded(t *testing.T) {
	s := New("test")
	for i := range 3 * maxChildren {
		s.Logins.Refused(fmt.Sprint("reason ", i), "none")
		s.Logins.Verified(fmt.Sprint("wallet ", i))
	}
	for _, name := range []string{"idp_login_refusals_total", "idp_login_verified_total"} {
		n, err := testutil.GatherAndCount(s.registry, name)
		if err != nil || n > maxChildren+1 {
			t.Errorf("%d series of %s, %v", n, name, err)
		}
	}
}

// Names, units and help as Prometheus wants them.
func TestNamesFollowTheConventions(t *testing.T) {
	s := New("test")
	countLogin(s.Listener("public"), s.Logins)
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A slow request leads to its trace, for who asks for OpenMetrics.
func TestDurationsLeadToTraces(t *testing.T) {
	s := New("test")
	const trace = "0123456789abcdef0123456789abcdef"
	s.Listener("public").Request("POST /token", "POST", 200, time.Second, trace)
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	s.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	if !strings.Contains(string(body), `# {trace_id="`+trace+`"} 1.0`) || !strings.HasSuffix(string(body), "# EOF\n") {
		t.Errorf("no exemplar:\n%s", body)
	}
}
