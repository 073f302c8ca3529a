package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// A Store keeps clients for all replicas. Every method is one transaction.
type Store interface {
	// Clients returns every client ordered by id, disabled ones too, each with the hashes of
	// the secrets that have not expired.
	Clients(ctx context.Context) ([]idp.Client, error)
	// Client returns one client as Clients would, or idp.ErrNotFound.
	Client(ctx context.Context, id string) (idp.Client, error)
	// CreateClient stores c, with a secret if it has a hash; idp.ErrConflict if the id is taken.
	CreateClient(ctx context.Context, c idp.Client, first idp.ClientSecret) error
	// UpdateClient replaces the client with this id, owner and UpdatedAt, or
	// returns idp.ErrConflict if there is none any more.
	UpdateClient(ctx context.Context, c idp.Client) error
	// DeleteClient deletes the client with c's id, owner and UpdatedAt, or returns
	// idp.ErrConflict if there is none any more.
	DeleteClient(ctx context.Context, c idp.Client) error
	// AddClientSecret adds a secret; idp.ErrNotFound if there is no such client.
	AddClientSecret(ctx context.Context, clientID string, secret idp.ClientSecret) error
	// DeleteClientSecret ends a secret, or returns idp.ErrNotFound.
	DeleteClientSecret(ctx context.Context, clientID, secretID string) error
	// ChangeClients does what decide makes of the stored clients that about selects, while nobody else changes any.
	ChangeClients(ctx context.Context, about idp.ClientSelection, decide func(stored []idp.Client) (idp.ClientChanges, error)) error
	// ClientPage returns a page of what Clients returns.
	ClientPage(ctx context.Context, q idp.ClientQuery) ([]idp.Client, error)
}

// maxPage bounds a page of clients.
const maxPage = 1000

// configSecret begins the ids of secrets that the configuration file holds.
const configSecret = "config:"

// A Service changes the registry for an operator, from the command line or the
// admin API. Clients of the configuration file are read-only to it.
type Service struct {
	Store    Store
	Defaults Defaults
	// Live, if it is set, says the defaults in place of Defaults, those of a configuration that may change.
	Live func() Defaults
}

func (s *Service) defaults() Defaults {
	if s.Live != nil {
		return s.Live()
	}
	return s.Defaults
}

// Client returns one client, complete with defaults, or idp.ErrNotFound.
func (s *Service) Client(ctx context.Context, id string) (idp.Client, error) {
	c, err := s.stored(ctx, id)
	if err != nil {
		return idp.Client{}, err
	}
	return s.complete(c), nil
}

// stored reads a client as it is stored, without defaults.
func (s *Service) stored(ctx context.Context, id string) (idp.Client, error) {
	if !isText(id) {
		return idp.Client{}, fmt.Errorf("client %q: %w", shorten(id), idp.ErrNotFound)
	}
	c, err := s.Store.Client(ctx, id)
	if err != nil {
		return idp.Client{}, fmt.Errorf("client %q: %w", shorten(id), err)
	}
	return c, nil
}

// isText reports whether PostgreSQL can hold a text, so that nothing it cannot hold is looked for.
func isText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

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

// Page returns a page of List and, if there are more, the id that the next page comes after.
func (s *Service) Page(ctx context.Context, q idp.ClientQuery) (page []idp.Client, next string, err error) {
	if !isText(q.Search) || !isText(q.After) {
		return nil, "", nil
	}
	limit := min(max(q.Limit, 1), maxPage)
	q.Limit = limit + 1
	page, err = s.Store.ClientPage(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list clients: %w", err)
	}
	if len(page) > limit {
		page, next = page[:limit], page[limit-1].ID
	}
	for i, c := range page {
		page[i] = s.complete(c)
	}
	return page, next, nil
}

// Export returns the clients that the API owns as they are stored: applied
// again, they change nothing. They are ordered by the bytes of their ids, which is the same in every database.
func (s *Service) Export(ctx context.Context) ([]idp.Client, error) {
	list, err := s.Store.Clients(ctx)
	if err != nil {
		return nil, fmt.Errorf("export clients: %w", err)
	}
	list = slices.DeleteFunc(list, func(c idp.Client) bool { return c.ManagedBy != idp.ManagedByAPI })
	slices.SortFunc(list, func(a, b idp.Client) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// complete shows an invalid row, which the registry ignores, as far as it can be read.
func (s *Service) complete(c idp.Client) idp.Client {
	c, _ = s.defaults().Validate(c)
	return c
}

// Create registers c and returns it complete, with its secret, which is shown
// this once: chosen if that is not empty, otherwise a new one, none for a
// client whose method needs none. An empty id is made up. An id that is taken is idp.ErrConflict.
func (s *Service) Create(ctx context.Context, c idp.Client, chosen idp.Secret) (idp.Client, idp.Secret, error) {
	if c.ID == "" {
		c.ID = rand.Text()
	}
	c.ManagedBy, c.Source = idp.ManagedByAPI, ""
	full, err := s.defaults().validateNew(c)
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
		return "", idp.ClientSecret{}, invalid(fmt.Errorf("client %q has no secret, since its token_endpoint_auth_method is %s: drop the secret or choose another method", c.ID, c.TokenEndpointAuthMethod))
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
	c, err := s.Store.Client(ctx, id)
	switch {
	case err != nil || c.ManagedBy != idp.ManagedByConfig:
		return fmt.Errorf("client_id %q: %w: it was registered before; choose another id", id, idp.ErrConflict)
	case c.LeftFile():
		return fmt.Errorf("client_id %q: %w: it was in the configuration file until a short time ago; choose another id or delete it first", id, idp.ErrConflict)
	}
	return fmt.Errorf("client_id %q: %w: it comes from %s; choose another id", id, idp.ErrManagedByConfig, source(&c))
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
	if err := roomForSecret(&c); err != nil {
		return idp.ClientSecret{}, "", err
	}
	secret, stored := newStored()
	stored.CreatedAt, stored.ExpiresAt = time.Now(), expires
	if err := s.Store.AddClientSecret(ctx, clientID, stored); err != nil {
		return idp.ClientSecret{}, "", fmt.Errorf("add secret to client %q: %w", clientID, err)
	}
	return stored, secret, nil
}

func roomForSecret(c *idp.Client) error {
	if !c.UsesSecret() {
		return invalid(fmt.Errorf("client %q has no secret, since its token_endpoint_auth_method is %s: choose another method first", c.ID, c.TokenEndpointAuthMethod))
	}
	if len(c.Secrets) >= maxSecrets {
		return fmt.Errorf("client %q has %d live secrets: %w: revoke one that is no longer used", c.ID, len(c.Secrets), idp.ErrConflict)
	}
	return nil
}

// DeleteSecret ends one secret of a client at once. The secret of the
// configuration file would be back, so it is refused.
func (s *Service) DeleteSecret(ctx context.Context, clientID, secretID string) error {
	if err := removableSecret(clientID, secretID); err != nil {
		return err
	}
	err := idp.ErrNotFound
	if isText(clientID) && isText(secretID) {
		err = s.Store.DeleteClientSecret(ctx, clientID, secretID)
	}
	if err != nil {
		return fmt.Errorf("delete secret %q of client %q: %w", secretID, clientID, err)
	}
	return nil
}

func removableSecret(clientID, secretID string) error {
	if strings.HasPrefix(secretID, configSecret) {
		return fmt.Errorf("secret of client %q: %w: it comes from the configuration file; remove or change it there", clientID, idp.ErrManagedByConfig)
	}
	return nil
}
