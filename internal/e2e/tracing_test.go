package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// A collector takes spans as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	text  bytes.Buffer // everything that came, headers included
	spans []spanSeen
}

type spanSeen struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentSpanId"`
	Name     string
	Kind     int
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var sent struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []spanSeen }
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.text.Write(body)
		if err := json.Unmarshal(body, &sent); err != nil || r.Header.Get("X-Key") != "key-of-the-collector" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) all() (string, []spanSeen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String(), c.spans
}

// traceTo has a site send all of its traces there.
func (s *site) traceTo(endpoint string) {
	s.ops = fmt.Sprintf("127.0.0.1:%d", freePort(s))
	s.more = fmt.Sprintf("tracing: {endpoint: %q, sample_ratio: 1, headers: {X-Key: key-of-the-collector}}\n", endpoint)
}

// Neither metrics nor traces hold anything of a login that its owner would not publish.
func TestTracesAndMetricsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	to := newCollector(t)
	s := newSite(t, pgtest.DSN(t))
	s.traceTo(to.URL + "/v1/traces")
	p := s.serve()
	b := &counting{ids: map[string]reply{}}
	found := secrets{}
	found.add("client secret", clientSecret)
	found.add("encryption key", encryptionKey)
	found.add("account", p.alice.AccountID)
	found.add("public key", p.alice.PublicKey())
	found.add("key of the collector", "key-of-the-collector")
	for i, use := range []func(secrets){b.succeed, b.fail, b.embedded} {
		b.browser = p.browser()
		use(found)
		for _, cookie := range b.cookies() {
			found.add(fmt.Sprintf("cookie %s of browser %d", cookie.Name, i), cookie.Value)
		}
	}
	metrics := p.browser().send("GET", "http://"+p.ops+"/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0").body
	p.Stop() // which sends the last spans
	traces, spans := to.all()
	for name, value := range found {
		if strings.Contains(traces, value) || strings.Contains(metrics, value) {
			t.Errorf("what is told holds the %s: %q", name, value)
		}
	}
	if !strings.Contains(metrics, `# {trace_id="`) {
		t.Error("no duration leads to its trace")
	}
	checkTraces(t, spans, p.Written.String())
}

// checkTraces demands that requests contain their statements and questions, and that the log leads to them.
func checkTraces(t *testing.T, spans []spanSeen, log string) {
	t.Helper()
	parents, names := map[string]spanSeen{}, map[string]int{}
	for _, s := range spans {
		parents[s.SpanID] = s
	}
	for _, s := range spans {
		parent := parents[s.ParentID]
		names[parent.Name+" > "+s.Name]++
		if s.ParentID == "" && !strings.Contains(log, `"trace_id":"`+s.TraceID+`"`) {
			t.Errorf("no line of the log leads to the trace of %s", s.Name)
		}
		if s.ParentID != "" && parent.TraceID != s.TraceID {
			t.Errorf("%s is in another trace than its parent", s.Name)
		}
	}
	for _, want := range []string{" > GET /authorize", "GET /authorize > INSERT INTO logins", "POST /login/{id}/verify > rpc", "Fosite.NewAccessRequest > UPDATE logins", " > none"} {
		if names[want] == 0 {
			t.Errorf("no span %q among %v", want, names)
		}
	}
}

// A stranger chooses no trace, and a collector that hangs or is away delays nobody.
func TestTracingHoldsUpNobody(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer stuck.Close()
	defer close(hang)
	s := newSite(t, pgtest.DSN(t))
	s.traceTo(stuck.URL)
	p := s.serve()
	const chosen = "4bf92f3577b34da6a3ce929d0e0e4736"
	p.browser().send("GET", "/healthz", "", "Traceparent", "00-"+chosen+"-00f067aa0ba902b7-01")
	began := time.Now()
	p.signIn("rs256", "openid")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("a login takes %s while the collector hangs", took)
	}
	eventually(t, "spans are given up and counted", 20*time.Second, func() bool {
		return p.scrape()[`idp_trace_spans_total{result="dropped"}`] > 0
	})
	if strings.Contains(p.Written.String(), chosen) {
		t.Error("a stranger's trace id is in the log")
	}
	p.Stop()
}
