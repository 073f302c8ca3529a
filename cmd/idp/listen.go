package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"near-idp/internal/limit"
	"near-idp/internal/postgres"
	"near-idp/internal/systemd"
	"near-idp/internal/web"
)

// shutdownGrace is how long requests under way have once nothing more is accepted.
const shutdownGrace = 10 * time.Second

// A readiness is whether requests should be sent to this process.
type readiness struct {
	store    *postgres.Store
	stopping atomic.Bool
}

func (r *readiness) check(ctx context.Context) error {
	if r.stopping.Load() {
		return web.ErrStopping
	}
	return r.store.Ping(ctx)
}

// partings ends each connection with its next answer once the process is stopping, so that
// none is cut while a proxy puts a request on it (RFC 9112 section 9.6, RFC 9113 section 6.8).
func (r *readiness) partings(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, req)
	})
}

// serve answers requests until ctx ends, and then lets those under way finish. What runs beside
// them, such as following changes of clients and keys, ends after the last of them.
func (p *provider) serve(ctx context.Context, listener net.Listener) error {
	// What is refused until the last request is answered is taken down.
	recording, recorded := context.WithCancel(context.WithoutCancel(ctx))
	var recorder sync.WaitGroup
	recorder.Go(func() { p.refusals.Run(recording) })
	defer recorder.Wait()
	defer recorded()
	work, ended := context.WithCancel(context.WithoutCancel(ctx))
	background := p.background(work)
	defer background.Wait()
	defer ended()
	if p.follower != nil {
		background.Go(func() { p.follower.follow(work, configCheck) })
	}
	failed := make(chan error, 3)
	open, endAdmin := context.WithCancel(work)
	defer endAdmin()
	if p.adminListener != nil {
		background.Go(func() {
			if err := p.serveAdmin(open, p.adminListener); err != nil {
				failed <- err
			}
		})
	}
	if p.opsListener != nil {
		background.Go(func() {
			if err := p.serveOps(work); err != nil {
				failed <- err
			}
		})
	}
	server := p.unguarded(p.ready.partings(p.handler))
	if p.connections != nil {
		p.connections.Guard(server)
	}
	if p.certificate == nil {
		go func() { failed <- server.Serve(listener) }()
	} else {
		server.TLSConfig = p.certificate.tlsConfig()
		background.Go(func() { p.certificate.follow(work, certificateCheck) })
		go func() { failed <- server.ServeTLS(listener, "", "") }()
	}
	p.herald.tell("Serving "+p.issuer, systemd.Ready)
	background.Go(func() { p.attend(work) })
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	p.drain(failed)
	p.herald.tell("Shutting down: waiting for the last requests")
	p.log.Info("shutting down", "grace", shutdownGrace.String())
	endAdmin()
	grace, done := context.WithTimeout(work, shutdownGrace)
	defer done()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w: requests were cut off after %s", err, shutdownGrace), server.Close())
	}
	return nil
}

// drain keeps answering, and says that nothing more should be sent, for listen.drain.
func (p *provider) drain(failed <-chan error) {
	p.ready.stopping.Store(true)
	patience := p.policies.drain()
	p.herald.tell("Shutting down: answering on for "+patience.String(), systemd.Stopping)
	if patience == 0 {
		return
	}
	p.log.Info("draining", "for", patience.String())
	select {
	case err := <-failed:
		p.log.Error("draining ended early", "err", err)
	case <-time.After(patience):
	}
}

// server is one beside the public side.
func (p *provider) server(handler http.Handler) *http.Server {
	server := p.unguarded(handler)
	(&limit.Connections{Total: besideTotal, PerSender: besidePerSender}).Guard(server)
	return server
}

// maxStreams bounds the requests under way on one HTTP/2 connection (RFC 9113 section 5.1.2).
const maxStreams = 100

// unguarded bounds what one connection may cost, and not how many there are: whoever sends slowly, or nothing, is
// cut off, TLS handshake included.
func (p *provider) unguarded(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10, // a state of 4 KiB, escaped, and cookies
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	closeOnShutdown(server)
	return server
}
