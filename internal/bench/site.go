package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"near-idp/internal/localpg"
	"near-idp/internal/neartest"
)

const people = 16384

// A site is all that the subjects need: a database server on disk and a chain with
// accounts on it.
type site struct {
	dir      string
	binary   string // idp
	floor    string // the floor program
	database *localpg.Server
	meter    *meter
	chain    *http.Server
	rpc      string // URL of the chain
	crowd    *crowd
	secret   string // of every client, and the encryption key
	serial   int
	began    time.Time
	progress io.Writer // nil: nobody waits
}

// say tells whoever waits what is being done.
func (s *site) say(format string, args ...any) {
	if s.progress != nil {
		fmt.Fprintf(s.progress, "%5.0fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// newSite starts everything but the provider.
func newSite(ctx context.Context, binary string) (*site, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("CPU time and memory are read from /proc, which only Linux has")
	}
	s := &site{binary: binary, began: time.Now(), secret: rand.Text() + rand.Text()}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) start(ctx context.Context) error {
	var err error
	if s.dir, err = directory(ctx); err != nil {
		return err
	}
	if err := s.startDatabase(ctx); err != nil {
		return err
	}
	if s.meter, err = newMeter(ctx, s.database.DSN(), filepath.Join(s.dir, "external", "data")); err != nil {
		return err
	}
	if err := s.startChain(); err != nil {
		return err
	}
	s.floor = filepath.Join(s.dir, "floor")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", s.floor, "near-idp/internal/bench/floor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the floor program: %w\n%s", err, out)
	}
	return nil
}

// startDatabase starts PostgreSQL as a small server is set up for this, the same for
// every subject: durable, with no checkpoint but those that a measurement asks for, so that no
// figure has the images of pages that follow one.
func (s *site) startDatabase(ctx context.Context) error {
	options := localpg.Options{Dir: filepath.Join(s.dir, "external"), Settings: []string{
		"shared_buffers=256MB", "max_connections=200", "checkpoint_timeout=1h", "min_wal_size=512MB", "max_wal_size=8GB",
		"shared_preload_libraries=pg_stat_statements",
	}}
	var err error
	if s.database, err = localpg.Start(ctx, options); err == nil {
		return nil
	}
	// Without the extension everything else can be measured.
	options.Settings = options.Settings[:len(options.Settings)-1]
	s.database, err = localpg.Start(ctx, options)
	return err
}

// createDatabase makes an empty one and returns its name.
func (s *site) createDatabase(ctx context.Context, prefix string) (string, error) {
	s.serial++
	name := fmt.Sprintf("%s_%d", prefix, s.serial)
	_, err := s.meter.conn.Exec(ctx, "CREATE DATABASE "+name)
	return name, err
}

func (s *site) dsn(database string) string {
	return strings.Replace(s.database.DSN(), "dbname=idp", "dbname="+database, 1)
}

// directory makes one in which PostgreSQL can run, on a disk if there is one.
func directory(ctx context.Context) (string, error) {
	var failed error
	for _, parent := range []string{"/var/tmp", os.TempDir(), "/tmp"} {
		if err := localpg.Reachable(ctx, filepath.Join(parent, "idp-bench-x", "x")); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		dir, err := os.MkdirTemp(parent, "idp-bench-")
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		// As root, PostgreSQL runs as another account, which has to pass.
		return dir, os.Chmod(dir, 0o711)
	}
	return "", failed
}

func (s *site) startChain() error {
	chain := neartest.NewChain("testnet")
	s.crowd = &crowd{}
	for i := range people {
		p := newPerson(fmt.Sprintf("person-%d.testnet", i))
		chain.AddKey(p.wallet.AccountID, p.key, neartest.FullAccess)
		s.crowd.people = append(s.crowd.people, p)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.rpc = "http://" + listener.Addr().String()
	s.chain = &http.Server{Handler: chain}
	go func() { _ = s.chain.Serve(listener) }()
	return nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

func (s *site) close() {
	if s.chain != nil {
		s.chain.Close()
	}
	if s.meter != nil {
		s.meter.conn.Close(context.Background())
	}
	if s.database != nil {
		if err := s.database.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
