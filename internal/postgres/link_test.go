package postgres

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// echoes is a server that answers each message with parts, a pause apart.
func echoes(t *testing.T, parts int, pause time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for buffer := make([]byte, 16); ; {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					for range parts {
						time.Sleep(pause)
						if _, err := conn.Write([]byte("x")); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// askFor sends a message and reads an answer of so many parts.
func askFor(t *testing.T, address string, parts int, patience time.Duration, while func(net.Conn)) error {
	t.Helper()
	conn, err := dial(patience, func() {})(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("?")); err != nil {
		return err
	}
	while(conn)
	for read := 0; read < parts; {
		n, err := conn.Read(make([]byte, 16))
		if err != nil {
			return err
		}
		read += n
	}
	return nil
}

// The clients of a large installation come for longer than an outage is waited for.
func TestLongAnswerIsNoOutage(t *testing.T) {
	t.Parallel()
	nothing := func(net.Conn) {}
	if err := askFor(t, echoes(t, 12, 200*time.Millisecond), 12, time.Second, nothing); err != nil {
		t.Errorf("an answer that keeps coming: %v", err)
	}
	var network net.Error
	if err := askFor(t, echoes(t, 1, time.Minute), 1, 200*time.Millisecond, nothing); !errors.As(err, &network) || !network.Timeout() {
		t.Errorf("a server that says nothing: %v", err)
	}
	start := time.Now()
	err := askFor(t, echoes(t, 100, 100*time.Millisecond), 100, time.Minute, func(conn net.Conn) {
		time.AfterFunc(300*time.Millisecond, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	})
	if !errors.As(err, &network) || !network.Timeout() || time.Since(start) > 5*time.Second {
		t.Errorf("an answer that pgx gave up: %v after %s", err, time.Since(start))
	}
}
