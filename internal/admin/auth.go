package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/observe"
)

// Scopes of API keys. One that ends in :write includes its :read.
const (
	ScopeStatusRead    = "status:read"
	ScopeClientsRead   = "clients:read"
	ScopeClientsWrite  = "clients:write"
	ScopeAccountsRead  = "accounts:read"
	ScopeAccountsWrite = "accounts:write"
	ScopeKeysRead      = "keys:read"
	ScopeKeysWrite     = "keys:write"
	ScopeAuditRead     = "audit:read"
	ScopeAPIKeysRead   = "api-keys:read"
	ScopeAPIKeysWrite  = "api-keys:write"
)

// Scopes returns every scope, each after those that include less.
func Scopes() []string {
	return []string{
		ScopeStatusRead, ScopeClientsRead, ScopeClientsWrite, ScopeAccountsRead, ScopeAccountsWrite,
		ScopeKeysRead, ScopeKeysWrite, ScopeAuditRead, ScopeAPIKeysRead, ScopeAPIKeysWrite,
	}
}

// A Principal is who calls, and what for.
type Principal struct {
	Actor  string   // as idp.Origin names it
	Scopes []string // Scopes() for one who may do everything
	// Key is the API key that it called with; nil for others.
	Key *idp.APIKey
}

// May reports whether the principal has a scope, or the :write that includes it.
func (p *Principal) May(scope string) bool {
	if slices.Contains(p.Scopes, scope) {
		return true
	}
	resource, read := strings.CutSuffix(scope, ":read")
	return read && slices.Contains(p.Scopes, resource+":write")
}

type principalKey struct{}

// As returns a context whose requests are those of p, however they came. It is for
// callers inside this process: no request from a network can carry it.
func As(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, &p)
}

// caller is the principal of a request that was let through.
func caller(r *http.Request) *Principal {
	p, _ := r.Context().Value(principalKey{}).(*Principal)
	return p
}

// authenticate finds out who calls, by a bearer API key (RFC 6750 section 2.1).
func (s *Server) authenticate(r *http.Request) (*Principal, error) {
	if p := caller(r); p != nil {
		return p, nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if r.Header.Get("Authorization") == "" {
		return nil, errNoKey
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, s.failed(r)
	}
	key, err := s.findKey(r.Context(), strings.TrimSpace(token))
	if errors.Is(err, idp.ErrNotFound) {
		return nil, s.failed(r)
	}
	if err != nil {
		return nil, err
	}
	return &Principal{Actor: "key:" + key.ID, Scopes: key.Scopes, Key: &key}, nil
}

// failed counts an attempt with a key that is not one. Too many slow down nobody but whoever guesses:
// keys cannot be guessed, and behind a proxy everybody is one sender, whom anybody could lock out.
func (s *Server) failed(r *http.Request) error {
	if wait := s.failures.Take(limit.KeyOf(observe.Sender(r))); wait > 0 {
		return tooMany(wait)
	}
	return errBadKey
}

// findKey returns the live key whose value this is, or idp.ErrNotFound.
func (s *Server) findKey(ctx context.Context, value string) (idp.APIKey, error) {
	id, ok := keyID(value)
	if !ok {
		return idp.APIKey{}, idp.ErrNotFound
	}
	key, err := s.Store.APIKey(ctx, id)
	if err != nil {
		return idp.APIKey{}, err
	}
	hash := sha256.Sum256([]byte(value))
	if subtle.ConstantTimeCompare(hash[:], key.Hash) != 1 {
		return idp.APIKey{}, idp.ErrNotFound
	}
	return key, nil
}
