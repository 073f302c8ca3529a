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
	"near-idp/internal/logos"
)

// missInterval is the least time between reloads that unknown ids cause.
const missInterval = time.Second

// A Source reads the stored clients.
type Source interface {
	// Clients returns every client, disabled ones too, each with the hashes of
	// the secrets that have not expired.
	Clients(ctx context.Context) ([]idp.Client, error)
}

// A Registry answers from memory which clients exist. It is safe for
// concurrent use. Call Reload when the store reports a change, and now and then
// besides: notifications can be lost, and a secret expires without one.
type Registry struct {
	// BuiltIn are clients that are in no store, complete as they are: the provider's own.
	// Set them before the first use.
	BuiltIn []idp.Client

	source Source
	log    *slog.Logger
	now    func() time.Time

	current      atomic.Pointer[view]
	hits, misses atomic.Uint64 // of look-ups by id

	reloading sync.Mutex
	defaults  Defaults  // guarded by reloading
	reloaded  time.Time // when the last reload ended; guarded by reloading
	failure   error     // what came of it; guarded by reloading
}

// A view is the clients as they were read at one time. It never changes.
type view struct {
	byID    map[string]*idp.Client
	origins []string
	logos   map[string]bool // by hash
}

// New returns an empty registry over source; Reload or the first look-up fills it.
func New(source Source, log *slog.Logger, now func() time.Time) *Registry {
	r := &Registry{source: source, log: log, now: now}
	r.current.Store(&view{})
	return r
}

// SetDefaults says what fills in what clients leave out, from the next Reload on.
func (r *Registry) SetDefaults(d Defaults) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	r.defaults = d
}

// Client returns the client with the given id, complete with defaults. The
// caller must not change it. An id that is unknown or disabled is
// idp.ErrNotFound. An unknown id reads the store again, at most once
// a second however many requests ask, since another replica may have registered it a
// moment ago; the error is the store's if that fails.
func (r *Registry) Client(ctx context.Context, id string) (*idp.Client, error) {
	c, known := r.current.Load().byID[id]
	if known {
		r.hits.Add(1)
	} else {
		r.misses.Add(1)
	}
	if !known && idSyntax.MatchString(id) {
		if err := r.reloadOnMiss(ctx); err != nil {
			return nil, err
		}
		c, known = r.current.Load().byID[id]
	}
	switch {
	case !known:
		return nil, fmt.Errorf("client %q: %w", shorten(id), idp.ErrNotFound)
	case c.Disabled:
		return nil, fmt.Errorf("client %q is disabled: %w", id, idp.ErrNotFound)
	}
	return c, nil
}

// A State is how much a Registry holds, and how often it was asked for what it holds and for
// what it does not.
type State struct {
	Clients      int
	Hits, Misses uint64
}

// State returns it.
func (r *Registry) State() State {
	return State{len(r.current.Load().byID), r.hits.Load(), r.misses.Load()}
}

// Nearest returns the id of an enabled client that a person most likely meant by
// an unknown one, or "". It compares a thousand ids at most: strangers choose what is looked for.
func (r *Registry) Nearest(id string) string {
	const most = 1000
	var ids []string
	for known, c := range r.current.Load().byID {
		if len(ids) == most {
			break
		}
		if !c.Disabled {
			ids = append(ids, known)
		}
	}
	slices.Sort(ids)
	return idp.Nearest(id, ids)
}

// AllowsOrigin reports whether a page of this origin may read answers of the
// token and userinfo endpoints: whether it is that of a client's redirect URI.
func (r *Registry) AllowsOrigin(origin string) bool {
	for _, registered := range r.current.Load().origins {
		if sameOrigin(registered, origin) {
			return true
		}
	}
	return false
}

// ShowsLogo reports whether an enabled client is shown with the logo of this hash.
func (r *Registry) ShowsLogo(hash string) bool { return r.current.Load().logos[hash] }

// Reload reads all clients again. After an error the registry keeps what it had.
func (r *Registry) Reload(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	return r.reload(ctx)
}

// reloadOnMiss waits for a reload that is under way instead of beginning another.
func (r *Registry) reloadOnMiss(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if since := r.now().Sub(r.reloaded); since >= 0 && since < missInterval {
		return r.failure
	}
	return r.reload(ctx)
}

func (r *Registry) reload(ctx context.Context) error {
	// One caller's impatience must not fail the others who wait for the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	stored, err := r.source.Clients(ctx)
	// Taken after the answer, so that whoever waited for a slow one shares it.
	r.reloaded = r.now()
	if err != nil {
		r.failure = fmt.Errorf("read clients: %w", err)
		return r.failure
	}
	r.failure = nil
	r.current.Store(r.view(stored))
	return nil
}

// view leaves out clients that are not valid: rows written by another version,
// or by hand. Serving them would skip the very rules that protect their users.
func (r *Registry) view(stored []idp.Client) *view {
	v := &view{byID: make(map[string]*idp.Client, len(stored)), logos: map[string]bool{}}
	seen := map[string]bool{}
	for i := range r.BuiltIn {
		v.byID[r.BuiltIn[i].ID] = &r.BuiltIn[i]
	}
	for _, row := range stored {
		row.Scope = r.defaults.withoutGone(row)
		c, err := r.defaults.withoutPolicies(row, r.log).Validate(row)
		if err != nil {
			r.log.Error("client ignored: its registration is not valid", "client_id", row.ID, "err", err)
			continue
		}
		if logos.IsData(c.LogoURI) {
			c.LogoURI = "data:" // some 40 KB that no request needs
		}
		v.byID[c.ID] = &c
		if c.Disabled {
			continue
		}
		if c.Logo.Hash != "" {
			v.logos[c.Logo.Hash] = true
		}
		for _, uri := range c.RedirectURIs {
			if origin := Origin(uri); origin != "" && !seen[origin] {
				seen[origin] = true
				v.origins = append(v.origins, origin)
			}
		}
	}
	return v
}
