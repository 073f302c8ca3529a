package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/limit"
)

const (
	// Connections of each listener beside the public one.
	besideTotal, besidePerSender = 200, 100
	// spareFiles are open besides connections: logs, and requests to RPC providers and clients.
	spareFiles = 100
	// fewest connections are accepted whatever the limit on files.
	fewest = 50
)

// openConnections bounds those of the public side, by the files that this process may open too: Go has
// raised the soft limit to the hard one.
func openConnections(cfg *config.Config, trusts func(netip.Addr) bool, log *slog.Logger) *limit.Connections {
	total := int(cfg.Listen.MaxConnections)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		beside := int(cfg.Database.MaxConns) + 2*besideTotal + spareFiles
		if room := int(min(files.Cur, 1<<30)) - beside; room < total {
			room = max(room, fewest)
			log.Warn(fmt.Sprintf("listen.max_connections: %d connections need %d open files and this process may have %d, so it takes %d: raise the limit (LimitNOFILE= of systemd, ulimit -n, --ulimit nofile of containers)",
				total, total+beside, files.Cur, room))
			total = room
		}
	}
	return &limit.Connections{
		Total: total, PerSender: min(int(cfg.Listen.MaxConnectionsPerSender), total),
		Shared: trusts, Full: tellOfFull(log),
	}
}

// tellOfFull tells the operator, and not once for each connection.
func tellOfFull(log *slog.Logger) func(bucket string) {
	const pause = time.Minute
	var told atomic.Int64
	return func(bucket string) {
		now, last := time.Now().Unix(), told.Load()
		if now-last >= int64(pause/time.Second) && told.CompareAndSwap(last, now) {
			log.Warn("no room for more connections: those that wait longest are closed", "limit", "listen."+bucket)
		}
	}
}
