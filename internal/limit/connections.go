package limit

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections bound how many connections a server has, and how many of them one sender. Where there is no
// room for a new one, that goes which has rested longest, waiting for a request or for
// the rest of its headers; if none rests, the new one goes. Nobody waits for room, so nothing piles up.
type Connections struct {
	Total, PerSender int
	// Shared reports an address that speaks for many senders, such as a proxy's: only Total bounds it. Nil: none does.
	Shared func(netip.Addr) bool
	// Full is told, in the accepting goroutine, the bucket that had no room; nil: nobody is.
	Full func(bucket string)

	mu      sync.Mutex
	open    map[net.Conn]*connection
	waiting list.List // of all, those whose state changed longest ago first
	senders map[Key]*list.List
}

// The buckets of Full.
const (
	FullTotal  = "max_connections"
	FullSender = "max_connections_per_sender"
)

// searched is how many connections are looked at for one that rests.
const searched = 100

type connection struct {
	conn   net.Conn
	key    Key
	rests  bool
	places [2]*list.Element // among all, and among those of its sender
}

// Guard makes server obey, besides what its ConnState does already.
func (c *Connections) Guard(server *http.Server) {
	c.open, c.senders = map[net.Conn]*connection{}, map[Key]*list.List{}
	next := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if next != nil {
			next(conn, state)
		}
		c.follow(conn, state)
	}
}

// Open returns how many connections there are.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func (c *Connections) follow(conn net.Conn, state http.ConnState) {
	var gone net.Conn
	var full string
	c.mu.Lock()
	switch one := c.open[conn]; {
	case state == http.StateNew:
		gone, full = c.admit(conn)
	case one == nil: // it had to go
	case state == http.StateClosed || state == http.StateHijacked:
		c.remove(one)
	default:
		one.rests = state == http.StateIdle
		c.waiting.MoveToBack(one.places[0])
		if own := c.senders[one.key]; own != nil {
			own.MoveToBack(one.places[1])
		}
	}
	c.mu.Unlock()
	if gone != nil {
		cut(gone)
		if c.Full != nil {
			c.Full(full)
		}
	}
}

// admit counts a new connection. If there is no room, it returns the one that has to go, and why.
func (c *Connections) admit(conn net.Conn) (gone net.Conn, full string) {
	key := c.keyOf(conn)
	own := c.senders[key]
	switch {
	case own != nil && own.Len() >= c.PerSender:
		full = FullSender
		gone = c.evict(own)
	case len(c.open) >= c.Total:
		full = FullTotal
		gone = c.evict(&c.waiting)
	}
	if full != "" && gone == nil {
		return conn, full
	}
	one := &connection{conn: conn, key: key, rests: true}
	one.places[0] = c.waiting.PushBack(one)
	if key != 0 {
		if own = c.senders[key]; own == nil { // evicted above, perhaps
			own = list.New()
			c.senders[key] = own
		}
		one.places[1] = own.PushBack(one)
	}
	c.open[conn] = one
	return gone, full
}

// keyOf is the sender's, or nobody's for who speaks for many.
func (c *Connections) keyOf(conn net.Conn) Key {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if c.Shared != nil && c.Shared(addr) {
		return 0
	}
	return SenderOf(addr).Key
}

// evict removes the connection of a list that has rested longest, if one is found soon.
func (c *Connections) evict(from *list.List) net.Conn {
	for at, n := from.Front(), 0; at != nil && n < searched; at, n = at.Next(), n+1 {
		if one := at.Value.(*connection); one.rests {
			c.remove(one)
			return one.conn
		}
	}
	return nil
}

func (c *Connections) remove(one *connection) {
	delete(c.open, one.conn)
	c.waiting.Remove(one.places[0])
	if own := c.senders[one.key]; own != nil {
		own.Remove(one.places[1])
		if own.Len() == 0 {
			delete(c.senders, one.key)
		}
	}
}

// cut closes without TLS's farewell, which would wait for who does not read.
func cut(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close() // it is gone either way
}
