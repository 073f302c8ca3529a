package clients

import (
	"context"
	"fmt"
	"maps"

	"near-idp/internal/idp"
)

// find looks in the store for a client that is not in memory.
func (r *Registry) find(ctx context.Context, id string) (*idp.Client, error) {
	found, err, _ := r.looking.Do(id, func() (any, error) {
		if !r.mayLook(id) {
			return nil, unknown(id)
		}
		// One caller's impatience must not fail the others who wait for the answer.
		c, err := r.look(context.WithoutCancel(ctx), id)
		if err != nil {
			r.lookAgain(id)
			return nil, fmt.Errorf("read clients: %w", err)
		}
		if c == nil {
			return nil, unknown(id)
		}
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	return found.(*idp.Client), nil
}

// look is nil for a client that is not stored, or not valid.
func (r *Registry) look(ctx context.Context, id string) (*idp.Client, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	before := r.current.Load().byID
	if e, read := before[id]; read { // since it was asked for
		return e.client, nil
	}
	// Its version is not known, so that the next Reload reads it once more.
	found := r.own(1)
	if err := r.read(ctx, []string{id}, nil, found); err != nil || found[id].client == nil {
		return nil, err
	}
	maps.Copy(found, before)
	r.current.Store(newView(found))
	return found[id].client, nil
}

// mayLook bounds what strangers can have the store asked for. What they keep from being looked for
// a Reload finds, which follows any change at once.
func (r *Registry) mayLook(id string) bool {
	r.missing.Lock()
	defer r.missing.Unlock()
	if since := r.now().Sub(r.since); since < 0 || since >= missInterval {
		r.since, r.missed = r.now(), map[string]bool{}
	}
	if r.missed[id] || len(r.missed) >= maxMisses {
		return false
	}
	r.missed[id] = true
	return true
}

// lookAgain is for an id that could not be looked for.
func (r *Registry) lookAgain(id string) {
	r.missing.Lock()
	defer r.missing.Unlock()
	delete(r.missed, id)
}
