package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// A Store keeps clients for all replicas. Every method is one transaction.
type Store interface {
	Source
	// Client returns one client as Clients would, or idp.ErrNotFound.
	Client(ctx context.Context, id string) (idp.Client, error)
	// CreateClient stores c, with a secret if it has a hash; idp.ErrConflict if the id is taken.
	CreateClient(ctx context.Context, c idp.Client, first idp.ClientSecret) error
	// UpdateClient replaces the client with this id, owner and UpdatedAt, or
	// returns idp.ErrConflict if there is none any more.
	UpdateClient(ctx context.Context, c idp.Client) error
	// DeleteClient deletes the client with this id and owner, or returns idp.ErrNotFound.
	DeleteClient(ctx context.Context, id, managedBy string) error
	// AddClientSecret adds a secret; idp.ErrNotFound if there is no such client.
	AddClientSecret(ctx context.Context, clientID string, secret idp.ClientSecret) error
	// DeleteClientSecret ends a secret, or returns idp.ErrNotFound.
	DeleteClientSecret(ctx context.Context, clientID, secretID string) error
	// ApplyClients makes the clients of the configuration be exactly these, as
	// ApplyConfig describes; idp.ErrConflict, naming the ids, if others own some.
	ApplyClients(ctx context.Context, configured []idp.Client) error
}

// configSecret begins the ids of secrets that the configuration file holds.
const configSecret = "config:"

// A Service changes the registry for an operator, from the command line or the
// admin API. Clients of the configuration file are read-only to it.
type Service struct {
	Store    Store
	Defaults Defaults
}

// Client returns one client, complete with defaults, or idp.ErrNotFound.
func (s *Service) Client(ctx context.Context, id string) (idp.Client, error) {
	c, err := s.Store.Client(ctx, id)
	if err != nil {
		return idp.Client{}, fmt.Errorf("client %q: %w", shorten(id), err)
	}
	return s.complete(c), nil
}

// List returns all clients, ordered by id, complete with defaults.
func (s *Service) List(ctx context.Context) ([]idp.Client, error) {
	list, err := s.Store.Clients(ctx)
	if err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	for i, c := range list {
		list[i] = s.complete(c)
	}
	return list, nil
}

// complete shows an invalid row, which the registry ignores, as far as it can be read.
func (s *Service) complete(c idp.Client) idp.Client {
	c, _ = s.Defaults.Validate(c)
	return c
}

// Create registers c and returns it complete, with its secret, which is shown
// this once: chosen if that is not empty, otherwise a new one, none for a
// client whose method needs none. An empty id is made up. An id that is taken is idp.ErrConflict.
func (s *Service) Create(ctx context.Context, c idp.Client, chosen idp.Secret) (idp.Client, idp.Secret, error) {
	if c.ID == "" {
		c.ID = rand.Text()
	}
	c.ManagedBy = idp.ManagedByAPI
	full, err := s.Defaults.Validate(c)
	if err != nil {
		return idp.Client{}, "", err
	}
	secret, first, err := initialSecret(full, chosen)
	if err != nil {
		return idp.Client{}, "", err
	}
	// What the client leaves out stays out of the store, so that it follows
	// the configuration's defaults when those change.
	if err := s.Store.CreateClient(ctx, c, first); err != nil {
		if errors.Is(err, idp.ErrConflict) {
			return idp.Client{}, "", s.taken(ctx, c.ID)
		}
		return idp.Client{}, "", fmt.Errorf("create client %q: %w", c.ID, err)
	}
	full, err = s.Client(ctx, c.ID)
	return full, secret, err
}

func initialSecret(c idp.Client, chosen idp.Secret) (idp.Secret, idp.ClientSecret, error) {
	switch {
	case !c.UsesSecret() && chosen != "":
		return "", idp.ClientSecret{}, fmt.Errorf("client %q has no secret, since its token_endpoint_auth_method is %s: drop the secret or choose another method", c.ID, c.TokenEndpointAuthMethod)
	case !c.UsesSecret():
		return "", idp.ClientSecret{}, nil
	case chosen != "":
		hash, err := HashSecret(chosen)
		return chosen, idp.ClientSecret{ID: rand.Text(), Hash: hash}, err
	}
	secret, stored := newStored()
	return secret, stored, nil
}

// newStored makes a secret and what is kept of it.
func newStored() (idp.Secret, idp.ClientSecret) {
	secret, hash := NewSecret()
	return secret, idp.ClientSecret{ID: rand.Text(), Prefix: string(secret[:shownPrefix]), Hash: hash}
}

func (s *Service) taken(ctx context.Context, id string) error {
	before := "it was registered before; choose another id"
	if c, err := s.Store.Client(ctx, id); err == nil && c.ManagedBy == idp.ManagedByConfig {
		before = "it comes from the configuration file; choose another id"
		if c.Disabled {
			before = "it was in the configuration file until a short time ago; choose another id or delete it first"
		}
	}
	return fmt.Errorf("client_id %q: %w: %s", id, idp.ErrConflict, before)
}

// Update reads a client as it is stored, without defaults, lets change edit
// it, and stores the result, which it returns complete. It is idp.ErrConflict if
// somebody else changed the client meanwhile.
func (s *Service) Update(ctx context.Context, id string, change func(*idp.Client)) (idp.Client, error) {
	c, err := s.changeable(ctx, id)
	if err != nil {
		return idp.Client{}, err
	}
	read := c.UpdatedAt
	change(&c)
	c.ID, c.ManagedBy, c.UpdatedAt = id, idp.ManagedByAPI, read
	if _, err := s.Defaults.Validate(c); err != nil {
		return idp.Client{}, err
	}
	if err := s.Store.UpdateClient(ctx, c); err != nil {
		if errors.Is(err, idp.ErrConflict) {
			return idp.Client{}, fmt.Errorf("client %q: %w: it was changed or deleted meanwhile; read it again and repeat", id, idp.ErrConflict)
		}
		return idp.Client{}, fmt.Errorf("update client %q: %w", id, err)
	}
	return s.Client(ctx, id)
}

// Delete removes a client and its secrets: it can redeem and refresh nothing
// any more. It also frees the id of one that was removed from the file.
func (s *Service) Delete(ctx context.Context, id string) error {
	c, err := s.changeable(ctx, id)
	if err != nil && !(c.ManagedBy == idp.ManagedByConfig && c.Disabled) {
		return err
	}
	if err := s.Store.DeleteClient(ctx, id, c.ManagedBy); err != nil {
		return fmt.Errorf("delete client %q: %w", id, err)
	}
	return nil
}

// AddSecret adds a new secret, beside those that a client has, and returns what
// is kept of it and, this once, the secret. A zero expiry means that it does not
// expire. Clients of the configuration file may get secrets too, so that the
// file need not hold any.
func (s *Service) AddSecret(ctx context.Context, clientID string, expires time.Time) (idp.ClientSecret, idp.Secret, error) {
	c, err := s.Client(ctx, clientID)
	if err != nil {
		return idp.ClientSecret{}, "", err
	}
	if !c.UsesSecret() {
		return idp.ClientSecret{}, "", fmt.Errorf("client %q has no secret, since its token_endpoint_auth_method is %s: choose another method first", clientID, c.TokenEndpointAuthMethod)
	}
	if len(c.Secrets) >= maxSecrets {
		return idp.ClientSecret{}, "", fmt.Errorf("client %q has %d live secrets: %w: revoke one that is no longer used", clientID, len(c.Secrets), idp.ErrConflict)
	}
	secret, stored := newStored()
	stored.CreatedAt, stored.ExpiresAt = time.Now(), expires
	if err := s.Store.AddClientSecret(ctx, clientID, stored); err != nil {
		return idp.ClientSecret{}, "", fmt.Errorf("add secret to client %q: %w", clientID, err)
	}
	return stored, secret, nil
}

// DeleteSecret ends one secret of a client at once. The secret of the
// configuration file would be back at the next start, so it is refused.
func (s *Service) DeleteSecret(ctx context.Context, clientID, secretID string) error {
	if strings.HasPrefix(secretID, configSecret) {
		return fmt.Errorf("secret of client %q: %w: it comes from the configuration file; remove or change it there and restart", clientID, idp.ErrConflict)
	}
	if err := s.Store.DeleteClientSecret(ctx, clientID, secretID); err != nil {
		return fmt.Errorf("delete secret %q of client %q: %w", secretID, clientID, err)
	}
	return nil
}

// changeable reads a client that is to be changed. It refuses those of the
// configuration file, with idp.ErrConflict: the next start would undo the change.
func (s *Service) changeable(ctx context.Context, id string) (idp.Client, error) {
	c, err := s.Store.Client(ctx, id)
	if err != nil {
		return idp.Client{}, fmt.Errorf("client %q: %w", shorten(id), err)
	}
	if c.ManagedBy == idp.ManagedByConfig {
		return c, fmt.Errorf("client %q: %w: it comes from the configuration file; change it there, under clients, and restart", id, idp.ErrConflict)
	}
	return c, nil
}
