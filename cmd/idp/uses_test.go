package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// A token request says which client and which secret are in use; one that is refused says nothing.
func TestTokenRequestsAreNotedAsUse(t *testing.T) {
	dir := t.TempDir()
	secret := strings.Repeat("secret-", 8)
	text := strings.Replace(followedConfig, "clients_dir: clients.d\n", "", 1) + `
resources: [{uri: https://api.example.com, scopes: [read]}]
clients:
  - {client_id: robot, grant_types: [client_credentials], scope: read, secret: ` + secret + `}
  - {client_id: idle, grant_types: [client_credentials], scope: read, secret: ` + secret + `}
`
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	store := postgres.New(pgtest.New(t))
	p, err := newProvider(t.Context(), cfg, store, providerOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.uses.Run(ctx, time.Hour) })
	token := func(id, secret string, want int) {
		t.Helper()
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
		r := httptest.NewRequest(http.MethodPost, "https://id.example.com/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		if p.handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
	token("robot", secret, http.StatusOK)
	token("idle", secret+"x", http.StatusUnauthorized)
	stop()
	running.Wait()
	s := clients.Service{Store: store}
	for id, used := range map[string]bool{"robot": true, "idle": false} {
		c, err := s.Client(t.Context(), id)
		if err != nil || used == c.LastUsedAt.IsZero() || used == c.Secrets[0].LastUsedAt.IsZero() {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
	}
}
