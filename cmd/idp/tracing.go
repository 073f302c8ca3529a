package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/postgres"
	"near-idp/internal/tracing"

	"github.com/jackc/pgx/v5"
)

// traceGrace is how long the collector may take for the last spans.
const traceGrace = 3 * time.Second

// newTracer returns what records traces; nil if nothing is to be recorded.
func newTracer(cfg *config.Config, log *slog.Logger) *tracing.Tracer {
	if cfg.Tracing.Endpoint == "" {
		return nil
	}
	headers := map[string]string{}
	for name, value := range cfg.Tracing.Headers {
		headers[name] = string(value)
	}
	return tracing.New(tracing.Options{
		Endpoint: cfg.Tracing.Endpoint, Headers: headers, Ratio: float64(cfg.Tracing.SampleRatio), Version: version, Log: log,
	})
}

// closeTracer sends the last spans.
func closeTracer(t *tracing.Tracer, log *slog.Logger) {
	if t == nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), traceGrace)
	defer done()
	if err := t.Close(ctx); err != nil {
		log.Warn("tracing", "err", err)
	}
}

// statementTracer is for the store; nil records nothing, at no cost.
func statementTracer(t *tracing.Tracer) pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return postgres.Traced(t.Statement)
}

// requestTracer is for the public side.
func requestTracer(t *tracing.Tracer) func(r *http.Request, trusted bool) (context.Context, string, func(string, int)) {
	if t == nil {
		return nil
	}
	return t.Request
}

// traced is client with its requests recorded.
func traced(t *tracing.Tracer, name string, client *http.Client) *http.Client {
	if t != nil {
		client.Transport = t.Transport(name, client.Transport)
	}
	return client
}
