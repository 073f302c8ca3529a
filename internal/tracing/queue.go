package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	maxQueue   = 4096 // spans that wait for the collector
	maxBatch   = 512
	batchEvery = 2 * time.Second
	patience   = 5 * time.Second // with the collector
	tellEvery  = time.Minute     // how often its failure is told
)

// A queue sends spans in batches. While the collector is away they are dropped and counted:
// what it would get later is of no use to whoever looks for a fault now.
type queue struct {
	endpoint string
	headers  map[string]string
	version  string
	log      *slog.Logger
	client   *http.Client

	spans             chan sdk.ReadOnlySpan
	stop, stopped     chan struct{}
	exported, dropped atomic.Uint64
	told              time.Time // when a failure was last told
}

func newQueue(o Options) *queue {
	q := &queue{
		endpoint: o.Endpoint, headers: o.Headers, version: o.Version, log: o.Log,
		client: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		spans:  make(chan sdk.ReadOnlySpan, maxQueue), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go q.run()
	return q
}

// OnStart is nobody's business.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd queues a span, or drops it if there is no room.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	select {
	case q.spans <- s:
	default:
		q.dropped.Add(1)
	}
}

// ForceFlush is not needed by anybody here.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown sends what is queued.
func (q *queue) Shutdown(ctx context.Context) error {
	close(q.stop)
	select {
	case <-q.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("spans that the collector has not taken are lost: %w", ctx.Err())
	}
}

func (q *queue) run() {
	defer close(q.stopped)
	ticker := time.NewTicker(batchEvery)
	defer ticker.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, maxBatch)
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) < maxBatch {
				continue
			}
		case <-ticker.C:
		case <-q.stop:
			q.drain(batch)
			return
		}
		q.send(batch)
		batch = batch[:0]
	}
}

// drain sends the last batches.
func (q *queue) drain(batch []sdk.ReadOnlySpan) {
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == maxBatch {
				q.send(batch)
				batch = batch[:0]
			}
		default:
			q.send(batch)
			return
		}
	}
}

func (q *queue) send(batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	if err := q.post(batch); err != nil {
		q.dropped.Add(uint64(len(batch)))
		if now := time.Now(); now.Sub(q.told) >= tellEvery {
			q.told = now
			q.log.Warn("tracing.endpoint does not take spans; they are dropped", "dropped", q.dropped.Load(), "err", err)
		}
		return
	}
	q.exported.Add(uint64(len(batch)))
}

func (q *queue) post(batch []sdk.ReadOnlySpan) error {
	body, err := encode(q.version, batch)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, q.endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the endpoint cannot be requested")
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range q.headers {
		request.Header.Set(name, value)
	}
	response, err := q.client.Do(request)
	if wrapped, ok := err.(*url.Error); ok {
		return wrapped.Err // without the URL, which may hold a key
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("HTTP %d", response.StatusCode)
	}
	return nil
}
