package main

import (
	"context"
	"os"
	"sync"
	"time"

	"near-idp/internal/audit"
	"near-idp/internal/idp"
)

// background keeps memory in step with the database, tells clients of logouts and
// sweeps what expired, until ctx ends.
func (p *provider) background(ctx context.Context) *sync.WaitGroup {
	ctx = idp.WithOrigin(ctx, idp.Origin{}) // nobody's doing
	const (
		sweepEvery  = time.Minute
		sweepSlack  = 5 * time.Second // so that whose turn it was is not a moment too early for the next
		reloadEvery = time.Minute     // a safety net beside the notifications
		usesEvery   = time.Minute
	)
	var group sync.WaitGroup
	group.Go(func() { p.store.Watch(ctx, p.log, func(table string) { p.reload(ctx, table) }) })
	group.Go(func() { p.clients.Run(ctx) })
	group.Go(func() { p.courier.Run(ctx) })
	group.Go(func() { p.logos.Run(ctx) })
	group.Go(func() { p.uses.Run(ctx, usesEvery) })
	group.Go(func() { every(ctx, reloadEvery, func() { p.reload(ctx, "") }) })
	group.Go(func() {
		every(ctx, sweepEvery, func() {
			began := time.Now()
			_, mine, err := p.store.SweepInTurn(ctx, sweepEvery-sweepSlack, p.policies.retention())
			switch {
			case err != nil && ctx.Err() == nil:
				p.log.Warn("what expired is not all deleted; the next turn goes on", "err", err)
			case err == nil && mine:
				p.metrics.Sweeps.Ran(began)
			}
		})
	})
	if p.audit.Log {
		group.Go(func() { audit.WriteLog(ctx, p.store, os.Stderr, p.log) })
	}
	return &group
}

// reload reads again what a change of the table concerns; "" is everything.
func (p *provider) reload(ctx context.Context, table string) {
	if table == "" || table == "logout_outbox" {
		p.courier.Wake()
	}
	if table == "" || table == "clients" {
		p.logos.Wake()
	}
	if table == "" || table == "clients" || table == "client_secrets" || table == "client_logos" {
		p.clients.Wake()
	}
	if table == "" || table == "signing_keys" {
		if err := p.ring.Reload(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("reload signing keys", "err", err)
		}
	}
}

func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}
