// Package localpg runs PostgreSQL as a child process, so that the provider
// starts with one command and no database to set up.
//
// The server listens on a Unix socket in a 0700 directory and on no TCP port:
// it needs no password, and it cannot collide with another PostgreSQL. A
// directory has one owner at a time, the process that started the server;
// other processes of the same user may attach to it.
//
// Below Options.Dir:
//
//	data/       the PostgreSQL cluster
//	run/        the socket, or a link to a short directory that holds it
//	server.log  what PostgreSQL says: errors, no values
//	lock        locked by the owner, with its process id inside
package localpg

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

var (
	// ErrNotInstalled reports that the PostgreSQL server is not installed, or
	// only in a version that does not fit. Its text says what to install.
	ErrNotInstalled = errors.New("PostgreSQL server not found")

	// ErrInUse reports that another process owns the directory.
	ErrInUse = errors.New("the built-in database is in use")
)

// Options configures Start and Open.
type Options struct {
	// Dir is the directory of the database. It is created if missing, and
	// must belong to the user of this process. As root it is made passable
	// for the account that PostgreSQL runs as. Required.
	Dir string

	// Settings are further server settings, each as "name=value"; they win
	// over those that this package chooses.
	Settings []string

	// Fast gives up durability: a crash of the machine destroys the database.
	// For tests.
	Fast bool
}

const (
	// takeover is how long Start waits for a short-lived owner, such as a
	// command line tool that is about to finish.
	takeover = 2 * time.Second

	// attachWait is how long Open waits for another owner to become ready.
	attachWait = time.Minute
)

// Start starts the server and owns it: Stop, or the end of this process, ends
// the server too. It returns once the server accepts connections, and fails
// with ErrInUse if another process owns the directory.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := newServer(opts)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Open returns the server of the directory: the running one if another process
// owns it, else one that this process starts and owns. Attaching to a running
// one needs no PostgreSQL binaries.
func Open(ctx context.Context, opts Options) (*Server, error) {
	s, err := newServer(opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for deadline := time.Now().Add(attachWait); ; {
		lock, err := acquire(s.dir)
		if err == nil {
			if err := s.launch(ctx, lock); err != nil {
				return nil, err
			}
			return s, nil
		}
		if !errors.Is(err, ErrInUse) {
			return nil, err
		}
		failed := s.attach(ctx)
		if failed == nil {
			return s, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%w, and does not answer: %w", err, failed)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// newServer prepares the directory.
func newServer(opts Options) (*Server, error) {
	if opts.Dir == "" {
		return nil, errors.New("the built-in database needs a directory")
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("database directory %q: %w", opts.Dir, err)
	}
	if dir, err = prepareDir(dir); err != nil {
		return nil, err
	}
	return &Server{opts: opts, dir: dir}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
