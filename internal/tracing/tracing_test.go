package tracing

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func tracer(t *testing.T, endpoint string, ratio float64) *Tracer {
	tr := New(Options{Endpoint: endpoint, Ratio: ratio, Version: "test", Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer done()
		_ = tr.Close(ctx) // nobody is there to take anything
	})
	return tr
}

// What runs in no request that is recorded costs nothing.
func TestNothingIsAllocatedOutsideOfTraces(t *testing.T) {
	tr := tracer(t, "http://127.0.0.1:1", 0)
	ctx, id, end := tr.Request(httptest.NewRequest("GET", "/", nil), false)
	defer end("GET /", 200)
	if id != "" {
		t.Error("recorded, of a ratio of none")
	}
	began := time.Now()
	for name, ctx := range map[string]context.Context{"no request": t.Context(), "a request that is not recorded": ctx} {
		if n := testing.AllocsPerRun(100, func() {
			if _, end := tr.Statement(ctx, "SELECT FROM logins"); end != nil {
				t.Error("recorded")
			}
			tr.Asked(ctx, "rpc.example", "ok", began, time.Second)
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// Only a proxy that is trusted goes on with a trace, and with what it decided.
func TestTraceparentOfStrangersIsIgnored(t *testing.T) {
	tr := tracer(t, "http://127.0.0.1:1", 0)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	for trusted, want := range map[bool]string{true: "4bf92f3577b34da6a3ce929d0e0e4736", false: ""} {
		_, id, end := tr.Request(r, trusted)
		end("GET /", http.StatusOK)
		if id != want {
			t.Errorf("trusted %v: trace %q, want %q", trusted, id, want)
		}
	}
}

// A flood of spans takes a bounded queue, and the rest is counted.
func TestFullQueueDropsAndCounts(t *testing.T) {
	stay := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stay }))
	defer stuck.Close()
	defer close(stay)
	tr := tracer(t, stuck.URL, 1)
	const flood = maxQueue + 4*maxBatch
	began := time.Now()
	for range flood {
		_, _, end := tr.Request(httptest.NewRequest("GET", "/", nil), false)
		end("GET /", http.StatusOK)
	}
	if _, dropped := tr.State(); dropped < flood-maxQueue-2*maxBatch {
		t.Errorf("%d of %d spans are dropped", dropped, flood)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("%d requests took %s while the collector hangs", flood, took)
	}
}

// A library's spans may say anything.
func TestAttributesOfLibrariesAreNotSent(t *testing.T) {
	sent := make(chan string, 1)
	to := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- string(body)
	}))
	defer to.Close()
	tr := New(Options{Endpoint: to.URL, Ratio: 1, Version: "test", Log: slog.New(slog.DiscardHandler)})
	ctx, _, end := tr.Request(httptest.NewRequest("GET", "/", nil), false)
	_, theirs := trace.SpanFromContext(ctx).TracerProvider().Tracer("a library").Start(ctx, "their step")
	theirs.SetAttributes(attribute.String("client_secret", "hunter2"))
	theirs.RecordError(errors.New("hunter2 is wrong"))
	theirs.SetStatus(codes.Error, "hunter2")
	theirs.End()
	end("GET /", http.StatusOK)
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := <-sent
	if strings.Contains(body, "hunter2") || !strings.Contains(body, "their step") || !strings.Contains(body, `"http.route"`) {
		t.Error(body)
	}
}
