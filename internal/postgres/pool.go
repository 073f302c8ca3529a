package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pool is pgxpool's. While the database is known to be away it fails at once: whoever
// waits for a connection then would be told to come back long after having left.
type pool struct {
	*pgxpool.Pool
	away  atomic.Bool
	broke chan struct{} // a connection broke, or could not be made
}

func newPool(p *pgxpool.Pool) *pool { return &pool{Pool: p, broke: make(chan struct{}, 1)} }

var errAway = fmt.Errorf("%w: the database does not answer", idp.ErrUnavailable)

// suspect has keep look whether the database is still there.
func (p *pool) suspect() {
	select {
	case p.broke <- struct{}{}:
	default: // it is about to look
	}
}

// Query is pgxpool's, as are the methods below.
func (p *pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if p.away.Load() {
		return nil, errAway
	}
	return p.Pool.Query(ctx, sql, args...)
}

// QueryRow reads one row.
func (p *pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if p.away.Load() {
		return noRow{}
	}
	return p.Pool.QueryRow(ctx, sql, args...)
}

type noRow struct{}

func (noRow) Scan(...any) error { return errAway }

// Exec reads no row.
func (p *pool) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if p.away.Load() {
		return pgconn.CommandTag{}, errAway
	}
	return p.Pool.Exec(ctx, sql, args...)
}

// Begin begins a transaction.
func (p *pool) Begin(ctx context.Context) (pgx.Tx, error) {
	if p.away.Load() {
		return nil, errAway
	}
	return p.Pool.Begin(ctx)
}

// SendBatch sends statements together.
func (p *pool) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	if p.away.Load() {
		return pgx.FailedBatchResults(batch, errAway)
	}
	return p.Pool.SendBatch(ctx, batch)
}

// keep closes the pool's connections when one of them broke, since after a failover all of
// them lead to the wrong server, and while no new one can be made has requests fail at once.
func (p *pool) keep(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.broke:
		}
		p.Reset()
		p.await(ctx, log)
	}
}

// await returns once the database answers.
func (p *pool) await(ctx context.Context, log *slog.Logger) {
	const pause = 200 * time.Millisecond
	began := time.Now()
	for {
		err := p.tryConnection(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if p.away.Load() {
				p.Reset()
				p.away.Store(false)
				log.Info("the database answers again", "after", time.Since(began).Round(time.Millisecond).String())
			}
			return
		}
		if !p.away.Swap(true) {
			log.Warn("the database does not answer: requests are told to come back", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// tryConnection makes a connection of its own, since those of the pool may all be waited
// for. A server that has no room for one more is there.
func (p *pool) tryConnection(ctx context.Context) error {
	cfg := p.Config().ConnConfig
	cfg.ConnectTimeout = min(cfg.ConnectTimeout, 2*time.Second) // for each host
	cfg.Tracer = nil
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		if pg, ok := asPgError(err); ok && strings.HasPrefix(pg.Code, "53") {
			return nil
		}
		return err
	}
	return conn.Close(ctx)
}
