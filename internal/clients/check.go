package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"near-idp/internal/idp"
)

// Check returns what Create would, without a secret, and changes nothing.
func (s *Service) Check(ctx context.Context, c idp.Client, chosen idp.Secret) (idp.Client, error) {
	full, err := s.Validate(c, chosen)
	if err != nil {
		return idp.Client{}, err
	}
	switch _, err := s.Store.Client(ctx, full.ID); {
	case err == nil:
		return idp.Client{}, s.taken(ctx, full.ID)
	case !errors.Is(err, idp.ErrNotFound):
		return idp.Client{}, err
	}
	return full, nil
}

// CheckPatch returns what Patch would and changes nothing.
func (s *Service) CheckPatch(ctx context.Context, id, version string, change func(*idp.Client) error) (idp.Client, error) {
	c, err := s.patched(ctx, id, version, change)
	if err != nil {
		return idp.Client{}, err
	}
	return s.complete(c), nil
}

// CheckDisabled returns what Disable or Enable would and changes nothing.
func (s *Service) CheckDisabled(ctx context.Context, id, version string, disabled bool) (idp.Client, error) {
	c, err := s.changeable(ctx, id, version)
	if err != nil {
		return idp.Client{}, err
	}
	c.Disabled = disabled
	return s.complete(c), nil
}

// CheckAddSecret fails as AddSecret would and changes nothing.
func (s *Service) CheckAddSecret(ctx context.Context, clientID string) error {
	c, err := s.Client(ctx, clientID)
	if err != nil {
		return err
	}
	return roomForSecret(&c)
}

// CheckDeleteSecret fails as DeleteSecret would and changes nothing.
func (s *Service) CheckDeleteSecret(ctx context.Context, clientID, secretID string) error {
	if err := removableSecret(clientID, secretID); err != nil {
		return err
	}
	c, err := s.Client(ctx, clientID)
	if err == nil && !slices.ContainsFunc(c.Secrets, func(s idp.ClientSecret) bool { return s.ID == secretID }) {
		err = fmt.Errorf("secret %q of client %q: %w", shorten(secretID), clientID, idp.ErrNotFound)
	}
	return err
}

// CheckRemove fails as Remove would and changes nothing.
func (s *Service) CheckRemove(ctx context.Context, id, version string) error {
	_, err := s.removable(ctx, id, version)
	return err
}

// Validate returns what Create would make of c, whether the id is taken or not.
func (s *Service) Validate(c idp.Client, chosen idp.Secret) (idp.Client, error) {
	c.ID, c.ManagedBy = cmp.Or(c.ID, rand.Text()), idp.ManagedByAPI
	full, err := s.defaults().validateNew(c)
	if err != nil {
		return idp.Client{}, err
	}
	_, _, err = initialSecret(full, chosen)
	return full, err
}
