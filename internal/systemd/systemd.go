// Package systemd tells the service manager how the service is, by the protocol of
// sd_notify(3). Without a manager that asked for it nothing is sent.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// States of sd_notify(3).
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// patience is how long the manager may take to receive one message.
const patience = time.Second

// maxStatus bounds a status in bytes; a datagram holds a good deal more.
const maxStatus = 1024

// Status is what `systemctl status` shows of the service, in one line.
func Status(text string) string {
	if len(text) > maxStatus {
		text = text[:maxStatus]
	}
	// A line break would begin another state.
	return "STATUS=" + strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "")
}

// A Manager is the service manager that started this process. A nil Manager is none, and is told nothing.
type Manager struct {
	conn *net.UnixConn
	// Watchdog is how long the service may go without Alive before it is ended: WatchdogSec= of
	// the unit. 0: nobody watches.
	Watchdog time.Duration
}

// Open returns the manager that $NOTIFY_SOCKET names, nil if there is none. It takes the
// variables of the protocol out of the environment: what this process starts, such as PostgreSQL,
// knows the protocol too, and would speak for it.
func Open() (*Manager, error) {
	socket, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("systemd: %w", err)
		}
	}
	if socket == "" {
		return nil, nil
	}
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") { // @ is Linux's abstract namespace
		return nil, fmt.Errorf("systemd: NOTIFY_SOCKET %q is no path and no abstract socket", socket)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("systemd: NOTIFY_SOCKET: %w", err)
	}
	m := &Manager{conn: conn}
	if usec != "" && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
			return nil, errors.Join(fmt.Errorf("systemd: WATCHDOG_USEC %q is not a number of microseconds up to a day", usec), conn.Close())
		}
		m.Watchdog = time.Duration(n) * time.Microsecond
	}
	return m, nil
}

// Tell sends states in one message, so that they hold together.
func (m *Manager) Tell(states ...string) error {
	if m == nil {
		return nil
	}
	// A manager that has stopped reading must not stop the service too.
	if err := m.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	if _, err := m.conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
