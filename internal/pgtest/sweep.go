package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const prefix = "idp-test-"

// sweep removes the directories that killed test binaries left: in memory they
// would add up. It spares what is locked, which is in use, what is young, which
// may be about to be, and what belongs to somebody else.
func sweep(ctx context.Context, parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range dirs {
		if ctx.Err() == nil && abandoned(dir) {
			// What cannot be removed is left to the next run.
			_ = os.RemoveAll(dir)
		}
	}
}

func abandoned(dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || time.Since(fi.ModTime()) < 5*time.Minute {
		return false
	}
	if fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return false
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return true
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
