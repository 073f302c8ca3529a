package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A load is so many people signing in at a time, one after the other.
type load struct {
	alg      string // of the ID tokens
	stations int
}

// A result is what came of a load.
type result struct {
	logins  int
	elapsed time.Duration
	cpu     time.Duration   // of the provider
	token   []time.Duration // of each request to the token endpoint
}

// measureLogins plays the loads against one provider, which is left alone
// before and after them to see how much memory it keeps.
func (s *site) measureLogins(ctx context.Context, r *report, o options) error {
	config, err := s.config("load", fmt.Sprintf("url: %q", s.database.DSN()))
	if err != nil {
		return err
	}
	p, err := s.serve(ctx, config)
	if err != nil {
		return err
	}
	defer p.stop()
	fresh, err := p.idle(ctx, o.idle)
	if err != nil {
		return err
	}
	// Connections, statements and code are warm before anything is measured.
	for _, alg := range algorithms {
		if _, err := s.play(ctx, p, load{alg, 8}, o.length/8); err != nil {
			return err
		}
	}
	r.section("Sign-in, authorize to userinfo")
	for _, stations := range []int{1, 8} {
		for _, alg := range algorithms {
			got, err := s.play(ctx, p, load{alg, stations}, o.length)
			if err != nil {
				return err
			}
			got.report(r, load{alg, stations})
		}
	}
	used, err := p.idle(ctx, o.idle)
	if err != nil {
		return err
	}
	r.section("Resident memory of serve, idle, without PostgreSQL")
	r.atMost("after the start", fresh/1e6, 40, "%.1f MB")
	r.atMost("after the logins", used/1e6, 40, "%.1f MB")
	return nil
}

func (r *result) report(to *report, l load) {
	name := fmt.Sprintf("%s, %d at a time: ", l.alg, l.stations)
	to.line(name+"logins a second", "%.1f", float64(r.logins)/r.elapsed.Seconds())
	to.line(name+"CPU of serve per login", "%.0f µs", float64(r.cpu.Microseconds())/float64(r.logins))
	to.line(name+"/token, p50 and p99", "%.2f ms, %.2f ms", milliseconds(quantile(r.token, 0.5)), milliseconds(quantile(r.token, 0.99)))
}

// idle is the memory of a process that has had nothing to do for a while.
func (p *process) idle(ctx context.Context, quiet time.Duration) (float64, error) {
	select {
	case <-time.After(quiet):
		return p.memory()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// play runs a load for a time. Any login that fails is an error.
func (s *site) play(ctx context.Context, p *process, l load, length time.Duration) (*result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, err := p.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	tokens := make([][]time.Duration, l.stations)
	var next atomic.Int64
	var group sync.WaitGroup
	for i := range l.stations {
		group.Go(func() {
			station := s.station(l.alg)
			defer station.close()
			for first := true; ctx.Err() == nil && (first || time.Since(began) < length); first = false {
				took, err := station.signIn(ctx, s.people[next.Add(1)%people])
				if err != nil {
					cancel(err)
					return
				}
				tokens[i] = append(tokens[i], took)
			}
		})
	}
	group.Wait()
	r := &result{elapsed: time.Since(began)}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("%s, %d at a time: %w", l.alg, l.stations, err)
	}
	after, err := p.cpu()
	if err != nil {
		return nil, err
	}
	r.cpu = after - before
	for _, times := range tokens {
		r.token = append(r.token, times...)
	}
	r.logins = len(r.token)
	return r, nil
}
