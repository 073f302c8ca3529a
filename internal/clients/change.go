package clients

import (
	"context"
	"errors"
	"fmt"

	"near-idp/internal/idp"
)

// Update reads a client as it is stored, without defaults, lets change edit
// it, and stores the result, which it returns complete. It is idp.ErrStale if
// somebody else changed the client meanwhile.
func (s *Service) Update(ctx context.Context, id string, change func(*idp.Client)) (idp.Client, error) {
	return s.Patch(ctx, id, "", func(c *idp.Client) error {
		change(c)
		return nil
	})
}

// Patch is Update for a client that must still be the version that the caller
// read (see idp.Client.Version; "" is any). An error of change changes nothing.
func (s *Service) Patch(ctx context.Context, id, version string, change func(*idp.Client) error) (idp.Client, error) {
	c, err := s.patched(ctx, id, version, change)
	if err != nil {
		return idp.Client{}, err
	}
	if err := s.Store.UpdateClient(ctx, c); err != nil {
		return idp.Client{}, stale("update", id, err)
	}
	return s.Client(ctx, id)
}

// patched is a client as change wants it to be stored.
func (s *Service) patched(ctx context.Context, id, version string, change func(*idp.Client) error) (idp.Client, error) {
	c, err := s.changeable(ctx, id, version)
	if err != nil {
		return idp.Client{}, err
	}
	stored := c
	if err := change(&c); err != nil {
		return idp.Client{}, err
	}
	c.ID, c.ManagedBy, c.Source, c.CreatedAt, c.UpdatedAt = id, idp.ManagedByAPI, "", stored.CreatedAt, stored.UpdatedAt
	_, err = s.defaults().validateNew(c)
	return c, err
}

// Replace makes everything about the client with c's id what c says, but for
// its owner, its times and its secrets. What c leaves out takes its default.
func (s *Service) Replace(ctx context.Context, c idp.Client, version string) (idp.Client, error) {
	return s.Patch(ctx, c.ID, version, func(stored *idp.Client) error {
		*stored = c
		return nil
	})
}

// Disable keeps a client, but lets nobody sign in to it: it can redeem and
// refresh nothing until Enable.
func (s *Service) Disable(ctx context.Context, id, version string) (idp.Client, error) {
	return s.setDisabled(ctx, id, version, true)
}

// Enable ends what Disable began.
func (s *Service) Enable(ctx context.Context, id, version string) (idp.Client, error) {
	return s.setDisabled(ctx, id, version, false)
}

// setDisabled writes nothing if the client is in that state already.
func (s *Service) setDisabled(ctx context.Context, id, version string, disabled bool) (idp.Client, error) {
	c, err := s.changeable(ctx, id, version)
	if err != nil {
		return idp.Client{}, err
	}
	if c.Disabled != disabled {
		// The rest is left as it is, valid or not: a broken client can be disabled too.
		c.Disabled = disabled
		if err := s.Store.UpdateClient(ctx, c); err != nil {
			return idp.Client{}, stale("update", id, err)
		}
	}
	return s.Client(ctx, id)
}

// Delete removes a client and its secrets: it can redeem and refresh nothing
// any more. It also frees the id of one that was removed from the file.
func (s *Service) Delete(ctx context.Context, id string) error { return s.Remove(ctx, id, "") }

// Remove is Delete for a client that must still be the version that the caller read.
func (s *Service) Remove(ctx context.Context, id, version string) error {
	c, err := s.removable(ctx, id, version)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteClient(ctx, c); err != nil {
		return stale("delete", id, err)
	}
	return nil
}

func (s *Service) removable(ctx context.Context, id, version string) (idp.Client, error) {
	c, err := s.changeable(ctx, id, version)
	if errors.Is(err, idp.ErrManagedByConfig) && c.LeftFile() {
		err = nil
	}
	return c, err
}

// changeable reads a client that is to be changed. It refuses those of the
// configuration, which it returns all the same, and other versions than the one given.
func (s *Service) changeable(ctx context.Context, id, version string) (idp.Client, error) {
	c, err := s.stored(ctx, id)
	switch {
	case err != nil:
		return idp.Client{}, err
	case version != "" && version != c.Version():
		return idp.Client{}, stale("", id, idp.ErrConflict)
	case c.LeftFile():
		return c, fmt.Errorf("client %q: %w: it was in the configuration file until a short time ago; put it back there, or delete it", id, idp.ErrManagedByConfig)
	case c.ManagedBy == idp.ManagedByConfig:
		return c, fmt.Errorf("client %q: %w: it comes from %s; change it there", id, idp.ErrManagedByConfig, source(&c))
	}
	return c, nil
}

// source names where a client of the configuration stands.
func source(c *idp.Client) string {
	if c.Source == "" {
		return "the configuration file"
	}
	return "the configuration file " + c.Source
}

func stale(what, id string, err error) error {
	if errors.Is(err, idp.ErrConflict) {
		return fmt.Errorf("client %q: %w: it was changed or deleted meanwhile; read it again and repeat", shorten(id), idp.ErrStale)
	}
	return fmt.Errorf("%s client %q: %w", what, id, err)
}
