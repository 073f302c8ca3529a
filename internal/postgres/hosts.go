package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The hosts of one database, of which one at a time takes writes. A server that is promoted
// begins a new timeline, so of two that both take writes the one with the lower timeline is
// a primary of the past: it came back without being told that another took its place.
type hosts struct {
	each     []*pgconn.Config // one for each host
	highest  atomic.Uint32    // the highest timeline that was seen
	survey   sync.Once
	promoted func() // connections made until now lead to a primary of the past
}

// newHosts makes cfg connect to the current primary of its hosts. It is nil for a
// single host, or if the connection string says which kind of server it wants.
func newHosts(cfg *pgconn.Config, promoted func()) *hosts {
	all := []*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}
	all = append(all, cfg.Fallbacks...)
	h := &hosts{promoted: promoted}
	var names []string
	for _, one := range all {
		name := one.Host + ":" + strconv.Itoa(int(one.Port))
		if slices.Contains(names, name) {
			continue // the same host with other TLS settings
		}
		names = append(names, name)
		single := cfg.Copy()
		single.Host, single.Port, single.TLSConfig, single.ValidateConnect = one.Host, one.Port, one.TLSConfig, nil
		single.Fallbacks = slices.DeleteFunc(slices.Clone(all), func(f *pgconn.FallbackConfig) bool { return f.Host != one.Host || f.Port != one.Port })[1:]
		h.each = append(h.each, single)
	}
	if len(h.each) < 2 {
		return nil
	}
	cfg.ValidateConnect = h.validate
	return h
}

// errOldPrimary refuses a primary of the past.
var errOldPrimary = errors.New("takes writes, but another server was promoted in its place: stop it, or make it a standby")

// validate refuses a server that is not the current primary; the next host is tried then.
func (h *hosts) validate(ctx context.Context, conn *pgconn.PgConn) error {
	// The first connection asks every host, since this process has seen no timeline yet.
	h.survey.Do(func() { h.look(ctx) })
	timeline, err := primaryTimeline(ctx, conn)
	if err != nil {
		return err
	}
	if seen := h.saw(timeline); timeline < seen {
		return fmt.Errorf("a primary on timeline %d, while %d is known: %w", timeline, seen, errOldPrimary)
	}
	return nil
}

// saw keeps the highest timeline and returns it.
func (h *hosts) saw(timeline uint32) uint32 {
	for {
		seen := h.highest.Load()
		if timeline <= seen {
			return seen
		}
		if h.highest.CompareAndSwap(seen, timeline) {
			if seen > 0 {
				h.promoted()
			}
			return timeline
		}
	}
}

// watch looks at every host now and then: a primary that is cut off from its standbys, but not from
// us, goes on answering while one of them was promoted.
func (h *hosts) watch(ctx context.Context) {
	const interval = 5 * time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			h.look(ctx)
		}
	}
}

// look asks every host for its timeline. One that does not answer has nothing to say.
func (h *hosts) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for _, cfg := range h.each {
		group.Go(func() {
			conn, err := pgconn.ConnectConfig(ctx, cfg)
			if err != nil {
				return
			}
			defer conn.Close(ctx)
			if timeline, err := primaryTimeline(ctx, conn); err == nil {
				h.saw(timeline)
			}
		})
	}
	group.Wait()
}

// primaryTimeline is the timeline of a server that takes writes, 0 if it does not know of
// timelines, as services that speak PostgreSQL's protocol may. Any other server is an error.
func primaryTimeline(ctx context.Context, conn *pgconn.PgConn) (uint32, error) {
	answer, err := ask(ctx, conn, `
		SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN ''
		            ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END`)
	if pg, ok := asPgError(err); ok && (strings.HasPrefix(pg.Code, "42") || pg.Code == "0A000") {
		return 0, pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn)
	}
	if err != nil {
		return 0, err
	}
	if answer == "" {
		return 0, pgconn.ErrReadOnlyConnection
	}
	timeline, err := strconv.ParseUint(strings.TrimSpace(answer), 16, 32)
	if err != nil {
		return 0, fmt.Errorf("timeline of the server: %w", err)
	}
	return uint32(timeline), nil
}

// ask returns the one value of a statement without parameters.
func ask(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1 {
		return "", errors.New("the server answers something else than one value")
	}
	return string(results[0].Rows[0][0]), nil
}
