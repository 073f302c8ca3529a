// Package admin is the provider's REST API for its operators, /admin/v1: the
// route table, who may call what, and the one place where errors become problem details (RFC 9457).
// It is described by openapi.yaml, which the tests of this package hold
// every request and response to. It is never served where the public side is.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/audit"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/limit"
	"near-idp/internal/observe"
)

// A Store keeps API keys; each method is one statement.
type Store interface {
	// APIKey returns a key that is neither revoked nor expired, or idp.ErrNotFound, and
	// notes its use, at most once a minute.
	APIKey(ctx context.Context, id string) (idp.APIKey, error)
	APIKeys(ctx context.Context) ([]idp.APIKey, error)
	CreateAPIKey(ctx context.Context, key idp.APIKey) error
	// RevokeAPIKey ends a key, or returns idp.ErrNotFound.
	RevokeAPIKey(ctx context.Context, id string) error
	Stats(ctx context.Context) (idp.Stats, error)
}

// Options configures New. All fields but Record, Pulse, Count, Log and Now are required.
type Options struct {
	Issuer  string
	Network string   // of NEAR
	Algs    []string // that sign tokens
	Version string   // of the program
	Clients *clients.Service
	// Accounts shows and ends what accounts have here, and Audit tells what was recorded.
	Accounts *account.Admin
	Audit    *audit.Log
	Keys     keyring.Vault
	Tokens   Tokens // nil where none are issued
	Store    Store
	// Ready reports whether the database answers.
	Ready func(ctx context.Context) error

	// Pulse is the time between signs of life on a stream, at which it is found out too
	// whether the key of its caller is still worth anything; 0: 15 seconds.
	Pulse time.Duration
	// Record takes down who was refused; nil: nobody does. It must not block. Changes are recorded by the store.
	Record func(idp.Event)

	// Count is called with each request that was answered; nil: nobody counts.
	Count func(route, method string, status int, took time.Duration)

	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

// A Server answers the REST API.
type Server struct {
	Options
	failures *limit.Limiter // of authentication, by sender
	handler  http.Handler

	streams    chan struct{} // has one member for each that is open
	ending     context.Context
	endStreams context.CancelFunc
}

// New returns a Server.
func New(opts Options) *Server {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Pulse == 0 {
		opts.Pulse = defaultPulse
	}
	s := &Server{Options: opts, failures: limit.New("", idp.Rate{N: 20, Per: time.Minute}, opts.Now), streams: make(chan struct{}, maxStreams)}
	s.ending, s.endStreams = context.WithCancel(context.Background())
	s.handler = observe.Log{Log: opts.Log, Now: opts.Now, Message: "admin request", Count: opts.Count}.Requests(newRouter(s.routes(), s.handle))
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// A route is one operation. Whoever calls it needs its scope; an empty one is for
// whoever has a key at all.
type route struct {
	pattern string
	scope   string
	answer  func(w http.ResponseWriter, r *http.Request) error
}

// routes is the whole route table.
func (s *Server) routes() []route {
	return []route{
		{"GET /admin/openapi.json", "", s.describe},
		{"GET /admin/v1/self", "", s.self},
		{"GET /admin/v1/status", ScopeStatusRead, s.status},
		{"GET /admin/v1/stats", ScopeStatusRead, s.stats},

		{"GET /admin/v1/clients", ScopeClientsRead, s.listClients},
		{"POST /admin/v1/clients", ScopeClientsWrite, s.createClient},
		{"GET /admin/v1/clients/{client_id}", ScopeClientsRead, s.getClient},
		{"PUT /admin/v1/clients/{client_id}", ScopeClientsWrite, s.replaceClient},
		{"PATCH /admin/v1/clients/{client_id}", ScopeClientsWrite, s.patchClient},
		{"DELETE /admin/v1/clients/{client_id}", ScopeClientsWrite, s.deleteClient},
		{"POST /admin/v1/clients/{client_id}:disable", ScopeClientsWrite, s.disableClient},
		{"POST /admin/v1/clients/{client_id}:enable", ScopeClientsWrite, s.enableClient},
		{"POST /admin/v1/clients:apply", ScopeClientsWrite, s.applyClients},
		{"GET /admin/v1/export", ScopeClientsRead, s.export},
		{"POST /admin/v1/import", ScopeClientsWrite, s.importClients},
		{"POST /admin/v1/clients:validate", ScopeClientsRead, s.validateClient},
		{"GET /admin/v1/clients/{client_id}/snippets/{preset}", ScopeClientsRead, s.snippet},
		{"GET /admin/v1/presets", ScopeClientsRead, s.listPresets},
		{"GET /admin/v1/clients/{client_id}/secrets", ScopeClientsRead, s.listSecrets},
		{"POST /admin/v1/clients/{client_id}/secrets", ScopeClientsWrite, s.addSecret},
		{"DELETE /admin/v1/clients/{client_id}/secrets/{secret_id}", ScopeClientsWrite, s.revokeSecret},

		{"GET /admin/v1/clients/{client_id}/errors", ScopeAuditRead, s.clientErrors},
		{"GET /admin/v1/audit-events", ScopeAuditRead, s.listEvents},
		{"GET /admin/v1/audit-events:stream", ScopeAuditRead, s.streamEvents},

		{"GET /admin/v1/clients/{client_id}/preview", ScopeClientsRead, s.preview},
		{"POST /admin/v1/tokens:introspect", ScopeAccountsRead, s.introspectToken},
		{"POST /admin/v1/tokens:revoke", ScopeAccountsWrite, s.revokeToken},

		{"GET /admin/v1/keys", ScopeKeysRead, s.listKeys},
		{"POST /admin/v1/keys:rotate", ScopeKeysWrite, s.rotateKeys},
		{"POST /admin/v1/keys/{kid}:retire", ScopeKeysWrite, s.retireKey},

		{"GET /admin/v1/blocked-accounts", ScopeAccountsRead, s.listBlocked},
		{"GET /admin/v1/accounts/{account_id}", ScopeAccountsRead, s.getAccount},
		{"POST /admin/v1/accounts/{account_id}:block", ScopeAccountsWrite, s.blockAccount},
		{"POST /admin/v1/accounts/{account_id}:unblock", ScopeAccountsWrite, s.unblockAccount},
		{"POST /admin/v1/accounts/{account_id}:revoke", ScopeAccountsWrite, s.revokeAccount},
		{"GET /admin/v1/accounts/{account_id}/sessions", ScopeAccountsRead, s.listSessions},
		{"DELETE /admin/v1/accounts/{account_id}/sessions", ScopeAccountsWrite, s.endSessions},
		{"DELETE /admin/v1/accounts/{account_id}/sessions/{sid}", ScopeAccountsWrite, s.endSession},
		{"GET /admin/v1/accounts/{account_id}/grants", ScopeAccountsRead, s.listGrants},
		{"DELETE /admin/v1/accounts/{account_id}/grants/{grant_id}", ScopeAccountsWrite, s.revokeGrant},
		{"GET /admin/v1/accounts/{account_id}/consents", ScopeAccountsRead, s.listConsents},

		{"GET /admin/v1/api-keys", ScopeAPIKeysRead, s.listAPIKeys},
		{"POST /admin/v1/api-keys", ScopeAPIKeysWrite, s.createAPIKey},
		{"DELETE /admin/v1/api-keys/{key_id}", ScopeAPIKeysWrite, s.revokeAPIKey},
	}
}
