package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A scenario is one thing that a station does over and over.
type scenario struct {
	name, title string
	prepare     func(*station) error // once for each station; nil: nothing
	do          func(*station) error
}

// figures are what one operation takes, medians of rounds.
type figures struct {
	Rate       float64   `json:"per_second"`
	P50        float64   `json:"p50_ms"`
	P99        float64   `json:"p99_ms"`
	CPU        float64   `json:"cpu_ms"`
	Database   float64   `json:"postgres_cpu_ms"`
	Statements float64   `json:"statements"`
	Commits    float64   `json:"commits"`
	WAL        float64   `json:"wal_bytes"`
	Images     float64   `json:"wal_page_image_bytes"` // of WAL
	Before     float64   `json:"rss_before_mb"`
	Peak       float64   `json:"rss_peak_mb"`
	After      float64   `json:"rss_after_mb"`
	Steps      []float64 `json:"steps_p50_ms,omitempty"` // of a login: authorize, challenge, verify, token, userinfo
}

// A crew are the stations at one subject that work at the same time.
type crew struct {
	*subject
	stations []*station
	rounds   []figures
}

// compare plays a scenario at each subject by turns, in short rounds, so that whatever else the
// machine does meanwhile is shared fairly.
func (s *site) compare(ctx context.Context, sc scenario, stations int, o options, subjects ...*subject) ([]figures, error) {
	s.say("%s, %d at a time", sc.name, stations)
	var crews []*crew
	defer func() {
		for _, c := range crews {
			c.close()
		}
	}()
	for _, sub := range subjects {
		c := &crew{subject: sub}
		crews = append(crews, c)
		for range stations {
			c.stations = append(c.stations, sub.station(s.crowd))
		}
		if err := c.prepare(sc); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", sc.name, sub.name, err)
		}
		if _, err := s.round(ctx, c, sc, o.round/4); err != nil { // caches, statements and the collector are warm
			return nil, err
		}
		if err := c.forgetPeak(); err != nil {
			return nil, err
		}
	}
	for range o.rounds {
		for _, c := range crews {
			f, err := s.round(ctx, c, sc, o.round)
			if err != nil {
				return nil, err
			}
			c.rounds = append(c.rounds, f)
		}
	}
	var all []figures
	for _, c := range crews {
		all = append(all, middle(c.rounds))
	}
	if ours := crews[len(crews)-1]; o.profiles != "" {
		if err := s.profile(ctx, ours, sc, o.profiled, o.profiles); err != nil {
			return nil, fmt.Errorf("profile of %s: %w", sc.name, err)
		}
	}
	return all, nil
}

func (c *crew) close() {
	for _, t := range c.stations {
		t.wire.close()
	}
}

func (c *crew) prepare(sc scenario) error {
	if sc.prepare == nil {
		return nil
	}
	for _, t := range c.stations {
		if err := sc.prepare(t); err != nil {
			return err
		}
	}
	return nil
}

// round is a load for a time. Any operation that fails is an error.
func (s *site) round(ctx context.Context, c *crew, sc scenario, length time.Duration) (f figures, err error) {
	if f.Before, err = c.memory(); err != nil {
		return f, err
	}
	cpu, err := c.cpu()
	if err != nil {
		return f, err
	}
	before, err := s.meter.read(ctx, c.database)
	if err != nil {
		return f, err
	}
	times, steps, elapsed, err := c.work(ctx, sc, length)
	if err != nil {
		return f, fmt.Errorf("%s, %d at a time, %s: %w", sc.name, len(c.stations), c.name, err)
	}
	after, err := s.meter.read(ctx, c.database)
	if err != nil {
		return f, err
	}
	cpuAfter, err := c.cpu()
	if err != nil {
		return f, err
	}
	if f.After, err = c.memory(); err != nil {
		return f, err
	}
	if f.Peak, err = c.peak(); err != nil {
		return f, err
	}
	images, err := s.meter.imagesIn(ctx, before.wal, after.wal)
	if err != nil {
		return f, err
	}
	used, n := after.since(before), float64(len(times))
	f.Rate = n / elapsed.Seconds()
	f.P50, f.P99 = milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.99))
	f.CPU, f.Database = (cpuAfter-cpu).Seconds()*1000/n, used.cpu.Seconds()*1000/n
	f.Statements, f.Commits = float64(used.statements)/n, float64(used.commits)/n
	f.WAL, f.Images = float64(used.wal)/n, float64(images)/n
	for _, size := range []*float64{&f.Before, &f.Peak, &f.After} {
		*size /= 1e6
	}
	for _, step := range steps {
		f.Steps = append(f.Steps, milliseconds(quantile(step, 0.5)))
	}
	return f, nil
}

// work has each station do its operation, at least once, until the time is over.
func (c *crew) work(ctx context.Context, sc scenario, length time.Duration) (times []time.Duration, steps [][]time.Duration, elapsed time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	each := make([][]time.Duration, len(c.stations))
	laps := make([][][5]time.Duration, len(c.stations))
	began := time.Now()
	var group sync.WaitGroup
	for i, t := range c.stations {
		group.Go(func() {
			own, ownLaps := make([]time.Duration, 0, 1<<14), make([][5]time.Duration, 0, 1<<12)
			for start := time.Now(); len(own) == 0 || start.Sub(began) < length; {
				if ctx.Err() != nil {
					return
				}
				t.steps[0] = 0
				if err := sc.do(t); err != nil {
					cancel(err)
					return
				}
				end := time.Now()
				own = append(own, end.Sub(start))
				if t.steps[0] > 0 {
					ownLaps = append(ownLaps, t.steps)
				}
				start = end
			}
			each[i], laps[i] = own, ownLaps
		})
	}
	group.Wait()
	elapsed = time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return nil, nil, 0, err
	}
	times = slices.Concat(each...)
	if all := slices.Concat(laps...); len(all) > 0 {
		steps = make([][]time.Duration, len(all[0]))
		for _, lap := range all {
			for i, took := range lap {
				steps[i] = append(steps[i], took)
			}
		}
	}
	return times, steps, elapsed, nil
}

// middle is the median of each figure; memory counts from the first round to the last.
func middle(rounds []figures) figures {
	median := func(of func(*figures) float64) float64 {
		var values []float64
		for i := range rounds {
			values = append(values, of(&rounds[i]))
		}
		slices.Sort(values)
		n := len(values)
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	m := figures{
		Rate:       median(func(f *figures) float64 { return f.Rate }),
		P50:        median(func(f *figures) float64 { return f.P50 }),
		P99:        median(func(f *figures) float64 { return f.P99 }),
		CPU:        median(func(f *figures) float64 { return f.CPU }),
		Database:   median(func(f *figures) float64 { return f.Database }),
		Statements: median(func(f *figures) float64 { return f.Statements }),
		Commits:    median(func(f *figures) float64 { return f.Commits }),
		WAL:        median(func(f *figures) float64 { return f.WAL }),
		Images:     median(func(f *figures) float64 { return f.Images }),
		Before:     rounds[0].Before,
		Peak:       rounds[len(rounds)-1].Peak,
		After:      rounds[len(rounds)-1].After,
	}
	for i := range rounds[0].Steps {
		m.Steps = append(m.Steps, median(func(f *figures) float64 { return f.Steps[i] }))
	}
	return m
}
