package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errUnexpectedEOF = io.ErrUnexpectedEOF

const (
	// heartbeat is how often a connection that waits for notifications is asked whether it
	// still leads to the current primary.
	heartbeat = 10 * time.Second

	// pollEvery is how soon a change is noticed where notifications do not arrive.
	pollEvery = 5 * time.Second

	// heardWithin is how long a notification may take.
	heardWithin = 3 * time.Second
)

// Watch calls changed with the name of a table each time another process, or
// this one, changed clients, client_secrets or signing_keys, and with "" after
// it (re)connected, since changes may have been missed. Meanwhile it keeps the pool
// connected to the current primary, and Now true. It reconnects until ctx ends.
func (s *Store) Watch(ctx context.Context, log *slog.Logger, changed func(table string)) {
	const pause = time.Second
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { s.db.keep(ctx, log) })
	group.Go(func() { s.followClock(ctx, log) })
	if s.hosts != nil {
		group.Go(func() { s.hosts.watch(ctx) })
	}
	for {
		err := s.listen(ctx, changed)
		if errors.Is(err, errUnheard) {
			log.Warn("database notifications do not arrive, so changes are looked for instead: if database.url leads through a pooler, set database.direct_url",
				"every", pollEvery.String())
			err = s.poll(ctx, changed)
		}
		if ctx.Err() != nil {
			return
		}
		log.Warn("database notifications interrupted", "err", err, "retry_in", pause.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// followClock reads the database's clock now and then, until ctx ends.
func (s *Store) followClock(ctx context.Context, log *slog.Logger) {
	warned := false
	for {
		// An error is an outage, which others tell of; the clock goes on.
		if err := s.ReadClock(ctx); err == nil {
			warned = s.warnOfClock(log, warned)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(heartbeat):
		}
	}
}

// errUnheard reports that what one connection sends does not reach another that listens, as
// through a pooler that hands connections out for one transaction each.
var errUnheard = errors.New("notifications do not arrive")

func (s *Store) listen(ctx context.Context, changed func(table string)) error {
	// The connection listens for as long as it lives, so it is none of the pool's.
	cfg := s.session().Config().ConnConfig
	cfg.Tracer, cfg.DialFunc = nil, dial(0, s.db.suspect)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	own := "idp_" + rand.Text()
	if _, err := conn.Exec(ctx, `LISTEN idp_changed; LISTEN `+pgx.Identifier{own}.Sanitize()); err != nil {
		return err
	}
	if err := s.heard(ctx, conn, own); err != nil {
		return err
	}
	changed("")
	for {
		note, err := waitFor(ctx, conn, heartbeat)
		switch {
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			s.db.suspect()
			return err
		case err != nil:
			if err := s.alive(ctx, conn.PgConn()); err != nil {
				s.db.suspect()
				return err
			}
		case note.Channel != own:
			changed(note.Payload)
		}
	}
}

// heard sends a notification to a channel of our own, and waits for it.
func (s *Store) heard(ctx context.Context, conn *pgx.Conn, own string) error {
	if _, err := s.db.Exec(ctx, `SELECT pg_notify($1, '')`, own); err != nil {
		return err
	}
	for deadline := time.Now().Add(heardWithin); ; {
		note, err := waitFor(ctx, conn, time.Until(deadline))
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return errUnheard
		case err != nil:
			return err
		case note.Channel == own:
			return nil
		}
	}
}

// waitFor is context.DeadlineExceeded when nothing came within a time, which leaves the connection as it was.
func waitFor(ctx context.Context, conn *pgx.Conn, limit time.Duration) (*pgconn.Notification, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return conn.WaitForNotification(limited)
}

// alive asks a connection that has been quiet whether it still leads to the current primary.
func (s *Store) alive(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, heardWithin)
	defer cancel()
	if s.hosts != nil {
		return s.hosts.validate(ctx, conn)
	}
	_, err := ask(ctx, conn, `SELECT 1`)
	return err
}

// A fingerprint of what replicas keep in memory: any row that was written has a
// transaction of its own, and any that was deleted is missing.
const fingerprint = `
	SELECT string_agg(name || ' ' || rows || ' ' || latest, ', ' ORDER BY name)
	FROM (
		SELECT 'clients' AS name, count(*) AS rows, coalesce(max(xmin::text::bigint), 0) AS latest FROM clients
		UNION ALL
		SELECT 'client_secrets', count(*), coalesce(max(xmin::text::bigint), 0) FROM client_secrets
		UNION ALL
		SELECT 'client_logos', count(*), coalesce(max(xmin::text::bigint), 0) FROM client_logos
		UNION ALL
		SELECT 'signing_keys', count(*), coalesce(max(xmin::text::bigint), 0) FROM signing_keys
	) AS kept`

// poll is listen where notifications do not arrive.
func (s *Store) poll(ctx context.Context, changed func(table string)) error {
	seen := ""
	for {
		var now string
		if err := s.db.QueryRow(ctx, fingerprint).Scan(&now); err != nil {
			return err
		}
		if now != seen {
			changed("")
			seen = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}
