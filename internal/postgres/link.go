package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectPatience is how long each host may take to accept a connection.
	connectPatience = 3 * time.Second

	// answerPatience is how long a statement may take: less than what whoever asked has. A
	// network that swallows packets, or a commit that waits for a standby, says nothing at all.
	answerPatience = 10 * time.Second
)

// A link is a connection to the database that tells when it breaks.
type link struct {
	net.Conn
	patience time.Duration // for each answer; 0: as long as it takes
	ready    atomic.Bool   // the server has let us in
	left     atomic.Bool   // pgx gave the answer up, since whoever asked is gone
	broken   func()
}

// SetDeadline is called by pgx when the context of a statement ends.
func (l *link) SetDeadline(t time.Time) error {
	l.left.Store(!t.IsZero())
	return l.Conn.SetDeadline(t)
}

// Write also says until when the answer is waited for. That costs no memory, as
// a context with a deadline for each statement would.
func (l *link) Write(b []byte) (int, error) {
	if err := l.wait(); err != nil {
		return 0, err
	}
	n, err := l.Conn.Write(b)
	l.look(err)
	return n, err
}

// Read is patient anew with each part of an answer: a long one is no slow one.
func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if err == nil {
		err = l.wait()
	}
	l.look(err)
	return n, err
}

func (l *link) wait() error {
	if l.patience == 0 {
		return nil
	}
	err := l.SetReadDeadline(time.Now().Add(l.patience))
	if l.left.Load() { // pgx gave up in this very moment: its deadline counts
		err = l.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

// look tells errors of the network from those that are our own doing: the end of a
// statement whose sender left, and of the short connection by which it is then cancelled.
func (l *link) look(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed), l.left.Load() && l.ready.Load():
	case errors.Is(err, io.EOF) && !l.ready.Load():
	default:
		l.broken()
	}
}

// dial returns what connects, and has broken called when a connection breaks or cannot be made.
func dial(patience time.Duration, broken func()) pgconn.DialFunc {
	// A server that vanished without a word is noticed by connections that only wait, too.
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				broken()
			}
			return nil, err
		}
		return &link{Conn: conn, patience: patience, broken: broken}, nil
	}
}

// watchLinks has broken called when a connection that cfg makes breaks, or cannot be made.
func watchLinks(cfg *pgxpool.Config, patience time.Duration, broken func()) {
	cfg.ConnConfig.DialFunc = dial(patience, broken)
	prepare := cfg.AfterConnect
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := prepare(ctx, conn); err != nil {
			return err
		}
		if l := linkOf(conn.PgConn().Conn()); l != nil {
			l.ready.Store(true)
		}
		return nil
	}
	fatal := cfg.ConnConfig.OnPgError
	cfg.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if isGone(err.Code) {
			broken()
			return false
		}
		return fatal(conn, err)
	}
}

func linkOf(conn net.Conn) *link {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	l, _ := conn.(*link)
	return l
}

// isGone reports what a server says that shuts down or starts (57P01 to 57P03), or that is a
// standby, perhaps since a moment ago (25006).
func isGone(code string) bool {
	return len(code) == 5 && code[:4] == "57P0" || code == "25006"
}
