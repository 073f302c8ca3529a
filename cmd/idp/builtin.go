package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"near-idp/internal/localpg"
)

// startBuiltIn starts the built-in PostgreSQL and keeps it running until stop is called.
func startBuiltIn(ctx context.Context, dir string, log *slog.Logger) (dsn string, stop func(), err error) {
	server, err := localpg.Start(ctx, localpg.Options{Dir: dir})
	if err != nil {
		return "", nil, fmt.Errorf("built-in PostgreSQL in database.data_dir %s: %w", dir, err)
	}
	keeping, ended := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() {
		server.Keep(keeping, func(err error) {
			if err != nil {
				log.Error("the built-in database is down, and is started again", "err", err)
			} else {
				log.Info("the built-in database runs again")
			}
		})
	})
	room := &room{dir: dir, log: log}
	group.Go(func() {
		const interval = 2 * time.Second
		room.check()
		every(keeping, interval, room.check)
	})
	return server.DSN(), func() {
		ended()
		group.Wait()
		if err := server.Stop(); err != nil {
			log.Error("stop the built-in database", "err", err)
		}
	}, nil
}

const (
	// Room on the disk at which the operator is told: tables grow by little, but the
	// write-ahead log of PostgreSQL takes up to 256 MB, 16 at a time.
	littleRoom = 512 << 20
	noRoom     = 32 << 20
)

// A room is what is left on the disk of the built-in database.
type room struct {
	dir  string
	log  *slog.Logger
	told int // the level that was told last
}

// check tells when it gets little, and when there is enough again.
func (r *room) check() {
	var disk syscall.Statfs_t
	if syscall.Statfs(r.dir, &disk) != nil {
		return // the directory is gone, of which the database tells
	}
	left := uint64(disk.Bavail) * uint64(disk.Bsize)
	level := 0
	switch {
	case left < noRoom:
		level = 2
	case left < littleRoom:
		level = 1
	}
	if level == r.told {
		return
	}
	switch attrs := []any{"data_dir", r.dir, "free_mb", left >> 20}; {
	case level == 2:
		r.log.Error("disk full: the built-in database cannot write, and people are asked to try again later; make room on the disk of database.data_dir, and service resumes by itself", attrs...)
	case level == 1 && r.told == 0:
		r.log.Warn("the disk of database.data_dir is nearly full", attrs...)
	default:
		r.log.Info("there is room again on the disk of database.data_dir", attrs...)
	}
	r.told = level
}
