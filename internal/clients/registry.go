// Package clients is the registry of relying parties: what a valid client is,
// which redirect URIs and origins are its own, its secrets, and who may change
// it. Requests are answered from memory, without SQL.
package clients

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"near-idp/internal/idp"

	"golang.org/x/sync/singleflight"
)

// missInterval is the least time between looking for the same unknown id in the store, and
// maxMisses how many unknown ids are looked for within it: strangers make them up.
const (
	missInterval = time.Second
	maxMisses    = 100
)

// A Source reads the stored clients.
type Source interface {
	// ClientVersions calls each with every client's id and with a number that changes with the
	// client, its secrets or its logo, whoever changes them.
	ClientVersions(ctx context.Context, each func(id string, version int64)) error
	// ReadClients calls each with those of these clients that exist, disabled ones too, each with the hashes of
	// the secrets that have not expired.
	ReadClients(ctx context.Context, ids []string, each func(idp.Client)) error
}

// A Registry answers from memory which clients exist. It is safe for
// concurrent use. While Run runs, call Wake when the store reports a change, and now and then
// besides, since notifications can be lost.
type Registry struct {
	// BuiltIn are clients that are in no store, complete as they are: the provider's own.
	// Set them before the first use.
	BuiltIn []idp.Client

	source Source
	log    *slog.Logger
	now    func() time.Time
	wake   chan struct{}

	current      atomic.Pointer[view]
	hits, misses atomic.Uint64 // of look-ups by id

	reloading sync.Mutex
	defaults  Defaults // guarded by reloading
	outdated  bool     // the view was made with other defaults; guarded by reloading

	looking singleflight.Group
	missing sync.Mutex
	missed  map[string]bool // ids that were looked for since then and are not stored; guarded by missing
	since   time.Time       // guarded by missing
}

// New returns an empty registry over source; Reload or look-ups fill it.
func New(source Source, log *slog.Logger, now func() time.Time) *Registry {
	r := &Registry{source: source, log: log, now: now, wake: make(chan struct{}, 1)}
	r.current.Store(newView(nil))
	return r
}

// SetDefaults says what fills in what clients leave out, from the next Reload on.
func (r *Registry) SetDefaults(d Defaults) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	r.defaults, r.outdated = d, true
}

// Client returns the client with the given id, complete with defaults. The
// caller must not change it. An id that is unknown or disabled is
// idp.ErrNotFound. An unknown id is looked for in the store, since another replica may have
// registered it a moment ago; the error is the store's if that fails.
func (r *Registry) Client(ctx context.Context, id string) (*idp.Client, error) {
	c := r.current.Load().client(id)
	if c != nil {
		r.hits.Add(1)
	} else {
		r.misses.Add(1)
		if !idSyntax.MatchString(id) {
			return nil, unknown(id)
		}
		var err error
		if c, err = r.find(ctx, id); err != nil {
			return nil, err
		}
	}
	if c.Disabled {
		return nil, fmt.Errorf("client %q is disabled: %w", id, idp.ErrNotFound)
	}
	return c, nil
}

func unknown(id string) error { return fmt.Errorf("client %q: %w", shorten(id), idp.ErrNotFound) }

// A State is how much a Registry holds, and how often it was asked for what it holds and for
// what it does not.
type State struct {
	Clients      int
	Hits, Misses uint64
}

// State returns it.
func (r *Registry) State() State {
	return State{r.current.Load().served, r.hits.Load(), r.misses.Load()}
}

// Nearest returns the id of an enabled client that a person most likely meant by
// an unknown one, or "". It compares a thousand ids at most: strangers choose what is looked for.
func (r *Registry) Nearest(id string) string {
	const most = 1000
	var ids []string
	for known, e := range r.current.Load().byID {
		if len(ids) == most {
			break
		}
		if e.client != nil && !e.client.Disabled {
			ids = append(ids, known)
		}
	}
	slices.Sort(ids)
	return idp.Nearest(id, ids)
}

// AllowsOrigin reports whether a page of this origin may read answers of the
// token and userinfo endpoints: whether it is that of a client's redirect URI.
func (r *Registry) AllowsOrigin(origin string) bool {
	v := r.current.Load()
	if v.origins[origin] {
		return true
	}
	host, rest, ok := cutLoopback(origin)
	return ok && rest == "" && v.loopback[host]
}

// ShowsLogo reports whether an enabled client is shown with the logo of this hash.
func (r *Registry) ShowsLogo(hash string) bool { return r.current.Load().logos[hash] }
