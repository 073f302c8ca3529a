package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/demo"
	"near-idp/internal/idp"
	"near-idp/internal/near"
	"near-idp/internal/oauth"
	"near-idp/internal/postgres"
)

// localTokens are what issues tokens, in this process, for the few commands that ask: only
// then is it wired, and are the signing keys opened.
type localTokens struct {
	protocol func() (*oauth.Provider, error)
}

var _ admin.Tokens = localTokens{}

func newLocalTokens(ctx context.Context, cfg *config.Config, store *postgres.Store) localTokens {
	return localTokens{sync.OnceValues(func() (*oauth.Provider, error) {
		ring, err := openRing(ctx, cfg, store, quiet())
		if err != nil {
			return nil, err
		}
		inForce := newPolicies(cfg)
		registry := clients.New(store, quiet(), time.Now)
		registry.SetDefaults(inForce.defaults())
		if err := registry.Reload(ctx); err != nil {
			return nil, fmt.Errorf("read clients: %w", err)
		}
		chain, err := near.NewClient(near.Options{Network: cfg.Near.Network, URLs: cfg.Near.RPC, Logger: quiet()})
		if err != nil {
			return nil, fmt.Errorf("near.rpc: %w", err)
		}
		return newProtocol(cfg, store, ring, registry, chain, clients.NewUses(store, quiet(), time.Now), inForce)
	})}
}

// Preview is oauth.Provider's.
func (t localTokens) Preview(c *idp.Client, who idp.Identity, scope string, resources []string) (*oauth.Preview, error) {
	p, err := t.protocol()
	if err != nil {
		return nil, err
	}
	return p.Preview(c, who, scope, resources)
}

// Examine is oauth.Provider's.
func (t localTokens) Examine(ctx context.Context, token string) (*oauth.Introspection, error) {
	p, err := t.protocol()
	if err != nil {
		return nil, err
	}
	return p.Examine(ctx, token)
}

// EndToken is oauth.Provider's.
func (t localTokens) EndToken(ctx context.Context, token string, dry bool) error {
	p, err := t.protocol()
	if err != nil {
		return err
	}
	return p.EndToken(ctx, token, dry)
}

// openKeys gives the configuration of the development instance its encryption key.
func (t target) openKeys(cfg *config.Config) error {
	if !*t.dev {
		return nil
	}
	key, err := demo.LoadKey(filepath.Join(cfg.Database.DataDir, devKeyFile))
	if err == nil {
		cfg.Encryption.Keys = []idp.Secret{key}
	}
	return err
}
