package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// prepareCluster creates the cluster on the first start. It returns the
// directory of the fitting binaries and the account to run them as.
func (s *Server) prepareCluster(ctx context.Context) (bin string, acct *account, err error) {
	data := filepath.Join(s.dir, "data")
	major, err := clusterVersion(data)
	if err != nil {
		return "", nil, err
	}
	if bin, err = binaries(ctx, major, data); err != nil {
		return "", nil, err
	}
	if acct, err = serverAccount(data); err != nil {
		return "", nil, err
	}
	if err := acct.canEnter(ctx, bin, s.dir); err != nil {
		return "", nil, err
	}
	if major == 0 {
		err = s.initdb(ctx, bin, acct, data)
	}
	return bin, acct, err
}

// clusterVersion returns the major version that wrote the cluster, 0 if there
// is none.
func clusterVersion(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(data); err == nil {
			return 0, fmt.Errorf("%s exists but is not a PostgreSQL database: move it away, or choose another directory", data)
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("database version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("database version in %s: %w", data, err)
	}
	return major, nil
}

// initdb creates the cluster beside its place and then moves it there, so that
// an interrupted initdb leaves nothing that looks like a database.
func (s *Server) initdb(ctx context.Context, bin string, acct *account, data string) error {
	unfinished := data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished database: %w", err)
	}
	if err := acct.mkdir(unfinished); err != nil {
		return err
	}
	args := []string{"-D", unfinished, "-U", "idp", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"}
	if s.opts.Fast {
		args = append(args, "--no-sync", "--wal-segsize=1")
	}
	cmd := command(ctx, acct, unfinished, filepath.Join(bin, "initdb"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(unfinished)
		return fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(unfinished, data); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// command returns a PostgreSQL program to be run as acct. Its environment is
// bare: PG* variables would change what it does, and the provider's own
// variables may hold secrets.
func command(ctx context.Context, acct *account, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = childAttributes(acct.credential())
	return cmd
}

// args returns the server's command line. Memory is modest, since the database
// shares a small machine with the provider and holds little.
func (s *Server) args(data string) []string {
	settings := []string{
		"listen_addresses=",
		"unix_socket_directories=" + quoteDirectory(s.host),
		"unix_socket_permissions=0700",
		"cluster_name=idp",
		"shared_buffers=32MB",
		"max_connections=60",
		"huge_pages=off",
		"jit=off",
		"max_parallel_workers_per_gather=0",
		"max_wal_senders=0",
		"wal_level=minimal",
		"max_wal_size=256MB",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_checkpoints=off",
		// The detail line of an error quotes values.
		"log_error_verbosity=terse",
	}
	if s.opts.Fast {
		settings = append(settings, "fsync=off", "full_page_writes=off", "autovacuum=off", "min_wal_size=8MB", "max_wal_size=64MB")
	}
	args := []string{"-D", data, "-p", "5432"}
	for _, setting := range append(settings, s.opts.Settings...) {
		args = append(args, "-c", setting)
	}
	return args
}

// quoteDirectory quotes one entry of PostgreSQL's list of directories.
func quoteDirectory(dir string) string {
	return `"` + strings.ReplaceAll(dir, `"`, `""`) + `"`
}
