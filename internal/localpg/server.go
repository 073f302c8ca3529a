package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// shutdownGrace is how long Stop lets other processes finish their work.
	shutdownGrace = 3 * time.Second

	// shutdownLimit is how long Stop waits for the final checkpoint.
	shutdownLimit = 30 * time.Second

	// answerLimit is how long a starting server may be silent.
	answerLimit = 30 * time.Second
)

// A Server is a PostgreSQL server that this process owns or is attached to.
// Its methods may be called from several goroutines.
type Server struct {
	opts     Options
	dir      string
	attached bool

	mu   sync.Mutex
	host string // directory of the socket
	run  *process
}

// process is one life of an owned server.
type process struct {
	cmd  *exec.Cmd
	lock *os.File
	done chan struct{}
	err  error // how it ended; read after done
}

// DSN returns the connection string of the server's database, in the keyword
// form that pgx and libpq read. It holds no secret.
func (s *Server) DSN() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dsn(s.host, "idp")
}

// Attached reports whether another process owns the server.
func (s *Server) Attached() bool { return s.attached }

// Done returns a channel that is closed when the owned server has exited, by
// Stop or by itself. It is nil, and so never ready, for an attached server.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	return s.run.done
}

// Restart starts an owned server again after Stop, or after it exited by
// itself, on the same directory.
func (s *Server) Restart(ctx context.Context) error {
	if s.attached {
		return errors.New("restart: another process owns this database server")
	}
	if err := ignoreExit(s.halt(true)); err != nil {
		return err
	}
	return s.start(ctx)
}

// Stop shuts an owned server down and waits until it has exited. Processes
// attached to it get a short time to finish. Stopping twice, or stopping an
// attached server, does nothing.
func (s *Server) Stop() error { return s.halt(false) }

// halt is Stop. Of a server that starts again the directory of its socket stays, so that
// nobody can put one of theirs in its place meanwhile.
func (s *Server) halt(again bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	err := s.run.stop(s.opts.Fast)
	if !again {
		removeSocketDir(s.dir)
	}
	s.run.lock.Close()
	s.run = nil
	return err
}

// stop escalates from PostgreSQL's smart shutdown (wait for other sessions) to
// fast (end them) to immediate (recover at the next start).
func (p *process) stop(hurry bool) error {
	steps := []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGTERM, shutdownGrace}, {syscall.SIGINT, shutdownLimit}, {syscall.SIGQUIT, shutdownLimit}}
	if hurry {
		steps = steps[1:]
	}
	for _, step := range steps {
		if err := p.cmd.Process.Signal(step.sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop PostgreSQL: %w", err)
		}
		select {
		case <-p.done:
			if p.err != nil {
				return fmt.Errorf("PostgreSQL ended badly: %w", p.err)
			}
			return nil
		case <-time.After(step.wait):
		}
	}
	return fmt.Errorf("PostgreSQL (pid %d) does not stop", p.cmd.Process.Pid)
}

// start takes the directory's lock and launches the server.
func (s *Server) start(ctx context.Context) error {
	deadline := time.Now().Add(takeover)
	for {
		lock, err := acquire(s.dir)
		if err == nil {
			return s.launch(ctx, lock)
		}
		if !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// launch starts the server and waits until it is ready. It takes over lock.
func (s *Server) launch(ctx context.Context, lock *os.File) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.host != ""
	defer func() {
		if err != nil {
			if !again {
				removeSocketDir(s.dir)
			}
			lock.Close()
		}
	}()
	bin, acct, err := s.prepareCluster(ctx)
	if err != nil {
		return err
	}
	if err := endOrphan(ctx, s.dir); err != nil {
		return err
	}
	if s.host != "" && exists(s.host) {
		clearSocketDir(s.host)
	} else if s.host, err = makeSocketDir(s.dir, acct); err != nil {
		return err
	}
	log, err := openLog(s.dir)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("server log: %w", err)
	}
	data := filepath.Join(s.dir, "data")
	cmd := command(context.WithoutCancel(ctx), acct, data, filepath.Join(bin, "postgres"), s.args(data)...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := spawn(cmd, lock)
	if err != nil {
		return err
	}
	if err := s.ready(ctx, p); err != nil {
		// A failed start is ended at once: nobody has used the server yet.
		return errors.Join(fmt.Errorf("%w%s", err, logTail(s.dir, before)), ignoreExit(p.stop(true)))
	}
	s.run = p
	return nil
}

// ignoreExit drops the exit status of a server whose end is known already.
func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// spawn starts cmd such that it ends with this process.
func spawn(cmd *exec.Cmd, lock *os.File) (*process, error) {
	p := &process{cmd: cmd, lock: lock, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent death signal follows the thread that forked, so that
		// thread is kept for as long as the server lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return p, nil
}

// ready waits until the server accepts connections, and creates the database
// on the first start. It waits for as long as the server says that it is
// recovering from a crash, but not for a server that does not answer.
func (s *Server) ready(ctx context.Context, p *process) error {
	lastAnswer := time.Now()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		conn, err := pgx.Connect(ctx, dsn(s.host, "template1"))
		if err == nil {
			defer conn.Close(context.WithoutCancel(ctx))
			return createDatabase(ctx, conn)
		}
		if refusal := (*pgconn.PgError)(nil); errors.As(err, &refusal) && refusal.Code == "57P03" {
			lastAnswer = time.Now()
		}
		if time.Since(lastAnswer) > answerLimit {
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
		select {
		case <-p.done:
			return errors.New("PostgreSQL exited at its start")
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w (%w)", context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

func createDatabase(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'idp')").Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE idp")
	}
	if err != nil {
		return fmt.Errorf("create database idp: %w", err)
	}
	return nil
}

// attach connects to the server of another owner.
func (s *Server) attach(ctx context.Context) error {
	host, err := socketDir(s.dir)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn(host, "idp"))
	if err != nil {
		return err
	}
	s.host, s.attached = host, true
	return conn.Close(ctx)
}

// dsn names every setting that the environment could change otherwise.
func dsn(host, database string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(host)
	return fmt.Sprintf("host='%s' port=5432 user=idp dbname=%s sslmode=disable", quoted, database)
}
