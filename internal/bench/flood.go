package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// A flood of authorization requests that nobody signs, while others sign in.
const (
	flooders  = 10                     // addresses, all loopback
	floodRate = 100                    // requests a second of each: ten times what it may
	perMinute = 600                    // what each may (rate_limits.authorize)
	pace      = 250 * time.Millisecond // between the logins of everybody else
	// targetHarm is how many times as long the slowest of a hundred logins may take.
	targetHarm = 2.0
	// targetRoom is by how much memory may grow.
	targetRoom = 32e6
)

// measureFlood floods a provider that limits what one sender may ask for.
func (s *site) measureFlood(ctx context.Context, r *report, o options) error {
	s.say("flood")
	limits := fmt.Sprintf("rate_limits: {authorize: %d/m, verify: %[1]d/m, token: off, par: off, token_failures: off}\n", perMinute)
	p, err := s.freshProvider(ctx, "flooded", setting{limits: limits})
	if err != nil {
		return err
	}
	defer p.stop()
	calm, err := s.others(ctx, p, o.flood)
	if err != nil {
		return err
	}
	if err := p.forgetPeak(); err != nil {
		return err
	}
	memory, err := p.memory()
	if err != nil {
		return err
	}
	before, err := s.rows(ctx, p, "logins")
	if err != nil {
		return err
	}
	flood := s.flood(ctx, p)
	during, err := s.others(ctx, p, o.flood)
	sent, refused, broken := flood()
	if err := errors.Join(err, broken); err != nil {
		return err
	}
	rows, err := s.rows(ctx, p, "logins")
	if err != nil {
		return err
	}
	peak, err := p.peak()
	if err != nil {
		return err
	}
	r.section(fmt.Sprintf("Flood of /authorize by %d addresses, while others sign in", flooders))
	r.line("requests of the flood", "%d in %s, %d of them refused", sent, o.flood, refused)
	// Each address may ask for a minute's worth at once, and then goes on at that rate.
	allowed := flooders*(perMinute+float64(perMinute)*(o.flood.Seconds()+1)/60) + float64(during.logins)
	r.atMost("logins stored meanwhile", float64(rows-before), allowed, "%.0f")
	r.atMost("resident memory, growth at the peak", (peak-memory)/1e6, targetRoom/1e6, "%.1f MB")
	r.line("logins of others, all of which succeeded", "%d before, %d during", calm.logins, during.logins)
	r.line("p50 of their logins", "%.1f ms before, %.1f ms during", milliseconds(quantile(calm.times, 0.5)), milliseconds(quantile(during.times, 0.5)))
	was, is := quantile(calm.times, 0.99), quantile(during.times, 0.99)
	r.line("p99 of their logins", "%.1f ms before, %.1f ms during", milliseconds(was), milliseconds(is))
	r.atMost("p99, times as long", float64(is)/float64(was), targetHarm, "%.2f")
	return nil
}

type others struct {
	logins int
	times  []time.Duration
}

// others sign in at a calm pace. Each login must succeed.
func (s *site) others(ctx context.Context, p *subject, length time.Duration) (o others, err error) {
	t := p.station(s.crowd)
	defer t.wire.close()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for began := time.Now(); time.Since(began) < length || o.logins == 0; o.logins++ {
		start := time.Now()
		if err := t.login(); err != nil {
			return o, err
		}
		o.times = append(o.times, time.Since(start))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return o, context.Cause(ctx)
		}
	}
	return o, nil
}

// flood sends requests from every address until the function that it returns is called.
func (s *site) flood(ctx context.Context, p *subject) (end func() (sent, refused int64, err error)) {
	ctx, stop := context.WithCancel(ctx)
	var sent, refused atomic.Int64
	errs := make([]error, flooders)
	var group sync.WaitGroup
	for i := range flooders {
		group.Go(func() {
			t := p.station(s.crowd)
			defer t.wire.close()
			t.from = net.IPv4(127, 0, 1, byte(i+1))
			ticker := time.NewTicker(time.Second / floodRate)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				switch err := t.abandon(); {
				case err == nil:
				case t.status == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					errs[i] = err
					return
				}
				sent.Add(1)
			}
		})
	}
	return func() (int64, int64, error) {
		stop()
		group.Wait()
		return sent.Load(), refused.Load(), errors.Join(errs...)
	}
}

// rows counts a table of a subject.
func (s *site) rows(ctx context.Context, p *subject, table string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, s.dsn(p.database))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	return n, err
}
