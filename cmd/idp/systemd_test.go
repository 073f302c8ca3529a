package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
	"near-idp/internal/systemd"
)

// A process that runs and answers nobody must not look alive.
func TestProviderThatDoesNotAnswerSendsNoSignOfLife(t *testing.T) {
	hung := make(chan struct{})
	defer close(hung)
	answer := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	store := postgres.New(pgtest.New(t))
	for name, c := range map[string]struct {
		handler http.Handler
		alive   bool
	}{
		"lively": {answer(http.StatusOK), true},
		"broken": {answer(http.StatusInternalServerError), false},
		"hung":   {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }), false},
	} {
		if heard := attended(t, store, c.handler); strings.Contains(heard, systemd.Alive) != c.alive {
			t.Errorf("%s: told %q", name, heard)
		}
	}
}

// attended is what a service manager hears of a provider with this handler in three rounds.
func attended(t *testing.T, store *postgres.Store, handler http.Handler) (heard string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "300000")
	manager, err := systemd.Open()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p := &provider{log: log, store: store, issuer: "https://id.example.com", handler: handler, ready: &readiness{store: store}, herald: &herald{manager: manager, log: log}}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { p.attend(ctx) })
	defer group.Wait()
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	for rounds := 0; rounds < 3; {
		n, err := conn.Read(message)
		if err != nil {
			t.Fatalf("%v after %q", err, heard)
		}
		heard += string(message[:n]) + "\n"
		if strings.HasPrefix(string(message[:n]), "STATUS=") { // which ends a round
			rounds++
			p.herald.mu.Lock()
			p.herald.status = "" // or it would not be said again
			p.herald.mu.Unlock()
		}
	}
	return heard
}
