package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
)

// refusePooler refuses to migrate through a pooler, which would leave the session lock with a
// connection that nobody gets back. One gives its clients numbers of its own for the server's processes.
func (s *Store) refusePooler(ctx context.Context) error {
	if s.direct != nil {
		return nil
	}
	return translate(s.db.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var pid uint32
		if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			return err
		}
		if pid != conn.Conn().PgConn().PID() {
			return errors.New("migrate: database.url leads through a pooler, which migrations must not: set database.direct_url to the address of PostgreSQL itself")
		}
		return nil
	}))
}
