package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// targetGrowth is how much more of the processors an operation may take where
// much is stored.
const targetGrowth = 1.2

// amounts are how much is stored where much is.
type amounts struct{ pending, grants, clients int }

// measurePending compares logins with those beside many that wait for their wallet.
func (s *site) measurePending(ctx context.Context, r *report, o options) error {
	few, err := s.freshProvider(ctx, "idp", setting{})
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := s.freshProvider(ctx, fmt.Sprintf("%d pending", o.amounts.pending), setting{})
	if err != nil {
		return err
	}
	defer many.stop()
	if err := s.begin(many, o.amounts.pending); err != nil {
		return err
	}
	if err := s.meter.checkpoint(ctx); err != nil {
		return err
	}
	sc := scenario{name: "pending", title: fmt.Sprintf("Login while %d others are pending", o.amounts.pending), do: (*station).login}
	return s.growth(ctx, r, sc, o, few, many)
}

func (s *site) freshProvider(ctx context.Context, name string, set setting) (*subject, error) {
	database, err := s.createDatabase(ctx, "idp")
	if err != nil {
		return nil, err
	}
	return s.startProvider(ctx, name, database, set)
}

// begin begins so many logins that nobody goes on with, each in a browser of its own.
func (s *site) begin(sub *subject, logins int) error {
	var left atomic.Int64
	left.Store(int64(logins))
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			t := sub.station(s.crowd)
			defer t.wire.close()
			for left.Add(-1) >= 0 && failed.Load() == nil {
				if err := t.abandon(); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// measureLarge compares a provider that has stored little with one that has
// stored many grants and clients.
func (s *site) measureLarge(ctx context.Context, r *report, o options) error {
	little, err := s.freshProvider(ctx, "idp", setting{})
	if err != nil {
		return err
	}
	defer little.stop()
	database, err := s.createDatabase(ctx, "idp")
	if err != nil {
		return err
	}
	// No checkpoint follows: the first change of each of so many pages would write an image of it.
	if err := s.fill(ctx, database, o.amounts); err != nil {
		return err
	}
	much, err := s.startProvider(ctx, "full", database, setting{})
	if err != nil {
		return err
	}
	defer much.stop()
	if err := s.quiet(ctx, o.idle); err != nil {
		return err
	}
	before, err := little.memory()
	if err != nil {
		return err
	}
	memory, err := much.memory()
	if err != nil {
		return err
	}
	r.section(fmt.Sprintf("%d clients, %d grants", o.amounts.clients, o.amounts.grants))
	r.line("start until /readyz answers", "%.2f s (with 3 clients %.2f s)", much.took.Seconds(), little.took.Seconds())
	r.line("resident memory, idle", "%.1f MB (with 3 clients %.1f MB)", memory/1e6, before/1e6)
	for _, sc := range scenarios {
		switch sc.name {
		case "login", "refresh", "introspect", "userinfo", "client_credentials":
			sc.name, sc.title = "large_"+sc.name, sc.title+", with little and much stored"
			if err := s.growth(ctx, r, sc, o, little, much); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *site) quiet(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// growth compares two providers at one concurrency.
func (s *site) growth(ctx context.Context, r *report, sc scenario, o options, small, large *subject) error {
	const stations = 8
	all, err := s.compare(ctx, sc, stations, o, small, large)
	if err != nil {
		return err
	}
	r.compare(comparison{Scenario: sc.name, Title: sc.title, Concurrency: stations, Rounds: o.rounds,
		Subjects: []string{small.name, large.name}, Figures: all, grows: true})
	return nil
}

// fill stores much in the database of a provider. Each row is a copy of one that the provider
// made, with another identity, so that it has whatever form such rows have.
func (s *site) fill(ctx context.Context, database string, n amounts) error {
	first, err := s.startProvider(ctx, "first", database, setting{})
	if err != nil {
		return err
	}
	t := first.station(s.crowd)
	err = t.login()
	t.wire.close()
	if stopped := first.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.dsn(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	// Triggers record and announce each change, which is not what is measured.
	if _, err := conn.Exec(ctx, "SET session_replication_role = replica"); err != nil {
		return err
	}
	people := max(1, n.grants/5)
	s.say("storing %d clients and %d grants", n.clients, n.grants)
	for _, copies := range []struct {
		table, fields string
		where         string
		n             int
	}{
		{"clients", `'id', 'app-' || n, 'managed_by', 'api', 'metadata', t.metadata || jsonb_build_object(
			'client_name', 'Application ' || n, 'redirect_uris', jsonb_build_array('https://app-' || n || '.example.com/callback'))`,
			"WHERE t.id = '" + clientID("ES256") + "'", n.clients},
		{"client_secrets", `'id', 'secret-' || n, 'client_id', 'app-' || n, 'hash', sha256(n::text::bytea)::text`, "LIMIT 1", n.clients},
		{"subjects", `'account_id', 'holder-' || n || '.testnet', 'last_login', md5(n::text)`, "LIMIT 1", people},
		{"sessions", `'sid', md5('s' || n), 'hash', sha256(n::text::bytea)::text, 'account_id', 'holder-' || n || '.testnet',
			'subject', 'holder-' || n || '.testnet'`, "LIMIT 1", people},
		{"grants", fmt.Sprintf(`'id', md5(n::text), 'client_id', 'app-' || n %% %d, 'sid', md5('s' || n %% %d),
			'account_id', 'holder-' || n %% %d || '.testnet', 'subject', 'holder-' || n %% %[2]d || '.testnet'`, max(1, n.clients), people, people), "LIMIT 1", n.grants},
	} {
		if err := multiply(ctx, conn, copies.table, copies.fields, copies.where, copies.n); err != nil {
			return fmt.Errorf("fill %s: %w", copies.table, err)
		}
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// multiply inserts n copies of a row, each with other fields. Generated columns generate themselves.
func multiply(ctx context.Context, conn *pgx.Conn, table, fields, where string, n int) error {
	var columns string
	const ofTable = `SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'`
	if err := conn.QueryRow(ctx, ofTable, table).Scan(&columns); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		WITH template AS MATERIALIZED (SELECT * FROM %[1]s t %[2]s)
		INSERT INTO %[1]s (%[3]s)
		SELECT %[3]s
		FROM (SELECT copy.*
		      FROM template t, generate_series(1, %[5]d) n,
		           LATERAL jsonb_populate_record(t::%[1]s, jsonb_build_object(%[4]s)) copy) copies`, table, where, columns, fields, n))
	return err
}
