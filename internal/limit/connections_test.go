package limit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A hall is a server with bounds, on loopback, where each 127.0.0.x is a sender.
type hall struct {
	*testing.T
	*Connections
	address string
	full    sync.Map // bucket to *atomic.Int64
	hold    chan struct{}
}

func newHall(t *testing.T, c *Connections) *hall {
	h := &hall{T: t, Connections: c, hold: make(chan struct{})}
	c.Full = func(bucket string) {
		n, _ := h.full.LoadOrStore(bucket, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			w.(http.Flusher).Flush()
			select {
			case <-h.hold:
			case <-r.Context().Done(): // its sender has left
			}
		}
		fmt.Fprint(w, "here")
	})}
	c.Guard(server)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { close(h.hold); server.Close(); <-done })
	return h
}

func (h *hall) told(bucket string) int64 {
	n, ok := h.full.Load(bucket)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// dial connects from a loopback address.
func (h *hall) dial(from string) net.Conn {
	h.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	conn, err := dialer.Dial("tcp", h.address)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.Close() })
	return conn
}

// get asks on a connection and returns what is answered, or "" on one that was closed.
func (h *hall) get(conn net.Conn, path string) string {
	h.Helper()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return ""
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return ""
	}
	if path == "/hold" { // its headers are here
		return "held"
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

func (h *hall) closed(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := conn.Read(make([]byte, 1))
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

func (h *hall) await(n int) {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); h.Open() != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("%d connections are open, not %d", h.Open(), n)
		}
	}
}

// H03: thousands of connections that say nothing take neither the server nor its memory, from
// however many addresses, and whoever comes meanwhile is served at once.
func TestCrowdOfSilentConnectionsHoldsUpNobody(t *testing.T) {
	const total, perSender, crowd = 600, 50, 4000
	h := newHall(t, &Connections{Total: total, PerSender: perSender})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range crowd {
		conn := h.dial(fmt.Sprintf("127.0.1.%d", 1+i%100))
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: ") // slowloris
		}
		if i%500 == 0 {
			if got := h.get(h.dial("127.0.0.2"), "/"); got != "here" {
				t.Errorf("in a crowd of %d: %q", i, got)
			}
		}
		if n := h.Open(); n > total {
			t.Fatalf("%d connections are open", n)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes of heap and stacks for each of %d connections, both ends", (after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/uint64(h.Open()), h.Open())
	if h.told(FullTotal) == 0 {
		t.Error("nobody was told")
	}
}

// One sender takes its own share and no more: its oldest connections make room for its newest.
func TestOneSenderCannotTakeAllConnections(t *testing.T) {
	h := newHall(t, &Connections{Total: 100, PerSender: 10})
	neighbour := h.dial("127.0.0.3")
	if h.get(neighbour, "/") != "here" {
		t.Fatal("not served")
	}
	var greedy []net.Conn
	for range 50 {
		greedy = append(greedy, h.dial("127.0.0.4"))
	}
	// The system takes connections before the server does.
	for deadline := time.Now().Add(20 * time.Second); h.told(FullSender) < 40 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	h.await(11)
	if !h.closed(greedy[0]) || !h.closed(greedy[39]) || h.told(FullSender) != 40 {
		t.Errorf("the oldest are open; told %d times", h.told(FullSender))
	}
	for _, conn := range []net.Conn{neighbour, greedy[49], greedy[40]} {
		if got := h.get(conn, "/"); got != "here" {
			t.Errorf("%s: %q", conn.LocalAddr(), got)
		}
	}
}

// Who is being answered is not cut off for who comes later; the latter is turned away instead.
func TestRequestsUnderWayAreNotCutOff(t *testing.T) {
	h := newHall(t, &Connections{Total: 5, PerSender: 5})
	var busy []net.Conn
	for i := range 5 {
		busy = append(busy, h.dial(fmt.Sprintf("127.0.0.%d", 10+i)))
		if got := h.get(busy[i], "/hold"); got != "held" {
			t.Fatalf("%q", got)
		}
	}
	if !h.closed(h.dial("127.0.0.99")) {
		t.Error("there was room")
	}
	busy[0].Close()
	h.await(4)
	if got := h.get(h.dial("127.0.0.99"), "/"); got != "here" {
		t.Errorf("once one has left: %q", got)
	}
}

// A proxy speaks for everybody, and is bounded by the total alone.
func TestProxyIsNotOneSender(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.5")
	h := newHall(t, &Connections{Total: 20, PerSender: 3, Shared: func(a netip.Addr) bool { return a == proxy }})
	var conns []net.Conn
	for range 15 {
		conns = append(conns, h.dial("127.0.0.5"))
	}
	h.await(15)
	for _, conn := range conns {
		if h.get(conn, "/") != "here" {
			t.Fatal("cut off")
		}
		conn.Close()
	}
	h.await(0)
	if len(h.senders) != 0 || h.waiting.Len() != 0 {
		t.Errorf("%d senders and %d connections are remembered", len(h.senders), h.waiting.Len())
	}
}
