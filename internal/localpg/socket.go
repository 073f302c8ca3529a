package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const socketName = ".s.PGSQL.5432"

// maxSocketPath is the longest path that a Unix socket can have here, in bytes:
// 107 on Linux, 103 on macOS.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// makeSocketDir creates the directory of the socket: run, or if the path is too
// long or has a comma, which separates hosts in a connection string, a
// directory in /tmp that run is a link to. It returns the path to use.
func makeSocketDir(dir string, acct *account) (string, error) {
	removeSocketDir(dir)
	run := filepath.Join(dir, "run")
	if len(run)+1+len(socketName) <= maxSocketPath && !strings.Contains(run, ",") {
		return run, acct.mkdir(run)
	}
	short, err := os.MkdirTemp("/tmp", "idp-pg-")
	if err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	if err := acct.chown(short); err != nil {
		return "", err
	}
	if err := os.Symlink(short, run); err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	return short, nil
}

// removeSocketDir removes what makeSocketDir made, also what a killed owner
// left. It removes only names that PostgreSQL uses, since others can create in
// /tmp what the link names once a restart has emptied it.
func removeSocketDir(dir string) {
	run := filepath.Join(dir, "run")
	real := run
	if target, err := os.Readlink(run); err == nil {
		real = target
	}
	clearSocketDir(real)
	os.Remove(real)
	os.Remove(run)
}

func clearSocketDir(host string) {
	os.Remove(filepath.Join(host, socketName))
	os.Remove(filepath.Join(host, socketName+".lock"))
}

// socketDir returns the directory of a running owner's socket. It must be
// private: anybody could create one in /tmp and pose as the database there.
func socketDir(dir string) (string, error) {
	host, err := filepath.EvalSymlinks(filepath.Join(dir, "run"))
	if err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	fi, err := os.Lstat(host)
	if err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	data, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		return "", fmt.Errorf("database directory: %w", err)
	}
	if fi.Sys().(*syscall.Stat_t).Uid != data.Sys().(*syscall.Stat_t).Uid || fi.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("socket directory %s is not private to the database's owner", host)
	}
	return host, nil
}

// endOrphan stops a server whose owner was killed. Linux ends it with its
// owner and only the wait for it is left; elsewhere it lives on. It is called
// with the lock held, so no living owner is disturbed.
//
// A process id in the file of a server that is long gone may be another
// program's by now: only one that answers on the socket is signalled, and if
// the wait is in vain PostgreSQL itself decides whether it can start.
func endOrphan(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "data", "postmaster.pid")
	signalled := false
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for a running server: %w", err)
		}
		lines := strings.Split(string(b), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
		if err != nil || pid <= 1 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		if !signalled && len(lines) > 4 && answers(lines[4]) {
			// The error is that it has ended, which the loop sees.
			_ = syscall.Kill(pid, syscall.SIGINT)
			signalled = true
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func answers(host string) bool {
	conn, err := net.Dial("unix", filepath.Join(host, socketName))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
