package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen is the manager's end, at a path or in the abstract namespace.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func received(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	n, err := conn.Read(message)
	if err != nil {
		t.Fatal(err)
	}
	return string(message[:n])
}

func TestManagerIsToldOverPathsAndAbstractSockets(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@idp-test-%d", os.Getpid())} {
		conn := listen(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "30000000")
		t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
		m, err := Open()
		if err != nil || m.Watchdog != 30*time.Second {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		if err := m.Tell(Ready, Status("a\nWATCHDOG=trigger \xff b")); err != nil {
			t.Fatal(err)
		}
		if got := received(t, conn); got != "READY=1\nSTATUS=a WATCHDOG=trigger  b" {
			t.Errorf("%s: %q", name, got)
		}
		for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
			if value, set := os.LookupEnv(name); set {
				t.Errorf("children inherit %s=%s", name, value)
			}
		}
	}
}

func TestReloadIsDatedByTheMonotonicClock(t *testing.T) {
	var before, after unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
		t.Fatal(err)
	}
	text := Reloading()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &after); err != nil {
		t.Fatal(err)
	}
	var usec int64
	if _, err := fmt.Sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%d", &usec); err != nil || usec < before.Nano()/1000 || usec > after.Nano()/1000 {
		t.Errorf("%q is not between %d and %d: %v", text, before.Nano()/1000, after.Nano()/1000, err)
	}
}

func TestEnvironmentOfAManagerIsReadStrictly(t *testing.T) {
	if m, err := Open(); m != nil || err != nil || m.Tell(Ready) != nil {
		t.Errorf("without a manager: %v, %v", m, err)
	}
	name := filepath.Join(t.TempDir(), "notify")
	listen(t, name)
	for _, c := range []struct{ socket, usec, pid, want string }{
		{"notify", "", "", "no path and no abstract socket"},
		{name + "-missing", "", "", "NOTIFY_SOCKET: "},
		{name, "soon", "", "WATCHDOG_USEC"},
		{name, "-1", "", "WATCHDOG_USEC"},
		{name, "99999999999999", "", "WATCHDOG_USEC"},
		{name, "1000000", "1", ""}, // another process is watched
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		m, err := Open()
		if c.want == "" && (err != nil || m.Watchdog != 0) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %+v, %v", c, m, err)
		}
	}
	if s := Status(strings.Repeat("ä", maxStatus)); len(s) > maxStatus+len("STATUS=") {
		t.Errorf("%d bytes", len(s))
	}
}
