package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A meter reads what the database server has done. It looks from a database of
// its own, so that looking is not counted.
type meter struct {
	conn       *pgx.Conn
	postmaster int  // process id
	statements bool // pg_stat_statements is there
	images     bool // pg_walinspect is there
}

// A reading is what has been used up to a moment.
type reading struct {
	cpu        time.Duration // of the server with all its processes
	statements int64         // in one database
	commits    int64         // of transactions that wrote
	wal        int64         // position in the log, in bytes
}

func newMeter(ctx context.Context, dsn, data string) (*meter, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	m := &meter{conn: conn}
	_, err = conn.Exec(ctx, "CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()")
	m.statements = err == nil
	_, err = conn.Exec(ctx, "CREATE EXTENSION pg_walinspect")
	m.images = err == nil
	pid, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	first, _, _ := bytes.Cut(pid, []byte("\n"))
	m.postmaster, err = strconv.Atoi(string(first))
	return m, err
}

// read takes every reading of a database.
func (m *meter) read(ctx context.Context, database string) (r reading, err error) {
	// Each transaction that writes takes one id, and no other does.
	const sql = `SELECT pg_current_wal_insert_lsn() - '0/0', pg_snapshot_xmax(pg_current_snapshot())::text::bigint`
	if err = m.conn.QueryRow(ctx, sql).Scan(&r.wal, &r.commits); err != nil {
		return r, err
	}
	if m.statements {
		const sql = `SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)`
		if err = m.conn.QueryRow(ctx, sql, database).Scan(&r.statements); err != nil {
			return r, err
		}
	}
	r.cpu, err = m.cpu()
	return r, err
}

func (r reading) since(before reading) reading {
	return reading{r.cpu - before.cpu, r.statements - before.statements, r.commits - before.commits, r.wal - before.wal}
}

// imagesIn is how much of the log between two positions are images of whole
// pages, which the first change of a page after a checkpoint writes; 0 if that cannot be told.
func (m *meter) imagesIn(ctx context.Context, from, to int64) (size int64, err error) {
	if !m.images || to <= from {
		return 0, nil
	}
	const sql = `SELECT coalesce(sum(fpi_size), 0)::bigint FROM pg_get_wal_stats('0/0'::pg_lsn + $1::numeric, least('0/0'::pg_lsn + $2::numeric, pg_current_wal_flush_lsn()))`
	err = m.conn.QueryRow(ctx, sql, from, to).Scan(&size)
	return size, err
}

// checkpoint empties the buffers now, lest they be emptied during a measurement.
func (m *meter) checkpoint(ctx context.Context) error {
	_, err := m.conn.Exec(ctx, "CHECKPOINT")
	return err
}

// cpu is the processor time of the postmaster, its children, and those that ended.
func (m *meter) cpu() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	parent := strconv.Itoa(m.postmaster)
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended, and counts with the postmaster
		}
		own := strings.HasPrefix(name, "/proc/"+parent+"/")
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if !own && (len(fields) < 2 || fields[1] != parent) {
			continue
		}
		var used time.Duration
		if own {
			used, err = cpuTime(stat, true)
		} else {
			used, err = cpuTime(stat)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		total += used
	}
	return total, nil
}
