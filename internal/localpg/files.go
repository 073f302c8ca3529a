package localpg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLog is the size in bytes at which a start sets the log aside.
const maxLog = 1 << 20

// acquire takes the directory's lock, which ends with this process. The file
// is close-on-exec, so that the server does not hold the lock too.
func acquire(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("database lock %s: %w", f.Name(), err)
		}
		return nil, fmt.Errorf("%w: another idp process%s runs on %s", ErrInUse, owner(f), dir)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("database lock: %w", err)
	}
	return f, nil
}

// owner names the process that wrote the lock file, as far as it can be read.
func owner(f *os.File) string {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0)
	pid := strings.TrimSpace(string(b[:n]))
	if pid == "" {
		return ""
	}
	return " (pid " + pid + ")"
}

func openLog(dir string) (*os.File, error) {
	name := filepath.Join(dir, "server.log")
	if fi, err := os.Lstat(name); err == nil && fi.Size() > maxLog {
		if err := os.Rename(name, name+".1"); err != nil {
			return nil, fmt.Errorf("server log: %w", err)
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("server log: %w", err)
	}
	return f, nil
}

// logTail returns what the server has logged since the given offset, for an
// error message, with the log's name.
func logTail(dir string, since int64) string {
	name := filepath.Join(dir, "server.log")
	text := "; see " + name
	f, err := os.Open(name)
	if err != nil {
		return text
	}
	defer f.Close()
	b, _ := io.ReadAll(io.NewSectionReader(f, since, 4096))
	if said := strings.TrimSpace(string(b)); said != "" {
		text += ", which says:\n" + said
	}
	return text
}
