package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"near-idp/internal/config"
	"near-idp/internal/demo"
	"near-idp/internal/localpg"
	"near-idp/internal/postgres"
)

// openStore opens the configured database: that of database.url, or else the
// built-in PostgreSQL, the running one or one that close stops again.
func openStore(ctx context.Context, cfg *config.Config) (store *postgres.Store, close func(), err error) {
	url, stop := string(cfg.Database.URL), func() {}
	if url == "" {
		server, err := localpg.Open(ctx, localpg.Options{Dir: cfg.Database.DataDir})
		if err != nil {
			return nil, nil, err
		}
		url = server.DSN()
		stop = func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "idp: "+err.Error())
			}
		}
	}
	store, err = postgres.Open(ctx, postgres.Options{URL: url, DirectURL: string(cfg.Database.DirectURL), MaxConns: min(cfg.Database.MaxConns, 4), Patient: true})
	if err != nil {
		stop()
		return nil, nil, err
	}
	return store, func() { store.Close(); stop() }, nil
}

// requireSchema makes sure that this release and the database fit one another: the database
// lacks no migration, and has none that this release must not meet. The built-in
// PostgreSQL is ours, so it is migrated; another one is its operator's.
func requireSchema(ctx context.Context, cfg *config.Config, store *postgres.Store) (postgres.Schema, error) {
	schema, err := store.Schema(ctx)
	if err != nil {
		return schema, err
	}
	if err := schema.Outgrown(); err != nil {
		return schema, err
	}
	missing := schema.Missing()
	switch {
	case missing == 0:
		return schema, nil
	case cfg.Database.URL == "":
		_, err = store.Migrate(ctx)
		return schema, err
	}
	return schema, fmt.Errorf("the database lacks %d of %d migrations: run `idp migrate up`", missing, len(schema.Steps))
}

// migrateStore brings the schema up to date. A database that is too new for this release is refused.
func migrateStore(ctx context.Context, store *postgres.Store) (applied []string, schema postgres.Schema, err error) {
	if schema, err = store.Schema(ctx); err != nil {
		return nil, schema, err
	}
	if err = schema.Outgrown(); err != nil {
		return nil, schema, err
	}
	applied, err = store.Migrate(ctx)
	return applied, schema, err
}

// A target says which provider a command is about.
type target struct {
	options *options
	config  *string
	dev     *bool
	local   *bool
}

// targetFlags adds --config, --dev and --local.
func (o *options) targetFlags() target {
	return target{o, configFlag(o), o.Bool("dev", false, "the instance of \"idp dev\" instead of a configured one"),
		o.Bool("local", false, "go to the database of the configuration, not to $"+envAdminURL)}
}

// database opens the target's database, with its schema up to date.
func (t target) database(ctx context.Context) (cfg *config.Config, store *postgres.Store, close func(), err error) {
	if *t.dev && *t.config != "" {
		return nil, nil, nil, usage(t.options.Name(), "--dev and --config exclude one another")
	}
	if cfg, err = t.read(ctx); err != nil {
		return nil, nil, nil, err
	}
	if store, close, err = openStore(ctx, cfg); err != nil {
		return nil, nil, nil, err
	}
	if _, err := requireSchema(ctx, cfg, store); err != nil {
		close()
		return nil, nil, nil, err
	}
	return cfg, store, close, nil
}

func (t target) read(ctx context.Context) (*config.Config, error) {
	if !*t.dev {
		cfg, err := loadConfig(*t.config)
		if errors.Is(err, os.ErrNotExist) && *t.config == "" {
			err = fmt.Errorf("%w; for the instance of `idp dev` add --dev", err)
		}
		return cfg, err
	}
	dir := devDataDir(ctx)
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		return nil, fmt.Errorf("there is no development instance in %s: run `idp dev` first (%w)", dir, err)
	}
	cfg := config.Default(os.LookupEnv)
	cfg.Database.DataDir = dir
	cfg.Near.Network, cfg.Near.RPC = demo.NetworkID, []string{"http://127.0.0.1:9"} // no command with --dev asks the chain
	for file, value := range map[string]*string{devIssuerFile: &cfg.Issuer, devNetworkFile: &cfg.Near.Network} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			*value = strings.TrimSpace(string(text))
		}
	}
	return cfg, nil
}

// devIssuerFile and devNetworkFile, in the directory of the development instance, hold its
// issuer and NEAR network for the commands with --dev.
const (
	devIssuerFile  = "issuer"
	devNetworkFile = "network"
)

// devKeyFile, in the same place, holds its encryption key.
const devKeyFile = "encryption.key"

// devDataDir is the directory of the development instance: $IDP_DEV_DIR, else
// the first of the user's cache directory, for root /var/lib/idp-dev, and the
// temporary directory, in which PostgreSQL can run. As root it runs under
// another account, which may not enter root's home.
func devDataDir(ctx context.Context) string {
	if dir := os.Getenv("IDP_DEV_DIR"); dir != "" {
		return dir
	}
	var places []string
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(cache, "idp", "dev"))
	}
	if os.Geteuid() == 0 {
		places = append(places, "/var/lib/idp-dev")
	}
	places = append(places, filepath.Join(os.TempDir(), "idp-dev-"+strconv.Itoa(os.Geteuid())))
	for _, dir := range places {
		if err := localpg.Reachable(ctx, dir); err == nil || errors.Is(err, localpg.ErrNotInstalled) {
			return dir
		}
	}
	return places[0] // starting there says what is wrong with it
}
