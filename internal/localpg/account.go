package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the account that PostgreSQL runs as when this process is root,
// since PostgreSQL refuses to be root. A nil account is this process's own.
type account struct {
	name     string
	uid, gid int
}

// serverAccount returns the owner of the cluster, or for a new cluster the
// first suitable account; nil unless this process is root.
func serverAccount(data string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if fi, err := os.Stat(data); err == nil {
		st := fi.Sys().(*syscall.Stat_t)
		return &account{fmt.Sprintf("number %d", st.Uid), int(st.Uid), int(st.Gid)}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid > 0 {
			return &account{name, uid, gid}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as: run idp as an ordinary user")
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// mkdir creates a directory that only the account can enter.
func (a *account) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	return a.chown(dir)
}

func (a *account) chown(dir string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("hand %s to the account %s: %w", dir, a.name, err)
	}
	return nil
}

// canEnter reports which directory on the way to dir keeps the account out, if
// one does. It tries instead of reading permission bits, which do not tell of
// access control lists. A directory that does not exist yet is left out.
func (a *account) canEnter(ctx context.Context, bin, dir string) error {
	if a == nil {
		return nil
	}
	enters := func(dir string) bool {
		return command(ctx, a, dir, filepath.Join(bin, "postgres"), "--version").Run() == nil
	}
	for !exists(dir) {
		dir = filepath.Dir(dir)
	}
	if enters(dir) {
		return nil
	}
	blocked := dir
	for parent := filepath.Dir(blocked); parent != blocked && !enters(parent); parent = filepath.Dir(blocked) {
		blocked = parent
	}
	if blocked == "/" {
		return fmt.Errorf("PostgreSQL does not run as root, and %s cannot be run as the account %s: run idp as an ordinary user", bin, a.name)
	}
	return fmt.Errorf("PostgreSQL does not run as root but as the account %s, which may not enter %s: choose a database directory outside it (database.data_dir, for example /var/lib/idp), or run idp as an ordinary user, or run: chmod o+x %s",
		a.name, blocked, blocked)
}

// Reachable reports why PostgreSQL could not be run in dir, which need not
// exist: another user's directory, or one that the account used in place of
// root may not enter. It lets a caller choose another directory beforehand.
func Reachable(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	if exists(dir) {
		if err := ownedByUs(dir); err != nil {
			return err
		}
	}
	acct, err := serverAccount(filepath.Join(dir, "data"))
	if acct == nil {
		return err
	}
	bin, err := binaries(ctx, 0, dir)
	if err != nil {
		return err
	}
	// The directory itself is left out: Start makes it passable.
	return acct.canEnter(ctx, bin, filepath.Dir(dir))
}

// prepareDir creates dir if it is missing and returns its path without links.
func prepareDir(dir string) (string, error) {
	passable := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		passable = 0o711
	}
	if err := mkdirAll(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, passable); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("database directory: %w", err)
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("database directory: %w", err)
	}
	if err := ownedByUs(dir); err != nil {
		return "", err
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("database directory: %w", err)
	}
	// The umask, or whoever made the directory, may have taken the passage.
	if mode := fi.Mode().Perm(); mode&passable != passable {
		if err := os.Chmod(dir, mode|passable); err != nil {
			return "", fmt.Errorf("database directory: %w", err)
		}
	}
	return dir, nil
}

// mkdirAll is os.MkdirAll, but what it creates is passable in spite of a
// strict umask.
func mkdirAll(dir string) error {
	if exists(dir) {
		return nil
	}
	if err := mkdirAll(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if err == nil && os.Geteuid() == 0 {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("database directory: %w", err)
	}
	return nil
}

// ownedByUs refuses a directory of another user: as root, files opened in it
// could be links that the user planted.
func ownedByUs(dir string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	if !fi.IsDir() {
		return fmt.Errorf("database directory %s is not a directory", dir)
	}
	if uid := int(fi.Sys().(*syscall.Stat_t).Uid); uid != os.Geteuid() {
		owner := strconv.Itoa(uid)
		if u, err := user.LookupId(owner); err == nil {
			owner = u.Username
		}
		return fmt.Errorf("database directory %s belongs to the user %s: run idp as that user, or choose another directory", dir, owner)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
