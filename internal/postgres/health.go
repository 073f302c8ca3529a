package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Health is what an operator wants to know of a database.
type Health struct {
	Version     string
	Connections int    // that clients have open
	Room        int    // connections that roles without privileges may have
	Commit      string // the setting synchronous_commit
	Fsync       bool
	FullPages   bool // full_page_writes
	Autovacuum  bool
	Superuser   bool
	Standby     bool
	Oldest      time.Duration // age of the oldest transaction of this database; 0: none
	// Lacks are rights that the role of the connection does not have, such as "INSERT on logins".
	Lacks  []string
	Tables []TableHealth // the largest first
	// Overdue are tables with rows that should have been swept hours ago.
	Overdue []string
	// Swept is how long ago a sweep left nothing to delete; negative: never.
	Swept time.Duration
}

// TableHealth is the size of one table.
type TableHealth struct {
	Name       string
	Bytes      int64 // with its indexes
	Rows, Dead int64 // as the statistics have it
}

// expiring are the tables that a sweep that fell behind shows in, with what expires.
var expiring = [][2]string{
	{"logins", "expires_at"}, {"sessions", "expires_at"}, {"dpop_proofs", "expires_at"}, {"client_assertions", "expires_at"}, {"pushed_requests", "expires_at"},
	{"logout_outbox", "expires_at"}, {"device_requests", "expires_at"}, {"handoffs", "expires_at"}, {"relay_requests", "expires_at"},
}

// Health looks at the database. It needs no more rights than the provider has, and every
// statement is short.
func (s *Store) Health(ctx context.Context) (h Health, err error) {
	var oldest, swept float64
	err = s.db.QueryRow(ctx, `
		SELECT current_setting('server_version'),
		       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
		       current_setting('synchronous_commit'), current_setting('fsync')::bool, current_setting('full_page_writes')::bool, current_setting('autovacuum')::bool,
		       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery(),
		       coalesce((SELECT extract(epoch FROM max(now() - xact_start)) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'), 0),
		       coalesce((SELECT extract(epoch FROM now() - finished_at) FROM sweeper), -1)`).
		Scan(&h.Version, &h.Connections, &h.Room, &h.Commit, &h.Fsync, &h.FullPages, &h.Autovacuum, &h.Superuser, &h.Standby, &oldest, &swept)
	if err != nil {
		return h, translate(err)
	}
	h.Oldest, h.Swept = time.Duration(oldest*float64(time.Second)), time.Duration(swept*float64(time.Second))
	for _, list := range []struct {
		into *[]string
		sql  string
	}{
		{&h.Lacks, `
			SELECT r.privilege || ' on ' || c.relname
			FROM pg_class c
			CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) r (privilege)
			WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT has_table_privilege(c.oid, r.privilege)
			AND (r.privilege = 'SELECT' OR c.relname NOT IN ('goose_db_version', 'schema_floor'))
			ORDER BY c.relname, r.privilege`},
		{&h.Overdue, overdue()},
	} {
		rows, err := s.db.Query(ctx, list.sql)
		if err != nil {
			return h, translate(err)
		}
		if *list.into, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return h, translate(err)
		}
	}
	rows, err := s.db.Query(ctx, `
		SELECT relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup
		FROM pg_stat_user_tables
		WHERE schemaname = 'public'
		ORDER BY 2 DESC, 1`)
	if err != nil {
		return h, translate(err)
	}
	h.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TableHealth])
	return h, translate(err)
}

// overdue asks of each table whether it has a row that expired long ago. An index answers.
func overdue() string {
	var parts []string
	for _, t := range expiring {
		parts = append(parts, `SELECT '`+t[0]+`' WHERE EXISTS (SELECT FROM `+t[0]+` WHERE `+t[1]+` < now() - interval '4 hours')`)
	}
	return strings.Join(parts, " UNION ALL ")
}
