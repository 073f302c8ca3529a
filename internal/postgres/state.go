package postgres

import (
	"context"
	"strings"
	"time"
)

// A PoolState is the connections of a Store.
type PoolState struct {
	Acquired, Idle, Total, Max int32
	Acquires, Waits            int64 // of all, those for which there was no idle connection
	Waited                     time.Duration
}

// Pool returns how the connections are used.
func (s *Store) Pool() PoolState {
	now := s.db.Stat()
	return PoolState{
		Acquired: now.AcquiredConns(), Idle: now.IdleConns(), Total: now.TotalConns(), Max: now.MaxConns(),
		Acquires: now.AcquireCount(), Waits: now.EmptyAcquireCount(), Waited: now.EmptyAcquireWaitTime(),
	}
}

// A Backlog is what waits to be done by any replica.
type Backlog struct {
	Logouts      int           // clients to be told that a session ended
	OldestLogout time.Duration // how long the first of them has waited
	Logos        int           // to be fetched again
}

// Backlog reads it in one statement.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	var seconds float64
	err = s.db.QueryRow(ctx, `
		SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8,
		       (SELECT count(*) FROM client_logos WHERE due_at <= now())
		FROM logout_outbox`).
		Scan(&b.Logouts, &seconds, &b.Logos)
	b.OldestLogout = time.Duration(seconds * float64(time.Second))
	return b, translate(err)
}

func (s *Store) swept(table string, rows int64) {
	if s.Swept != nil {
		s.Swept(table, rows)
	}
}

// tableOf is the table that a statement of sweeps deletes from.
func tableOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "DELETE FROM ")
	table, _, _ := strings.Cut(rest, " ")
	return table
}
