package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"near-idp/internal/systemd"
)

// healthCheck is how often the service manager is told how the provider is, at the least.
const healthCheck = 10 * time.Second

// A herald tells the service manager how the provider is. A nil herald tells nobody.
type herald struct {
	manager *systemd.Manager
	log     *slog.Logger

	mu     sync.Mutex
	status string // as it was told last
}

// tell sends states, and what `systemctl status` shows if that changed.
func (h *herald) tell(status string, states ...string) {
	if h == nil || h.manager == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if status != "" && status != h.status {
		h.status = status
		states = append(states, systemd.Status(status))
	}
	if len(states) == 0 {
		return
	}
	if err := h.manager.Tell(states...); err != nil {
		h.log.Warn("service manager", "err", err)
	}
}

// attend proves again and again that the provider answers, and tells the service manager, until
// ctx ends. What it depends on is no part of the proof, since a restart brings nothing of that
// back; and it makes no connection, so that whoever uses up all of them cannot have the provider ended.
func (p *provider) attend(ctx context.Context) {
	if p.herald == nil || p.herald.manager == nil {
		return
	}
	interval := healthCheck
	if watchdog := p.herald.manager.Watchdog; watchdog > 0 {
		interval = min(interval, watchdog/3)
	}
	every(ctx, interval, func() {
		bounded, done := context.WithTimeout(ctx, interval)
		defer done()
		if err := p.answers(bounded); err == nil {
			p.herald.tell("", systemd.Alive)
		} else if ctx.Err() == nil {
			p.log.Error("the provider does not answer itself", "err", err)
		}
		p.herald.tell(p.state(bounded))
	})
}

// answers asks the provider whether it lives, through all that a request passes.
func (p *provider) answers(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/healthz", nil)
	if err != nil {
		return fmt.Errorf("healthz: %w", err)
	}
	r.RemoteAddr = "127.0.0.1:0"
	answered := make(chan int, 1)
	go func() {
		w := &unread{header: http.Header{}}
		p.handler.ServeHTTP(w, r)
		answered <- w.status
	}()
	select {
	case status := <-answered:
		if status != http.StatusOK {
			return fmt.Errorf("healthz: status %d", status)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("healthz: no answer: %w", ctx.Err())
	}
}

// state is the provider in one line, for `systemctl status`.
func (p *provider) state(ctx context.Context) string {
	if p.ready.stopping.Load() {
		return "" // whoever stops it says so
	}
	text := "Serving " + p.issuer
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	if p.store.Ping(ctx) != nil {
		text += "; the database does not answer, so people are asked to come back"
	}
	if p.follower != nil {
		if problem := p.follower.problem.Load(); problem != nil {
			text += "; the changed configuration is not in force: " + *problem
		} else if keys := p.follower.restart.Load(); keys != nil {
			text += "; restart to apply " + *keys
		}
	}
	if p.certificate != nil {
		if problem := p.certificate.problem.Load(); problem != nil {
			text += "; the new certificate is not used: " + *problem
		}
	}
	return text
}

// An unread answer is one of which the status alone matters.
type unread struct {
	header http.Header
	status int
}

func (u *unread) Header() http.Header { return u.header }

func (u *unread) WriteHeader(status int) {
	if u.status == 0 {
		u.status = status
	}
}

func (u *unread) Write(b []byte) (int, error) {
	u.WriteHeader(http.StatusOK)
	return len(b), nil
}
