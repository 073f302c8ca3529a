package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// measureStarts starts the provider several times over a database that has its
// schema, and so also finds how much memory it takes with nothing to do.
func (s *site) measureStarts(ctx context.Context, r *report, times int) error {
	s.say("starts")
	database, err := s.createDatabase(ctx, "start")
	if err != nil {
		return err
	}
	r.section("Start of serve until /readyz answers, existing database")
	for _, way := range []struct{ name, database string }{
		{"with database.url", fmt.Sprintf("url: %q", s.dsn(database))},
		{"with the built-in PostgreSQL", fmt.Sprintf("data_dir: %q", filepath.Join(s.dir, "built-in"))},
	} {
		port, err := freePort()
		if err != nil {
			return err
		}
		issuer := "http://localhost:" + port
		config, err := s.config("start", issuer, way.database, setting{})
		if err != nil {
			return err
		}
		var took []time.Duration
		for i := range 1 + times {
			p, err := s.launch(ctx, issuer, s.binary, "serve", "--config", config)
			if err != nil {
				return err
			}
			if i > 0 { // the first one creates the database
				took = append(took, p.took)
			}
			if err := p.stop(); err != nil {
				return fmt.Errorf("stop idp serve: %w", err)
			}
		}
		slices.Sort(took)
		r.atMost(way.name, quantile(took, 0.5).Seconds(), 1, "%.3f s")
	}
	return nil
}

// measureIdle finds the memory of a provider that has had nothing to do.
func (s *site) measureIdle(ctx context.Context, r *report, quiet time.Duration) error {
	database, err := s.createDatabase(ctx, "idle")
	if err != nil {
		return err
	}
	p, err := s.startProvider(ctx, "idle", database, setting{})
	if err != nil {
		return err
	}
	defer p.stop()
	if err := s.quiet(ctx, quiet); err != nil {
		return err
	}
	memory, err := p.memory()
	if err != nil {
		return err
	}
	r.section("Resident memory of serve, without PostgreSQL")
	r.atMost("idle after the start", memory/1e6, 35, "%.1f MB")
	return nil
}
