package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A wire stands between idp and PostgreSQL and notes every round trip, as the
// protocol shows them: each ends with the server's ReadyForQuery.
type wire struct {
	dsn string // leads through the wire

	mu    sync.Mutex
	trips []string
}

// What a round trip is called that completes no statement.
const (
	ping    = "ping"    // pgx asks a connection that was idle for a second whether it lives
	prepare = "prepare" // once per statement and connection
)

// newWire leads to the database of dsn, which is at a Unix socket.
func newWire(t testing.TB, dsn string) *wire {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{dsn: strings.Replace(dsn, config.Host, dir, 1)}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(client, filepath.Join(config.Host, socket))
		}
	}()
	return w
}

func (w *wire) carry(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client) // its end is seen from the other side
		server.Close()
	}()
	// Messages: one byte of type, the length with itself, the body.
	var seen []byte
	var tag string
	for from, header := bufio.NewReader(server), make([]byte, 5); ; {
		if _, err := io.ReadFull(from, header); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		seen = append(seen, header[0])
		switch header[0] {
		case 'C': // CommandComplete
			tag = strings.TrimRight(string(body), "\x00")
		case 'Z': // ReadyForQuery
			w.note(seen, tag)
			seen, tag = nil, ""
		}
		if _, err := client.Write(append(header, body...)); err != nil {
			return
		}
	}
}

func (w *wire) note(seen []byte, tag string) {
	switch {
	case slices.Contains(seen, 'R'): // authentication, of a new connection
		return
	case tag != "":
	case slices.Contains(seen, 'I'): // EmptyQueryResponse
		tag = ping
	case slices.Contains(seen, '1'): // ParseComplete
		tag = prepare
	default:
		tag = "error"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trips = append(w.trips, tag)
}

// quiet waits until the work that idp does of itself after its start is done.
func (w *wire) quiet() {
	const long = 300 * time.Millisecond
	for len(w.during(func() { time.Sleep(long) })) > 0 {
	}
}

// during returns the round trips that do caused, by their command tags. Pings
// are left out: they come of how long the caller paused.
func (w *wire) during(do func()) []string {
	w.mu.Lock()
	before := len(w.trips)
	w.mu.Unlock()
	do()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.trips[before:]), func(trip string) bool { return trip == ping })
}
