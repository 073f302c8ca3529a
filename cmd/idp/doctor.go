package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/doctor"
	"near-idp/internal/near"
	"near-idp/internal/postgres"
)

func runDoctor(ctx context.Context, args []string) error {
	o := newOptions("doctor", "", `
Looks for what is wrong and says what to do about it: the configuration, the database, its
schema and clock, the rights of its role, whether it keeps what it acknowledged, its
connections, what expired and is still there, the room that tables take, the
signing keys, their rotation and what wraps them, the RPC providers and their chain, and, as a
relying party and a browser see them, DNS, TLS, discovery, the clock, the JWKS, cookies
and headers. It changes nothing. It exits with 1 if a check failed.

Examples:
  idp doctor
  idp doctor --config /etc/idp/config.yaml -o json
  idp doctor --offline
  idp doctor --ca internal-ca.pem`)
	offline := o.Bool("offline", false, "leave out what needs the network: the RPC providers and the issuer")
	ca := o.String("ca", "", "`FILE` with the certificates, as PEM, of the authority that signed the issuer's")
	name, out := configFlag(o), o.formatFlag()
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	visitor := &doctor.Visitor{}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		if err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
		visitor.Roots = x509.NewCertPool()
		if !visitor.Roots.AppendCertsFromPEM(pem) {
			return usage(o.Name(), "--ca %s holds no certificate", *ca)
		}
	}
	results, cfg := examine(ctx, *name)
	if cfg != nil && !*offline {
		visitor.Issuer = cfg.Issuer
		results = append(results, checkRPC(ctx, cfg)...)
		results = append(results, visitor.Visit(ctx)...)
	}
	err := out.print(results, func(w io.Writer) { writeResults(w, results) })
	bad := 0
	for _, r := range results {
		if r.State == doctor.Failed {
			bad++
		}
	}
	if bad > 0 {
		return errors.Join(err, fmt.Errorf("%d of %d checks failed", bad, len(results)))
	}
	return err
}

func writeResults(w io.Writer, results []doctor.Result) {
	for _, r := range results {
		for i, line := range strings.Split(strings.ReplaceAll(r.Detail, "\t", ""), "\n") {
			if i == 0 {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.State, r.Check, shown(line))
			} else {
				fmt.Fprintf(w, "\t\t%s\n", shown(line))
			}
		}
		if r.Remedy != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", shown(r.Remedy))
		}
	}
}

// examine checks what lies on this machine and in the database; cfg is nil if there is no
// configuration to go on with.
func examine(ctx context.Context, name string) (results []doctor.Result, cfg *config.Config) {
	path, cfg, err := findConfig(name)
	if err != nil {
		return []doctor.Result{doctor.Bad("configuration", err, "Correct the file; idp config validate checks it, and config.example.yaml explains each key.")}, nil
	}
	results = append(results, doctor.Good("configuration", "%s is valid", path))
	for _, warning := range cfg.Warnings {
		results = append(results, doctor.Result{Check: "configuration", State: doctor.Warning, Detail: warning})
	}
	store, close, err := openStore(ctx, cfg)
	if err == nil {
		defer close()
		err = store.Ping(ctx)
	}
	if err != nil {
		return append(results, doctor.Bad("database", err, databaseRemedy(cfg))), cfg
	}
	results = append(results, doctor.Good("database", "it answers"))
	schema := checkSchema(ctx, cfg, store)
	results = append(results, schema, checkDatabaseClock(ctx, store))
	results = append(results, checkKeys(ctx, cfg, store)...)
	if schema.State == doctor.Failed {
		return append(results, doctor.Result{Check: "database health", State: doctor.Skipped, Detail: "not looked at, since a check before it failed"}), cfg
	}
	return append(results, checkOperation(ctx, cfg, store)...), cfg
}

func databaseRemedy(cfg *config.Config) string {
	if cfg.Database.URL == "" {
		return "The built-in PostgreSQL in " + cfg.Database.DataDir + " does not start: run `idp doctor` as the user of `idp serve`, and see that the disk is not full."
	}
	return "See that PostgreSQL runs and that database.url has the right host, user, password and sslmode."
}

func checkSchema(ctx context.Context, cfg *config.Config, store *postgres.Store) doctor.Result {
	schema, err := store.Schema(ctx)
	if err != nil {
		return doctor.Bad("schema", err, "See that the role of database.url may read the schema.")
	}
	if err := schema.Outgrown(); err != nil {
		return doctor.Bad("schema", err, "Install the newer release, or restore a backup from before the upgrade.")
	}
	missing := schema.Missing()
	switch {
	case missing > 0 && cfg.Database.MigrateOnStart:
		return doctor.Result{Check: "schema", State: doctor.Warning, Detail: fmt.Sprintf("%d of %d migrations are not applied", missing, len(schema.Steps)), Remedy: "The next start of `idp serve` applies them."}
	case missing > 0:
		return doctor.Bad("schema", fmt.Errorf("%d of %d migrations are not applied", missing, len(schema.Steps)), "Run `idp migrate up`.")
	case schema.Newer():
		return doctor.Result{Check: "schema", State: doctor.Warning, Detail: fmt.Sprintf("a newer release migrated the database to %d; this one knows migrations up to %d and can run on it", schema.Applied, schema.Known),
			Remedy: "Complete the upgrade: install the newer release here, too."}
	}
	return doctor.Good("schema", "it is up to date, at %d", schema.Applied)
}

// checkDatabaseClock compares the clock by which rows expire with the one by which tokens do.
func checkDatabaseClock(ctx context.Context, store *postgres.Store) doctor.Result {
	const most = 5 * time.Second
	before := time.Now()
	_, now, err := store.SigningKeys(ctx)
	if err != nil {
		return doctor.Bad("database clock", err, "Run `idp migrate up`.")
	}
	skew := now.Sub(before.Add(time.Since(before) / 2)).Abs().Truncate(time.Millisecond)
	if skew > most {
		return doctor.Bad("database clock", fmt.Errorf("the database's clock and this machine's differ by %s", skew), "Let NTP set both clocks.")
	}
	return doctor.Good("database clock", "it agrees with this machine's")
}

// checkRPC fails if no provider can be used, and warns of each that cannot.
func checkRPC(ctx context.Context, cfg *config.Config) []doctor.Result {
	chain, err := near.NewClient(near.Options{Network: cfg.Near.Network, URLs: cfg.Near.RPC, Logger: quiet()})
	if err != nil {
		return []doctor.Result{doctor.Bad("near.rpc", err, "Correct near.rpc.")}
	}
	var results []doctor.Result
	usable := 0
	for _, h := range chain.Check(ctx) {
		if h.Err == nil {
			usable++
			results = append(results, doctor.Good("near.rpc", "%s: block %d of %s, %s old, in %s", h.Host, h.Height, cfg.Near.Network,
				h.Age.Truncate(time.Second), h.Took.Truncate(time.Millisecond)))
			continue
		}
		results = append(results, doctor.Result{Check: "near.rpc", State: doctor.Warning, Detail: h.Host + ": " + h.Err.Error(),
			Remedy: "It is not used: see that it is a node of " + cfg.Near.Network + " and reachable from here, or remove it from near.rpc."})
	}
	if usable == 0 {
		results = append(results, doctor.Bad("near.rpc", errors.New("no provider can be used"), "Nobody can sign in: add a provider that works to near.rpc."))
	}
	return results
}
