package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"near-idp/internal/config"
)

// listenOps takes the address of what operators ask; nil if it is off.
func listenOps(cfg *config.Config) (net.Listener, error) {
	if cfg.Listen.Ops == config.OpsOff {
		return nil, nil
	}
	listener, err := net.Listen("tcp", cfg.Listen.Ops)
	if err != nil {
		return nil, fmt.Errorf(`listen.ops: %w; choose another address, or "off"`, err)
	}
	return listener, nil
}

// serveOps answers operators until ctx ends, which is after the last request of the public side:
// the end of a process can be watched.
func (p *provider) serveOps(ctx context.Context) error {
	return serveBeside(ctx, p.server(p.ops()), p.opsListener)
}

// ops is metrics and probes, which need no key, and so nothing else.
func (p *provider) ops() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.metrics.Handler(p.log))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		const patience = 2 * time.Second
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := p.ready.check(ctx); err != nil {
			p.log.Warn("not ready", "err", err)
			answerProbe(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		answerProbe(w, http.StatusOK, "ready")
	})
	return mux
}

func answerProbe(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the caller is gone; there is nobody to tell
}
