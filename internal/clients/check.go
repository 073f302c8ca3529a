package clients

import (
	"context"
	"errors"

	"near-idp/internal/idp"
)

// Check returns what Create would, without a secret, and changes nothing.
func (s *Service) Check(ctx context.Context, c idp.Client, chosen idp.Secret) (idp.Client, error) {
	c.ManagedBy = idp.ManagedByAPI
	full, err := s.Defaults.validateNew(c)
	if err != nil {
		return idp.Client{}, err
	}
	if _, _, err := initialSecret(full, chosen); err != nil {
		return idp.Client{}, err
	}
	switch _, err := s.Store.Client(ctx, c.ID); {
	case err == nil:
		return idp.Client{}, s.taken(ctx, c.ID)
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

// CheckRemove fails as Remove would and changes nothing.
func (s *Service) CheckRemove(ctx context.Context, id, version string) error {
	_, err := s.removable(ctx, id, version)
	return err
}
