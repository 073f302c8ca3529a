package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// unused are connections on which nothing was sent yet. Browsers and HTTP clients open
// some in reserve, and http.Server.Shutdown waits five seconds for each of them.
type unused struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// closeOnShutdown closes them once server shuts down and a request that was on its way
// has had time to arrive.
func closeOnShutdown(server *http.Server) {
	const patience = 500 * time.Millisecond
	u := unused{conns: map[net.Conn]struct{}{}}
	server.ConnState = u.follow
	server.RegisterOnShutdown(func() {
		time.Sleep(patience)
		u.closeAll()
	})
}

func (u *unused) follow(conn net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew {
		u.conns[conn] = struct{}{}
	} else {
		delete(u.conns, conn)
	}
}

func (u *unused) closeAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.conns {
		_ = conn.Close() // it is gone already, or goes now
	}
}
