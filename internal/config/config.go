// Package config reads the operator's configuration file: strictly, so that a
// misspelt key is an error and never a default, and completely, so that one
// run reports every mistake with its line.
//
// Precedence is simple: the file is the whole configuration. Environment
// variables matter only where the file names them as ${NAME}, and $$ stands
// for a dollar sign. The secrets (database.url, encryption.keys and
// clients[].secret) may also be read from a file, written file:/path.
package config

import (
	"net/netip"

	"near-idp/internal/idp"
)

// Networks, key and token algorithms that the configuration may name.
const (
	Mainnet = "mainnet"
	Testnet = "testnet"
)

// A Config is the whole configuration of a provider. A value that came from
// Load is valid and complete: each default is filled in.
type Config struct {
	// Issuer is the provider's public address and the "iss" of every token,
	// byte for byte: https, no trailing slash. http is accepted on loopback hosts alone.
	// Required. Changing it signs every user of every client out for good.
	Issuer string `yaml:"issuer"`

	Listen     Listen     `yaml:"listen"`
	Proxy      Proxy      `yaml:"proxy"`
	Outbound   Outbound   `yaml:"outbound"`
	Database   Database   `yaml:"database"`
	Encryption Encryption `yaml:"encryption"`
	Near       Near       `yaml:"near"`
	Signing    Signing    `yaml:"signing"`
	Session    Session    `yaml:"session"`
	Lifetimes  Lifetimes  `yaml:"lifetimes"`
	RateLimits RateLimits `yaml:"rate_limits"`
	DPoP       DPoP       `yaml:"dpop"`
	Admin      Admin      `yaml:"admin"`
	// ClaimPolicies are named sets of what clients learn about people, for
	// clients[].claim_policy. Default: those that are built in, which one of the same name replaces.
	ClaimPolicies map[string]idp.ClaimPolicy `yaml:"claim_policies"`
	// AccessPolicies say who may sign in, for clients[].access_policy. Default: none, so
	// that everybody may.
	AccessPolicies map[string]idp.AccessPolicy `yaml:"access_policies"`
	// Groups lists the accounts and globs of each group, which clients with the
	// scope groups are told of. Default: none.
	Groups map[string][]string `yaml:"groups"`
	// Clients are the relying parties that this file owns. Those made with
	// "idp client create" live in the database beside them.
	Clients []Client `yaml:"clients"`
	// ClientsDir is a directory whose *.yaml, *.yml and *.json files, one at least, hold a client or a
	// list of clients each, besides those of Clients. They are read in the order of
	// their names; files whose name begins with a dot are not. Default: none.
	ClientsDir string `yaml:"clients_dir"`
	// Resources are the APIs that access tokens can be issued for (RFC 8707). Default: none.
	Resources []idp.Resource `yaml:"resources"`
	// Wallets are what the login page offers, in the order shown. Default: all known wallets of
	// the network that are tried and need no choice of the operator's. An empty list: none.
	Wallets   []Wallet  `yaml:"wallets"`
	Audit     Audit     `yaml:"audit"`
	Telemetry Telemetry `yaml:"telemetry"`
	Tracing   Tracing   `yaml:"tracing"`
	Branding  Branding  `yaml:"branding"`
	FedCM     FedCM     `yaml:"fedcm"`

	// Warnings are sentences about what works but should be looked at.
	Warnings []string `yaml:"-"`

	places *problems // where each key stands in the file
}

// Where returns the place of a key, written as in "clients[0].client_id", for an
// error about its value: "config.yaml:12: clients[0].client_id".
func (c *Config) Where(key string) string {
	if c.places == nil {
		return key
	}
	return c.places.place(key, c.places.line(key))
}

// Listen says where the provider accepts connections.
type Listen struct {
	// Public is the host:port of the public HTTP side. Default ":8080".
	Public string `yaml:"public"`
	// TLS makes the public side speak TLS itself. Default: it speaks plain
	// HTTP, for a reverse proxy or, with an issuer on loopback, for this machine.
	TLS TLS `yaml:"tls"`
	// Admin is the host:port of the admin side, which needs a key for everything; "off":
	// there is none. Default "127.0.0.1:8081".
	Admin string `yaml:"admin"`
	// Ops is the host:port of /metrics, /healthz and /readyz for who operates the provider; "off":
	// there is none. Anybody who reaches it may read the first. Default "127.0.0.1:9090".
	Ops string `yaml:"ops"`
	// Drain is how long, after SIGTERM, the public side answers on while /readyz says 503, so
	// that load balancers send nothing more before it closes: 0 to 5m. Default 0.
	Drain idp.Duration `yaml:"drain"`
	// MaxConnections is how many connections the public side has at once, 100 to 1000000, and
	// MaxConnectionsPerSender how many of them one sender has, 10 to MaxConnections; one of
	// Proxy.Trusted has as many as there are. Defaults 10000 and 500.
	MaxConnections          int32 `yaml:"max_connections"`
	MaxConnectionsPerSender int32 `yaml:"max_connections_per_sender"`
}

// TLS names a certificate and its key, PEM files that are read again when they change. A
// relative path starts from the configuration file.
type TLS struct {
	Cert string `yaml:"cert"` // the certificate, then those between it and the root
	Key  string `yaml:"key"`  // readable by the provider alone
}

// Enabled reports that there is a certificate.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Proxy describes the reverse proxies in front of the provider.
type Proxy struct {
	// Trusted lists the networks, in CIDR notation, whose X-Forwarded-For
	// and X-Request-Id headers are believed. Default: none, so that no visitor
	// chooses the address he is logged and limited by.
	Trusted []netip.Prefix `yaml:"trusted"`
}

// Outbound bounds the requests that the provider makes to addresses which clients name.
type Outbound struct {
	// AllowPrivate lists networks, in CIDR notation, that are not public and may
	// be reached all the same. Default: none. Loopback is reached if the issuer is on it.
	AllowPrivate []netip.Prefix `yaml:"allow_private"`
}

// Database says where the state lives.
type Database struct {
	// URL is a PostgreSQL connection string. Of several hosts the one that takes writes is
	// used. Empty: the built-in PostgreSQL runs in DataDir.
	URL idp.Secret `yaml:"url"`
	// DirectURL is a connection string of the same database for notifications and migrations,
	// if URL leads through a pooler in transaction mode. Default: URL.
	DirectURL idp.Secret `yaml:"direct_url"`
	// DataDir is the directory of the built-in PostgreSQL; unused with a URL.
	// Default: /var/lib/idp/postgres for root, else idp/postgres below the
	// systemd state directory or the user's data directory. A relative path
	// starts from the configuration file.
	DataDir string `yaml:"data_dir"`
	// MaxConns bounds the connections that one process opens, 2 to 1000. Default 20.
	MaxConns int32 `yaml:"max_conns"`
	// MigrateOnStart lets "idp serve" bring the schema up to date. Default true.
	MigrateOnStart bool `yaml:"migrate_on_start"`
}

// Encryption protects what the database holds.
type Encryption struct {
	// Keys wrap the private signing keys: the first encrypts, all decrypt.
	// Each is 32 bytes or more. At least one is required.
	Keys []idp.Secret `yaml:"keys"`
}

// Near names the chain and how it is asked.
type Near struct {
	// Network is "mainnet" or "testnet". Required: accounts of the same name
	// on the two networks belong to different people.
	Network string `yaml:"network"`
	// RPC lists JSON-RPC endpoints in the order of preference. Default: public
	// endpoints of the network.
	RPC []string `yaml:"rpc"`
	// Recipient is the NEP-413 recipient that wallets sign for: a bare host of at
	// most 64 bytes. Default: the issuer's host without its port.
	Recipient string `yaml:"recipient"`
	// NonceTTL is how long a user has to sign, 30s to 5m. Default 5m.
	NonceTTL idp.Duration `yaml:"nonce_ttl"`
	// RecheckGrace is how long after the chain last confirmed a key tokens are
	// refreshed although it cannot be asked, 0 to 30d. Default 24h.
	RecheckGrace idp.Duration `yaml:"recheck_grace"`
	// AllowUnfundedImplicit accepts implicit accounts that do not exist on
	// chain, for which holding the key is the only proof. Default false.
	AllowUnfundedImplicit bool `yaml:"allow_unfunded_implicit"`
}

// Signing chooses the algorithms of tokens and when their keys change.
type Signing struct {
	// DefaultAlg signs for clients that name no algorithm. Default RS256.
	DefaultAlg string `yaml:"default_alg"`
	// Algs are offered and have a key each. RS256 is always among them (OpenID
	// Connect Core section 15.1). Known are RS256, ES256, EdDSA and PS256.
	// Default RS256, ES256 and EdDSA.
	Algs []string `yaml:"algs"`
	// RotateEvery is how long a key signs before its successor does, 1d to 366d. Default 90d.
	RotateEvery idp.Duration `yaml:"rotate_every"`
	// PublishBefore is how long a successor is in the JWKS before it signs, 10m to
	// less than RotateEvery. Default 24h.
	PublishBefore idp.Duration `yaml:"publish_before"`
	// KeepAfter is how long a key stays in the JWKS after it has signed, 25h to
	// 366d: until the last token that it signed has expired. Default 7d.
	KeepAfter idp.Duration `yaml:"keep_after"`
}

// Session bounds the provider's own sign-on.
type Session struct {
	// Idle is how long it lasts unused, 1m to Absolute. Default 8h.
	Idle idp.Duration `yaml:"idle"`
	// Absolute is how long after the signature a browser stays signed in to
	// the provider, 1m to 90d. Default 24h.
	Absolute idp.Duration `yaml:"absolute"`
	// RevokeOfflineOnLogout makes a logout end refresh tokens of the scope
	// offline_access too, against the advice of OpenID Connect Back-Channel Logout section 2.7:
	// who signs out means everywhere. Default true.
	RevokeOfflineOnLogout bool `yaml:"revoke_offline_on_logout"`
}

// Lifetimes are named sets of token lifetimes.
type Lifetimes struct {
	// Default holds for clients that set none of their own. Its defaults are idp.DefaultLifetimes.
	Default idp.Lifetimes `yaml:"default"`
}

// Admin says who administers the provider besides the holders of API keys.
type Admin struct {
	// Accounts are the NEAR accounts that may sign in to the admin pages. One that was deleted
	// and made anew belongs to somebody else, who is not let in until "alice.near#2" is listed. Default: none.
	Accounts []string `yaml:"accounts"`
	// URL is where administrators' browsers reach the admin side, without a trailing
	// slash: https, or http on a loopback host. Default: http and the address of listen.admin.
	URL string `yaml:"url"`
}

// DPoP configures tokens that are bound to a client's key (RFC 9449).
type DPoP struct {
	// RequireNonce refuses proofs without a nonce of ours, which each client then
	// fetches by one more request now and then. Default false.
	RequireNonce bool `yaml:"require_nonce"`
}

// A Client is a relying party with its secret.
type Client struct {
	idp.Client `yaml:",inline"` // its Source is the file that it was read from
	// Secret is required for confidential clients and refused for public ones.
	Secret idp.Secret `yaml:"secret,omitempty"`
}

// Audit is about the events that are recorded in the database: what people, clients and
// administrators did, and what was refused.
type Audit struct {
	// Retention is how long events are kept, one day to ten years; 0s: for ever. Of each
	// client the 20000 latest refusals are kept at most. Default 90d.
	Retention idp.Duration `yaml:"retention"`
	// Log writes each event to standard error as well, as one line of JSON
	// whose "msg" is "audit", by one replica at a time. The lines hold what events do, such as
	// addresses and values that were refused. Default false.
	Log bool `yaml:"log"`
}

// Telemetry says what the provider tells of itself.
type Telemetry struct {
	Log Log `yaml:"log"`
}

// Log configures the log on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error; default info
	Format string `yaml:"format"` // json or text; default json
}

// FedCM lets browsers carry sign-ins between pages and the provider by themselves (W3C
// Federated Credential Management). It works over https and on loopback hosts, which is wherever an issuer is.
type FedCM struct {
	// Enabled adds the endpoints, and a cookie that browsers send along from other
	// sites. The registrable domain of the issuer must serve /.well-known/web-identity; the provider
	// does so where its host is that domain. Default false.
	Enabled bool `yaml:"enabled"`
}
