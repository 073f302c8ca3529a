package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/postgres"
	"near-idp/internal/systemd"
	"near-idp/internal/tracing"
)

// runServe is the production path: "idp serve".
func runServe(ctx context.Context, args []string) error {
	flags := newFlags("serve")
	file := configFlag(flags)
	migrate := flags.Bool("migrate", false, "bring the schema up to date even if database.migrate_on_start is false")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := config.Find(*file, os.LookupEnv)
	if err != nil {
		return err
	}
	cfg, files, err := loadFiles(path)
	if err != nil {
		return err
	}
	log, level, err := newLogger(cfg)
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		log.Warn(warning)
	}
	manager, err := systemd.Open()
	if err != nil {
		return err
	}
	herald := &herald{manager: manager, log: log}
	herald.tell("Starting: waiting for the database")
	tracer := newTracer(cfg, log)
	defer closeTracer(tracer, log)
	store, stop, err := startStore(ctx, cfg, tracer, log)
	if err != nil {
		return err
	}
	defer stop()
	if cfg.Database.MigrateOnStart || *migrate {
		herald.tell("Starting: migrating the database")
		applied, _, err := migrateStore(ctx, store)
		if err != nil {
			return err
		}
		for _, name := range applied {
			log.Info("migrated", "step", name)
		}
	}
	schema, err := requireSchema(ctx, cfg, store)
	if err != nil {
		return err
	}
	if schema.Newer() {
		log.Warn("a newer release migrated the database; this one may run on it until the upgrade is complete", "database", schema.Applied, "release", schema.Known)
	}
	p, err := newProvider(ctx, cfg, store, providerOptions{Log: log, Level: level, tracer: tracer})
	if err != nil {
		return err
	}
	p.herald = herald
	p.follower = &follower{path: path, files: files, running: cfg, settle: configSettle, provider: p, log: log}
	p.connections = openConnections(cfg, p.policies.trusts, log)
	if cfg.Listen.TLS.Enabled() {
		if p.certificate, err = openCertificate(cfg.Listen.TLS, log); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", cfg.Listen.Public)
	if err != nil {
		return fmt.Errorf("listen.public: %w", err)
	}
	adminAddress := config.AdminOff
	if p.adminListener, err = listenAdmin(cfg); err != nil {
		return err
	}
	if p.adminListener != nil {
		adminAddress = p.adminListener.Addr().String()
	}
	opsAddress := config.OpsOff
	if p.opsListener, err = listenOps(cfg); err != nil {
		return err
	}
	if p.opsListener != nil {
		opsAddress = p.opsListener.Addr().String()
	}
	log.Info("serving", "issuer", cfg.Issuer, "address", listener.Addr().String(), "admin", adminAddress, "ops", opsAddress, "tls", p.certificate != nil, "network", cfg.Near.Network, "version", version)
	return p.serve(ctx, listener)
}

// startStore opens the configured database, or starts the built-in one and
// owns it. A database that is still coming up is waited for.
func startStore(ctx context.Context, cfg *config.Config, tracer *tracing.Tracer, log *slog.Logger) (*postgres.Store, func(), error) {
	const patience = 30 * time.Second
	url, stop := string(cfg.Database.URL), func() {}
	if url == "" {
		var err error
		if url, stop, err = startBuiltIn(ctx, cfg.Database.DataDir, log); err != nil {
			return nil, nil, err
		}
	}
	store, err := postgres.Open(ctx, postgres.Options{URL: url, DirectURL: string(cfg.Database.DirectURL), MaxConns: cfg.Database.MaxConns, Tracer: statementTracer(tracer)})
	if err != nil {
		stop()
		return nil, nil, err
	}
	closeAll := func() { store.Close(); stop() }
	for deadline := time.Now().Add(patience); ; {
		// The first answer sets the clock that everything goes by.
		err := store.ReadClock(ctx)
		if err == nil {
			return store, closeAll, nil
		}
		if !errors.Is(err, idp.ErrUnavailable) || time.Now().After(deadline) || ctx.Err() != nil {
			closeAll()
			return nil, nil, fmt.Errorf("database.url: %w", err)
		}
		log.Warn("waiting for the database", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// newLogger writes to standard error as telemetry.log says. The level may be set later.
func newLogger(cfg *config.Config) (*slog.Logger, *slog.LevelVar, error) {
	level := &slog.LevelVar{}
	if err := level.UnmarshalText([]byte(cfg.Telemetry.Log.Level)); err != nil {
		return nil, nil, fmt.Errorf("telemetry.log.level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.Telemetry.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, options)), level, nil
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options)), level, nil
}
