package demo

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// ErrPortTaken reports that another process listens on the port.
var ErrPortTaken = errors.New("the port is in use")

// portsTried is how many ports ListenFrom looks at.
const portsTried = 100

// A Listener accepts on one port of both loopback addresses. A browser that
// looks up "localhost" may try either, and behind the other one could be
// somebody else's server, who would be handed the cookies and the codes.
type Listener struct {
	parts    []net.Listener
	accepted chan net.Conn
	failed   chan error
	closed   chan struct{}
	close    sync.Once
}

var _ net.Listener = (*Listener)(nil)

// Listen listens on a port of 127.0.0.1 and, where the machine has it, of ::1. Port 0 is
// a free one. The error wraps ErrPortTaken if either is in use.
func Listen(port int) (*Listener, error) {
	for attempt := 0; ; attempt++ {
		l, err := listen(port)
		if port != 0 || !errors.Is(err, ErrPortTaken) || attempt == portsTried {
			return l, err
		}
	}
}

// ListenFrom is Listen on the first free port from first on.
func ListenFrom(first int) (*Listener, error) {
	for port := first; ; port++ {
		l, err := Listen(port)
		if !errors.Is(err, ErrPortTaken) || port == first+portsTried || port == 65535 {
			return l, err
		}
	}
}

func listen(port int) (*Listener, error) {
	v4, err := listenOn("127.0.0.1", port)
	if err != nil {
		return nil, err
	}
	l := &Listener{
		parts: []net.Listener{v4}, accepted: make(chan net.Conn), failed: make(chan error, 2),
		closed: make(chan struct{}),
	}
	v6, err := listenOn("::1", l.Port())
	switch {
	case err == nil:
		l.parts = append(l.parts, v6)
	case errors.Is(err, ErrPortTaken):
		v4.Close()
		return nil, err
	default:
		// The machine has no IPv6, so no browser on it can try.
	}
	for _, part := range l.parts {
		go l.acceptFrom(part)
	}
	return l, nil
}

func listenOn(host string, port int) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %w", address, ErrPortTaken)
	}
	return l, err
}

// Port is the port of both addresses.
func (l *Listener) Port() int { return l.parts[0].Addr().(*net.TCPAddr).Port }

// Addr is the IPv4 address.
func (l *Listener) Addr() net.Addr { return l.parts[0].Addr() }

func (l *Listener) acceptFrom(part net.Listener) {
	for {
		conn, err := part.Accept()
		if err != nil {
			l.failed <- err
			return
		}
		select {
		case l.accepted <- conn:
		case <-l.closed:
			conn.Close()
			return
		}
	}
}

// Accept returns the next connection on either address.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close stops accepting; connections stay.
func (l *Listener) Close() error {
	var err error
	l.close.Do(func() {
		close(l.closed)
		for _, part := range l.parts {
			err = errors.Join(err, part.Close())
		}
	})
	return err
}
