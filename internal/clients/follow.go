package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/logos"
)

const (
	// readAtOnce bounds what one statement reads, and so how long it takes.
	readAtOnce = 1000
	// readPatience is how long one statement may take.
	readPatience = 5 * time.Second
)

// Wake has Run look for changes. It does not wait for that.
func (r *Registry) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it is about to
	}
}

// Run reads what has changed whenever it is woken, until ctx ends. However often that was while it
// read, it reads once more.
func (r *Registry) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		if err := r.Reload(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("reload clients", "err", err)
		}
	}
}

// Reload reads those clients that have changed since they were read last, and all after SetDefaults.
// What cannot be read stays as it was.
func (r *Registry) Reload(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	before := r.current.Load().byID
	next := r.own(len(before))
	versions := map[string]int64{} // of those that have changed
	err := within(ctx, func(ctx context.Context) error {
		return r.source.ClientVersions(ctx, func(id string, version int64) {
			if next[id].client != nil {
				return // the provider's own
			}
			known, kept := before[id]
			if kept {
				next[id] = known
			}
			if !kept || known.version != version || r.outdated {
				versions[id] = version
			}
		})
	})
	if err != nil {
		return fmt.Errorf("read clients: %w", err)
	}
	for ids := range slices.Chunk(slices.Collect(maps.Keys(versions)), readAtOnce) {
		if err = r.read(ctx, ids, versions, next); err != nil {
			break
		}
	}
	if len(versions) > 0 || len(next) != len(before) {
		r.current.Store(newView(next))
	}
	if err != nil {
		return fmt.Errorf("read clients: %w", err)
	}
	r.outdated = false
	return nil
}

// own returns the clients that are in no store, with room for others.
func (r *Registry) own(room int) map[string]entry {
	byID := make(map[string]entry, room+len(r.BuiltIn))
	for i := range r.BuiltIn {
		byID[r.BuiltIn[i].ID] = entry{client: &r.BuiltIn[i]}
	}
	return byID
}

// read puts clients into a map; those that are gone by now it takes out.
func (r *Registry) read(ctx context.Context, ids []string, versions map[string]int64, into map[string]entry) error {
	found := map[string]entry{}
	err := within(ctx, func(ctx context.Context) error {
		return r.source.ReadClients(ctx, ids, func(row idp.Client) { found[row.ID] = r.entry(row, versions[row.ID]) })
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if e, exists := found[id]; exists {
			into[id] = e
		} else {
			delete(into, id)
		}
	}
	return nil
}

func within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	return do(ctx)
}

// entry leaves out a client that is not valid: a row written by another version,
// or by hand. Serving it would skip the very rules that protect its users.
func (r *Registry) entry(row idp.Client, version int64) entry {
	row.Scope = r.defaults.withoutGone(row)
	c, err := r.defaults.withoutPolicies(row, r.log).Validate(row)
	if err != nil {
		r.log.Error("client ignored: its registration is not valid", "client_id", row.ID, "err", err)
		return entry{version: version}
	}
	if logos.IsData(c.LogoURI) {
		c.LogoURI = "data:" // some 40 KB that no request needs
	}
	return entry{version: version, client: &c, origins: originsOf(&c)}
}
