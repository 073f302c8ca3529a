package localpg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Clone copies the database of a running server into the directory of opts, which must not
// hold one yet. Start then follows that server as its standby, until it is promoted.
// source is a connection string of a role that may replicate; its application_name is the
// standby's name.
func Clone(ctx context.Context, opts Options, source string) error {
	s, err := newServer(opts)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	bin, err := binaries(ctx, 0, data)
	if err != nil {
		return err
	}
	acct, err := serverAccount(data)
	if err != nil {
		return err
	}
	if err := acct.canEnter(ctx, bin, s.dir); err != nil {
		return err
	}
	if err := acct.mkdir(data); err != nil {
		return err
	}
	cmd := command(ctx, acct, data, filepath.Join(bin, "pg_basebackup"),
		"-D", data, "-d", source, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(data)
		return fmt.Errorf("pg_basebackup: %w\n%s", err, bytes.TrimSpace(out))
	}
	return syncDir(s.dir)
}
