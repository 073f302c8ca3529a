package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/admin"
	"near-idp/internal/audit"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/postgres"
)

var _ admin.Store = (*postgres.Store)(nil)

// newAdmin wires the admin API over a migrated database. tokens is nil where none are issued.
func newAdmin(cfg *config.Config, store *postgres.Store, live *policies, tokens admin.Tokens, opts providerOptions) *admin.Server {
	keys, err := keyVault(cfg, store)
	if err != nil { // without the right encryption keys, keys are shown and not changed
		keys.KEKs = nil
	}
	keys.Log = opts.Log
	return admin.New(admin.Options{
		Keys: keys, Tokens: tokens,
		Issuer: cfg.Issuer, Network: cfg.Near.Network, Algs: cfg.Signing.Algs, Version: version, Store: store, Ready: store.Ping, Log: opts.Log, Count: opts.count,
		Clients:  &clients.Service{Store: store, Live: live.defaults},
		Accounts: &account.Admin{Store: store, Network: cfg.Near.Network},
		Audit:    &audit.Log{Store: store},
	})
}

// listenAdmin takes the address of the admin side; nil if it is off.
func listenAdmin(cfg *config.Config) (net.Listener, error) {
	if cfg.Listen.Admin == config.AdminOff {
		return nil, nil
	}
	listener, err := net.Listen("tcp", cfg.Listen.Admin)
	if err != nil {
		return nil, fmt.Errorf(`listen.admin: %w; choose another address, or "off"`, err)
	}
	return listener, nil
}

// serveAdmin answers administrators until ctx ends.
func (p *provider) serveAdmin(ctx context.Context, listener net.Listener) error {
	server := p.server(p.admin)
	server.RegisterOnShutdown(p.admin.api.EndStreams)
	return serveBeside(ctx, server, listener)
}

// serveBeside answers until ctx ends, and then lets requests under way finish.
func serveBeside(ctx context.Context, server *http.Server, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		grace, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // a request that takes too long
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}
