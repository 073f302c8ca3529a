package main

import (
	"context"
	"fmt"
	"slices"
)

// A comparison is one scenario at one concurrency, played by every subject. The
// last subject is the one that is judged; its ratios are to base.
type comparison struct {
	Scenario    string    `json:"scenario"`
	Title       string    `json:"title"`
	Concurrency int       `json:"concurrency"`
	Rounds      int       `json:"rounds"`
	Subjects    []string  `json:"subjects"`
	Figures     []figures `json:"figures"`
	Base        int       `json:"base"` // index of the subject that the ratios are to
	Ratio       figures   `json:"ratio"`
	grows       bool      // of the same program, with much stored
}

// The targets: a share of the floor's rate, and what a login may cost.
const (
	targetRate = 0.8
	targetCPU  = 0.6  // ms
	targetWAL  = 2048 // bytes
)

const rsaSubject = "idp, RS256"

var targeted = []string{"login", "refresh", "introspect", "userinfo"}

// metrics are the rows of a comparison.
var metrics = []struct {
	name, format string
	of           func(*figures) *float64
}{
	{"per second", "%.0f", func(f *figures) *float64 { return &f.Rate }},
	{"p50, ms", "%.2f", func(f *figures) *float64 { return &f.P50 }},
	{"p99, ms", "%.2f", func(f *figures) *float64 { return &f.P99 }},
	{"CPU of the server, ms", "%.3f", func(f *figures) *float64 { return &f.CPU }},
	{"CPU of PostgreSQL, ms", "%.3f", func(f *figures) *float64 { return &f.Database }},
	{"statements", "%.2f", func(f *figures) *float64 { return &f.Statements }},
	{"commits that write", "%.2f", func(f *figures) *float64 { return &f.Commits }},
	{"WAL, bytes", "%.0f", func(f *figures) *float64 { return &f.WAL }},
	{"of it page images", "%.0f", func(f *figures) *float64 { return &f.Images }},
	{"RSS before, MB", "%.1f", func(f *figures) *float64 { return &f.Before }},
	{"RSS peak, MB", "%.1f", func(f *figures) *float64 { return &f.Peak }},
	{"RSS after, MB", "%.1f", func(f *figures) *float64 { return &f.After }},
}

// measureScenarios compares the floor with the provider in each scenario.
func (s *site) measureScenarios(ctx context.Context, r *report, o options) error {
	floor, err := s.startFloor(ctx, "floor", false)
	if err != nil {
		return err
	}
	defer floor.stop()
	asking, err := s.startFloor(ctx, "floor+RPC", true)
	if err != nil {
		return err
	}
	defer asking.stop()
	database, err := s.createDatabase(ctx, "idp")
	if err != nil {
		return err
	}
	ours, err := s.startProvider(ctx, "idp", database, setting{})
	if err != nil {
		return err
	}
	defer ours.stop()
	rsa := s.with(ours, rsaSubject, clientID("RS256"))
	if err := s.meter.checkpoint(ctx); err != nil {
		return err
	}
	for _, sc := range scenarios {
		if !o.wants(sc.name) {
			continue
		}
		subjects, base := []*subject{floor, ours}, 0
		switch sc.name {
		case "login":
			subjects, base = []*subject{floor, asking, rsa, ours}, 1
		case "refresh":
			subjects = []*subject{floor, rsa, ours}
		}
		for _, stations := range o.concurrency {
			all, err := s.compare(ctx, sc, stations, o, subjects...)
			if err != nil {
				return err
			}
			c := comparison{Scenario: sc.name, Title: sc.title, Concurrency: stations, Rounds: o.rounds, Figures: all, Base: base}
			for _, sub := range subjects {
				c.Subjects = append(c.Subjects, sub.name)
			}
			r.compare(c)
		}
	}
	return r.compareRSA()
}

// compare adds a comparison, with its targets.
func (r *report) compare(c comparison) {
	ours, base := c.Figures[len(c.Figures)-1], c.Figures[c.Base]
	r.section(fmt.Sprintf("%s, %d at a time", c.Title, c.Concurrency))
	heads := append(slices.Clone(c.Subjects), "ratio to "+c.Subjects[c.Base])
	r.rows = append(r.rows, row{name: "  ", cells: heads})
	for _, m := range metrics {
		cells := make([]string, 0, len(heads))
		for i := range c.Figures {
			cells = append(cells, fmt.Sprintf(m.format, *m.of(&c.Figures[i])))
		}
		*m.of(&c.Ratio) = ratio(*m.of(&ours), *m.of(&base))
		line := row{name: "  " + m.name, cells: append(cells, fmt.Sprintf("%.2f", *m.of(&c.Ratio)))}
		switch {
		case m.name == "per second" && slices.Contains(targeted, c.Scenario):
			line.judge(c.Ratio.Rate >= targetRate, "≥ %.1f", targetRate)
		case m.name == "CPU of the server, ms" && c.Scenario == "login":
			line.judge(ours.CPU <= targetCPU, "≤ %.1f ms", targetCPU)
		case m.name == "WAL, bytes" && c.Scenario == "login":
			line.judge(ours.WAL <= targetWAL, "≤ %.0f", targetWAL)
		}
		r.rows = append(r.rows, line)
	}
	if c.grows {
		more := ratio(ours.CPU+ours.Database, base.CPU+base.Database)
		line := row{name: "  CPU of both", cells: append(make([]string, len(c.Figures)), fmt.Sprintf("%.2f", more))}
		for i, f := range c.Figures {
			line.cells[i] = fmt.Sprintf("%.3f", f.CPU+f.Database)
		}
		line.judge(more <= targetGrowth, "≤ %.1f", targetGrowth)
		r.rows = append(r.rows, line)
	}
	if len(ours.Steps) > 0 {
		for i, step := range []string{"authorize", "challenge", "verify", "token", "userinfo"} {
			cells := make([]string, 0, len(heads))
			for _, f := range c.Figures {
				cells = append(cells, fmt.Sprintf("%.2f", f.Steps[i]))
			}
			r.rows = append(r.rows, row{name: "    p50 of " + step + ", ms", cells: append(cells, fmt.Sprintf("%.2f", ratio(ours.Steps[i], base.Steps[i])))})
		}
	}
	r.Comparisons = append(r.Comparisons, c)
}

// ratio is 0 where there is nothing to compare with.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
