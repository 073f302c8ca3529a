package config

import (
	"net/url"
	"os"
	"path/filepath"
	"time"

	"near-idp/internal/idp"
)

// Default returns the configuration of an empty file: every default that does
// not depend on another key. The caller sets what is required and calls Validate.
func Default(env func(string) (string, bool)) *Config {
	return &Config{
		Listen:   Listen{Public: ":8080", Admin: "127.0.0.1:8081", Ops: "127.0.0.1:9090", MaxConnections: 10_000, MaxConnectionsPerSender: 500},
		Database: Database{DataDir: dataDir(env), MaxConns: 20, MigrateOnStart: true},
		Near:     Near{NonceTTL: idp.Duration(5 * time.Minute), RecheckGrace: idp.Duration(day)},
		Signing: Signing{
			DefaultAlg: idp.RS256, Algs: []string{idp.RS256, idp.ES256, idp.EdDSA},
			RotateEvery: idp.Duration(90 * day), PublishBefore: idp.Duration(day), KeepAfter: idp.Duration(7 * day),
		},
		Session:    Session{Idle: idp.Duration(8 * time.Hour), Absolute: idp.Duration(24 * time.Hour), RevokeOfflineOnLogout: true},
		Lifetimes:  Lifetimes{Default: idp.DefaultLifetimes},
		RateLimits: defaultRateLimits(),
		Audit:      Audit{Retention: idp.Duration(90 * day)},
		Telemetry:  Telemetry{Log: Log{Level: "info", Format: "json"}},
		Tracing:    Tracing{SampleRatio: 0.1},
	}
}

// derive fills in the defaults that follow from other keys. issuer is nil if it is wrong.
func (c *Config) derive(issuer *url.URL) {
	if issuer != nil {
		setDefault(&c.Near.Recipient, issuer.Hostname())
		setDefault(&c.Branding.Name, issuer.Hostname())
	}
	if c.Listen.Admin != AdminOff {
		setDefault(&c.Admin.URL, "http://"+c.Listen.Admin)
	}
	if len(c.Near.RPC) == 0 {
		c.Near.RPC = publicRPC(c.Near.Network)
	}
	c.RateLimits.derive()
	c.deriveWallets()
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// publicRPC returns endpoints that answer without a key. They are rate
// limited: a busy provider wants its own.
func publicRPC(network string) []string {
	switch network {
	case Mainnet:
		return []string{"https://free.rpc.fastnear.com", "https://near.drpc.org", "https://near.lava.build", "https://1rpc.io/near"}
	case Testnet:
		return []string{"https://rpc.testnet.fastnear.com", "https://test.rpc.fastnear.com"}
	}
	return nil
}

// dataDir returns where the built-in PostgreSQL lives unless the file says
// otherwise, or "" if the environment names no place for data that lasts.
func dataDir(env func(string) (string, bool)) string {
	if dir, ok := env("STATE_DIRECTORY"); ok && filepath.IsAbs(dir) { // set by systemd for StateDirectory=
		return filepath.Join(filepath.SplitList(dir)[0], "postgres")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/idp/postgres"
	}
	if dir, ok := env("XDG_DATA_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "idp", "postgres")
	}
	if dir, ok := env("HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, ".local", "share", "idp", "postgres")
	}
	return ""
}
