package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/audit"
	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/limit"
	"near-idp/internal/login"
	"near-idp/internal/logos"
	"near-idp/internal/logout"
	"near-idp/internal/metrics"
	"near-idp/internal/near"
	"near-idp/internal/oauth"
	"near-idp/internal/postgres"
	"near-idp/internal/text"
	"near-idp/internal/tracing"
	"near-idp/internal/web"
	"near-idp/web/templates"
)

// The one Store satisfies what each package asks of it.
var (
	_ login.Store        = (*postgres.Store)(nil)
	_ oauth.Store        = (*postgres.Store)(nil)
	_ keyring.Store      = (*postgres.Store)(nil)
	_ clients.Store      = (*postgres.Store)(nil)
	_ clients.UseStore   = (*postgres.Store)(nil)
	_ logos.Store        = (*postgres.Store)(nil)
	_ logout.Store       = (*postgres.Store)(nil)
	_ audit.Journal      = (*postgres.Store)(nil)
	_ web.Protocol       = (*oauth.Provider)(nil)
	_ web.Logins         = (*login.Service)(nil)
	_ web.FedCMProtocol  = (*oauth.Provider)(nil)
	_ account.AdminStore = (*postgres.Store)(nil)
)

// A provider is everything that answers the public side, wired together.
type provider struct {
	handler http.Handler
	store   *postgres.Store
	ring    *keyring.Ring
	clients *clients.Registry
	uses    *clients.Uses
	// policies are those in force; set replaces them.
	policies *policies
	limits   *rateLimits
	courier  *logout.Courier
	logos    *logos.Collector
	refusals *audit.Recorder
	audit    config.Audit
	log      *slog.Logger
	ready    *readiness

	admin         *adminSide
	adminListener net.Listener // nil: there is no admin side
	metrics       *metrics.Set
	opsListener   net.Listener       // nil: nobody reads metrics
	connections   *limit.Connections // to the public side; nil: not bounded
	certificate   *certificate       // nil: a proxy in front speaks TLS
	follower      *follower          // nil: there is no file to follow
	herald        *herald            // nil: nobody is told how it goes
	chain         *near.Client
	level         *slog.LevelVar // of the log; nil: it stays as it is
	issuer        string
}

// providerOptions are what development mode adds; production leaves them empty.
type providerOptions struct {
	Notice  string             // a banner on every page
	Wallets []templates.Wallet // offered before the configured ones
	Log     *slog.Logger
	Level   *slog.LevelVar // of Log; nil: it does not change

	tracer *tracing.Tracer // nil: nothing is recorded

	// count is newProvider's own: it is called with each request of the admin side.
	count func(route, method string, status int, took time.Duration)
}

// newProvider wires the provider over a migrated database. This is the only
// place where the packages meet.
func newProvider(ctx context.Context, cfg *config.Config, store *postgres.Store, opts providerOptions) (*provider, error) {
	ctx = idp.WithOrigin(ctx, idp.Origin{Actor: idp.ActorConfig})
	ring, err := openRing(ctx, cfg, store, opts.Log)
	if err != nil {
		return nil, err
	}
	if _, err := applyClients(ctx, cfg, store); err != nil {
		return nil, err
	}
	if err := recordConfig(ctx, store, map[string]any{"clients": len(cfg.Clients), "version": version}); err != nil {
		return nil, err
	}
	inForce := newPolicies(cfg)
	registry := clients.New(store, opts.Log, store.Now)
	registry.SetDefaults(inForce.defaults())
	ownClient := newBuiltIn(cfg)
	if cfg.Listen.Admin != config.AdminOff {
		registry.BuiltIn = []idp.Client{ownClient.client}
	}
	if err := registry.Reload(ctx); err != nil {
		return nil, fmt.Errorf("read clients: %w", err)
	}
	set := metrics.New(version)
	opts.count = countAdmin(set)
	chain, err := near.NewClient(near.Options{
		Network: cfg.Near.Network, URLs: cfg.Near.RPC,
		AllowUnfundedImplicit: cfg.Near.AllowUnfundedImplicit, Logger: opts.Log, Now: store.Now,
		Observe: func(ctx context.Context, host, outcome string, began time.Time, took time.Duration) {
			trace := ""
			if opts.tracer != nil {
				trace = opts.tracer.Asked(ctx, host, outcome, began, took)
			}
			set.RPC.Asked(host, outcome, took, trace)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("near.rpc: %w", err)
	}
	uses := clients.NewUses(store, opts.Log, store.Now)
	protocol, err := newProtocol(cfg, store, ring, registry, chain, uses, inForce)
	if err != nil {
		return nil, err
	}
	rates := newRateLimits(cfg.RateLimits)
	logins := login.New(login.Options{
		Store: store, Chain: chain, Issuer: protocol,
		IssuerURL: cfg.Issuer, Recipient: cfg.Near.Recipient, Network: cfg.Near.Network,
		TTL: cfg.Near.NonceTTL.Std(), Idle: cfg.Session.Idle.Std(), Absolute: cfg.Session.Absolute.Std(),
		RevokeOffline: cfg.Session.RevokeOfflineOnLogout, Now: store.Now,
		Unfinished: rates.unfinished, Accounts: rates.accounts,
	})
	refusals := audit.NewRecorder(store, opts.Log)
	listed, icons := wallets(cfg)
	ready := &readiness{store: store}
	handler, err := web.New(web.Options{
		Issuer: cfg.Issuer, Brand: cfg.Branding.Name, Network: cfg.Near.Network, Notice: opts.Notice,
		Wallets: append(opts.Wallets, listed...), Icons: append(icons, operatorIcons(cfg)...),
		Operator: operator(cfg), Logo: (&logos.Shelf{Known: registry.ShowsLogo, Read: store.LogoImage}).Logo,
		Announced: offers(cfg, config.Announced), CommandLine: offers(cfg, config.CommandLine), AnotherDevice: offers(cfg, config.Phone), Relays: relays(cfg, store),
		Logins: logins, Protocol: protocol, Clients: registry, Ready: ready.check, Describe: describe(cfg.Resources),
		Accounts: &account.Service{Store: store, Issuer: cfg.Issuer, Now: store.Now}, Sealer: ring,
		FedCM:        newFedCM(cfg, store, ring, protocol),
		TrustedProxy: inForce.trusts, Limits: rates.edge, Log: opts.Log, Audit: refusals.Record, Now: store.Now,
		Metrics: publicMetrics{set.Listener(listenerPublic), set.Logins}, Limited: set.Logins.Limited, Trace: requestTracer(opts.tracer),
	})
	if err != nil {
		return nil, err
	}
	courier := logout.New(logout.Options{
		Issuer: cfg.Issuer, Store: store, Clients: registry, Keys: ring, HTTP: traced(opts.tracer, "back-channel logout", outboundClient(cfg)), Log: opts.Log, Audit: refusals.Record, Now: store.Now,
	})
	collector := logos.New(logos.Options{Store: store, HTTP: logoClient(cfg), Log: opts.Log})
	side, err := newAdminSide(cfg, opts, ownClient, inForce, store, protocol, ring, logins, refusals.Record)
	if err != nil {
		return nil, err
	}
	p := &provider{handler: handler, store: store, ring: ring, clients: registry, uses: uses, policies: inForce, limits: rates, courier: courier, logos: collector, refusals: refusals, audit: cfg.Audit, log: opts.Log,
		admin: side, ready: ready, issuer: cfg.Issuer, metrics: set, chain: chain, level: opts.Level}
	store.Swept = set.Sweeps.Rows
	p.watch(chain, opts.tracer)
	return p, nil
}

// newFedCM wires what answers browsers' own requests; nil if they are not to be answered.
func newFedCM(cfg *config.Config, store *postgres.Store, ring *keyring.Ring, protocol *oauth.Provider) *web.FedCM {
	if !cfg.FedCM.Enabled {
		return nil
	}
	return &web.FedCM{Sessions: &login.FedCM{Store: store, MACs: ring.MACs}, Protocol: protocol, Applications: store.Applications}
}

// newProtocol wires what issues tokens.
func newProtocol(cfg *config.Config, store *postgres.Store, ring *keyring.Ring, registry *clients.Registry, chain *near.Client, uses *clients.Uses, inForce *policies) (*oauth.Provider, error) {
	return oauth.New(oauth.Options{
		Issuer: cfg.Issuer, Clients: registry, Keys: ring, Store: store,
		Chain: &recheck{chain, store, cfg.Near.Network}, RecheckGrace: cfg.Near.RecheckGrace.Std(),
		Lifetimes: cfg.Lifetimes.Default, DefaultAlg: cfg.Signing.DefaultAlg,
		RequireDPoPNonce: cfg.DPoP.RequireNonce,
		MatchRedirect:    clients.MatchRedirect, CheckSecret: uses.CheckSecret, Used: uses.Client, NearestClient: registry.Nearest,
		Profile: inForce.profile, ProfileClaims: inForce.claimNames, Allowed: inForce.allowed,
		Scopes: claims.Scopes(), UILocales: text.Tags(), Resources: cfg.Resources,
		Outbound: outboundClient(cfg), Now: store.Now,
	})
}

func openRing(ctx context.Context, cfg *config.Config, store *postgres.Store, log *slog.Logger) (*keyring.Ring, error) {
	v, err := keyVault(cfg, store)
	if err != nil {
		return nil, err
	}
	v.Log = log
	return keyring.Open(ctx, v)
}

// keyVault says how the signing keys are kept.
func keyVault(cfg *config.Config, store *postgres.Store) (keyring.Vault, error) {
	s := cfg.Signing
	v := keyring.Vault{Store: store, Algs: s.Algs, Schedule: keyring.Schedule{
		RotateEvery: s.RotateEvery.Std(), PublishBefore: s.PublishBefore.Std(), KeepAfter: s.KeepAfter.Std(),
		KeepMAC: keyring.DefaultSchedule.KeepMAC, // no client's refresh tokens may live longer
	}}
	for i, key := range cfg.Encryption.Keys {
		kek, err := keyring.ParseKEK(string(key))
		if err != nil {
			return v, fmt.Errorf("encryption.keys[%d]: %w", i, err)
		}
		v.KEKs = append(v.KEKs, kek)
	}
	return v, nil
}

func applyClients(ctx context.Context, cfg *config.Config, store *postgres.Store) (clients.Plan, error) {
	configured := make([]clients.Entry, len(cfg.Clients))
	for i, c := range cfg.Clients {
		configured[i] = clients.Entry{Client: c.Client, Secret: c.Secret, Where: cfg.Where(fmt.Sprintf("clients[%d]", i))}
	}
	return clientDefaults(cfg).ApplyConfig(ctx, store, configured)
}

// recordConfig tells the audit log that a configuration was applied.
func recordConfig(ctx context.Context, store *postgres.Store, details map[string]any) error {
	return store.AppendEvents(ctx, []idp.Event{{Type: "config.applied", Outcome: idp.OutcomeDone, Actor: idp.ActorConfig, Details: details}})
}

// describe says in plain words what a scope lets a client do.
func describe(resources []idp.Resource) func(scope string) text.Message {
	return func(scope string) text.Message {
		for _, resource := range resources {
			if slices.Contains(resource.Scopes, scope) {
				return claims.Permission
			}
		}
		return claims.Describe(scope)
	}
}
