package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a soak asserts: after many logins as after the first thousand.
const (
	firstLogins  = 1000
	targetMemory = 1.5  // times the memory then
	targetFiles  = 24   // descriptors more: the pool of connections may have grown
	targetRows   = 1.25 // times the most of the quarter before the last
	soakStations = 8
	// sheds is how long it takes until as many rows go as come: lives of a minute, and the sweeper once a minute.
	sheds = 2 * time.Minute
)

// soakTables are those that logins fill and the sweeper empties.
var soakTables = []string{"logins", "sessions", "grants"}

// soakSettings let everything expire after a minute.
const soakSettings = `session: {idle: 1m, absolute: 1m}
lifetimes: {default: {code: 30s, access_token: 1m, id_token: 1m, refresh_idle: 1m, refresh_absolute: 1m}}
`

const soakClient = "bench-soak"

// A moment of a soak.
type moment struct {
	at             time.Duration
	logins         int64
	memory         float64
	files, threads int
	rows           map[string]int64
	size, audit    int64 // bytes of all tables but the audit's, and of the audit's
}

// A soak is people who sign in, refresh, sign out and go away, for long.
type soak struct {
	*site
	provider *subject
	began    time.Time
	logins   atomic.Int64
	moments  []moment
}

// soak runs one and reports whether memory and tables stay within bounds.
func (s *site) soak(ctx context.Context, r *report, o options) error {
	client := fmt.Sprintf("  - {client_id: %s, redirect_uris: [%q], post_logout_redirect_uris: [%[2]q], secret: %q, first_party: true}\n", soakClient, redirectURI, s.secret)
	p, err := s.freshProvider(ctx, "soak", setting{clients: client, more: soakSettings, near: ", nonce_ttl: 1m"})
	if err != nil {
		return err
	}
	defer p.stop()
	k := &soak{site: s, provider: s.with(p, "soak", soakClient), began: time.Now()}
	conn, err := pgx.Connect(ctx, s.dsn(p.database))
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	working, stop := context.WithTimeout(ctx, o.soak)
	defer stop()
	load := make(chan error, 1)
	go func() { load <- k.load(working, o.rate) }()
	err = k.watch(working, conn, o.soak)
	stop()
	if err := errors.Join(err, <-load); err != nil {
		return err
	}
	k.report(r, o.soak)
	return nil
}

// load keeps so many logins a second going, or as many as there is room for.
func (k *soak) load(ctx context.Context, rate float64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range soakStations {
		group.Go(func() {
			t := k.provider.station(k.crowd)
			defer t.wire.close()
			interval := time.Duration(float64(time.Second) * soakStations / rate)
			for next, turn := time.Now(), i; ctx.Err() == nil; turn++ {
				if err := t.visit(turn); err != nil {
					failed.CompareAndSwap(nil, &err)
					cancel(err)
					return
				}
				k.logins.Add(1)
				next = next.Add(interval)
				if wait := time.Until(next); wait > 0 {
					time.Sleep(wait)
				} else {
					next = time.Now()
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

// visit is a login, and what people do besides.
func (t *station) visit(turn int) error {
	if turn%4 == 0 {
		if err := t.abandon(); err != nil {
			return err
		}
	}
	if err := t.login(); err != nil {
		return err
	}
	for _, more := range []struct {
		every int
		do    func() error
	}{{3, t.rotate}, {3, t.rotate}, {7, t.again}, {2, t.introspect}, {5, t.logout}} {
		if turn%more.every == 0 {
			if err := more.do(); err != nil {
				return err
			}
		}
	}
	return nil
}

// logout ends the session as the application asks (OpenID Connect RP-Initiated Logout).
func (t *station) logout() error {
	t.begin(http.MethodGet, "/logout?post_logout_redirect_uri="+redirectURI+"&id_token_hint="+string(t.id))
	t.browser()
	if err := t.send(http.StatusSeeOther, nil); err != nil {
		return err
	}
	if !bytes.HasPrefix(t.location, []byte(redirectURI)) {
		return fmt.Errorf("signing out leads to %s", t.location)
	}
	return nil
}

// watch takes moments, and takes the hour for which expired rows are kept out of the way.
func (k *soak) watch(ctx context.Context, conn *pgx.Conn, length time.Duration) error {
	const often = time.Second
	every, due := max(length/100, often), time.Duration(0)
	for {
		m, err := k.moment(context.WithoutCancel(ctx), conn)
		if err != nil {
			return err
		}
		// The first thousand logins are a moment of their own.
		if first := len(k.moments) == 0 && m.logins >= firstLogins; first || len(k.moments) > 0 && m.at >= due {
			k.moments = append(k.moments, m)
			due = m.at + every
			if err := age(context.WithoutCancel(ctx), conn); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			last, err := k.moment(context.WithoutCancel(ctx), conn)
			k.moments = append(k.moments, last)
			return err
		case <-time.After(often / 4):
		}
	}
}

// age makes what has expired look as if it had done so an hour earlier: the
// sweeper leaves it alone for that long, and nobody uses it any more.
func age(ctx context.Context, conn *pgx.Conn) error {
	for table, column := range map[string]string{"logins": "expires_at", "sessions": "expires_at", "grants": "max_expires_at"} {
		sql := fmt.Sprintf(`UPDATE %s SET %[2]s = %[2]s - interval '1 hour' WHERE %[2]s BETWEEN now() - interval '1 hour' AND now()`, table, column)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("age %s: %w", table, err)
		}
	}
	return nil
}

func (k *soak) moment(ctx context.Context, conn *pgx.Conn) (m moment, err error) {
	m = moment{at: time.Since(k.began), logins: k.logins.Load(), rows: map[string]int64{}}
	if m.memory, err = k.provider.memory(); err != nil {
		return m, err
	}
	for name, n := range map[string]*int{"fd": &m.files, "task": &m.threads} {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", k.provider.cmd.Process.Pid, name))
		if err != nil {
			return m, err
		}
		*n = len(entries)
	}
	for _, table := range soakTables {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return m, err
		}
		m.rows[table] = n
	}
	const sql = `SELECT coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname <> 'audit_events'), 0)::bigint,
		coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname = 'audit_events'), 0)::bigint
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`
	return m, conn.QueryRow(ctx, sql).Scan(&m.size, &m.audit)
}

func (k *soak) report(r *report, length time.Duration) {
	first, last := k.moments[0], k.moments[len(k.moments)-1]
	r.section(fmt.Sprintf("Soak of %s: %d logins", length, last.logins))
	heads := []string{"logins", "RSS, MB", "files", "threads"}
	for _, table := range soakTables {
		heads = append(heads, "rows of "+table)
	}
	r.rows = append(r.rows, row{name: "  ", cells: append(heads, "tables, MB", "audit, MB")})
	const most = 20
	for i, m := range k.moments {
		if i%max(1, len(k.moments)/most) != 0 && i != len(k.moments)-1 {
			continue
		}
		cells := []string{strconv.FormatInt(m.logins, 10), fmt.Sprintf("%.1f", m.memory/1e6), strconv.Itoa(m.files), strconv.Itoa(m.threads)}
		for _, table := range soakTables {
			cells = append(cells, strconv.FormatInt(m.rows[table], 10))
		}
		cells = append(cells, fmt.Sprintf("%.1f", float64(m.size)/1e6), fmt.Sprintf("%.1f", float64(m.audit)/1e6))
		r.rows = append(r.rows, row{name: "  " + m.at.Round(time.Second).String(), cells: cells})
	}
	r.section("Bounds")
	r.atMost("memory in the end, times that after the first thousand logins", last.memory/first.memory, targetMemory, "%.2f")
	r.atMost("open files in the end, more than then", float64(last.files-first.files), targetFiles, "%.0f")
	if length < 2*sheds {
		r.line("tables", "not judged: it takes %s until as many rows go as come", sheds)
		return
	}
	for _, table := range soakTables {
		r.atMost("rows of "+table+" for each login of the two minutes before, most of the last quarter to the quarter before",
			plateau(k.moments, length, func(i int) float64 { return k.perLogin(i, table) }), targetRows, "%.2f")
	}
	r.atMost("bytes of all tables but the audit's for each row at the most there were, the same", plateau(k.moments, length, k.perRow), targetRows, "%.2f")
	r.line("audit events, which are kept for audit.retention", "%.0f bytes for each login", float64(last.audit-first.audit)/float64(last.logins-first.logins))
}

// perLogin is how many rows of a table there are for each login that came while as many rows go as
// come: traffic that grows is no leak.
func (k *soak) perLogin(i int, table string) float64 {
	m, since := k.moments[i], int64(0)
	for _, before := range k.moments[:i] {
		if before.at <= m.at-sheds {
			since = before.logins
		}
	}
	return ratio(float64(m.rows[table]), float64(m.logins-since))
}

// perRow is the room on the disk for each row at the most there have been: tables do not shrink.
func (k *soak) perRow(i int) float64 {
	most := int64(0)
	for _, m := range k.moments[:i+1] {
		sum := int64(0)
		for _, rows := range m.rows {
			sum += rows
		}
		most = max(most, sum)
	}
	return ratio(float64(k.moments[i].size), float64(most))
}

// plateau is the most of the last quarter of a soak, times that of the quarter before.
func plateau(moments []moment, length time.Duration, of func(i int) float64) float64 {
	most := func(from, to time.Duration) (most float64) {
		for i, m := range moments {
			if m.at >= from && m.at < to {
				most = max(most, of(i))
			}
		}
		return most
	}
	return ratio(most(length*3/4, 2*length), most(length/2, length*3/4))
}
