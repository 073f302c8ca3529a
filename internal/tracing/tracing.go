// Package tracing records what requests spend their time on, as OpenTelemetry spans, and
// sends them to a collector by OTLP over HTTP. It is the only home of that library.
//
// A span's name and attributes are patterns of routes, names of tables and hosts of the
// configuration or of a client's registration. Nothing that a request holds is among them: no
// path, argument, header or body, and no message of an error, which may quote one. No variable of the
// environment is read for it.
package tracing

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options configures New. All fields but Headers are required.
type Options struct {
	Endpoint string            // the URL that spans are posted to
	Headers  map[string]string // sent along
	Ratio    float64           // of requests that are recorded, 0 to 1, unless a trusted proxy has decided
	Version  string            // of this program
	Log      *slog.Logger
}

// A Tracer records spans. It never makes a request wait: what its queue has no room for is counted.
type Tracer struct {
	spans    trace.Tracer
	provider *sdk.TracerProvider
	queue    *queue
}

// New returns a Tracer that sends what it records until it is closed.
func New(o Options) *Tracer {
	q := newQueue(o)
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Ratio))),
		sdk.WithSpanProcessor(q),
		sdk.WithRawSpanLimits(sdk.SpanLimits{
			AttributeValueLengthLimit: 256, AttributeCountLimit: 16, EventCountLimit: 1, LinkCountLimit: 1,
			AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1,
		}),
	)
	return &Tracer{spans: provider.Tracer(scope), provider: provider, queue: q}
}

// Close sends what is queued, for as long as ctx allows.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// State returns how many spans were taken by the collector, and how many were given up.
func (t *Tracer) State() (exported, dropped uint64) {
	return t.queue.exported.Load(), t.queue.dropped.Load()
}

// Request begins the span of an HTTP request, which goes on the trace that a trusted proxy
// began (W3C Trace Context) and is a trace of its own otherwise. id is that of the trace if it is recorded, else
// empty. The caller calls end with the pattern of the route and the status of the answer.
func (t *Tracer) Request(r *http.Request, trusted bool) (ctx context.Context, id string, end func(route string, status int)) {
	ctx = r.Context()
	if trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := t.spans.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	if span.SpanContext().IsSampled() {
		id = span.SpanContext().TraceID().String()
	}
	return ctx, id, func(route string, status int) {
		if route == "" {
			route = "none"
		}
		span.SetName(route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		finish(span, status >= http.StatusInternalServerError)
	}
}

// Statement begins the span of an SQL statement with this name, in a request that is recorded.
// Elsewhere end is nil, and nothing is allocated.
func (t *Tracer) Statement(ctx context.Context, name string) (_ context.Context, end func(failed bool)) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	ctx, span := t.spans.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
	return ctx, func(failed bool) { finish(span, failed) }
}

// Asked records a question to an RPC provider that has been answered or given up, in a request
// that is recorded. It returns the trace's id if it is.
func (t *Tracer) Asked(ctx context.Context, host, outcome string, began time.Time, took time.Duration) (id string) {
	parent := trace.SpanContextFromContext(ctx)
	if !parent.IsSampled() {
		return ""
	}
	_, span := t.spans.Start(ctx, "rpc", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(attribute.String("server.address", host), attribute.String("outcome", outcome)))
	if outcome != "ok" && outcome != "abandoned" {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(began.Add(took)))
	return parent.TraceID().String()
}

// Transport records requests to addresses that clients name, by their host, and sends no header of
// its own: clients learn nothing of our traces.
func (t *Tracer) Transport(name string, next http.RoundTripper) http.RoundTripper {
	return &transport{t, name, next}
}

type transport struct {
	*Tracer
	name string
	next http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := t.spans.Start(r.Context(), t.name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("server.address", r.URL.Hostname())))
	response, err := t.next.RoundTrip(r)
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	}
	finish(span, err != nil || response.StatusCode >= http.StatusBadRequest)
	return response, err
}

func finish(span trace.Span, failed bool) {
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
