package clients

import (
	"context"
	"errors"
	"fmt"

	"near-idp/internal/idp"
)

// Configured is one entry of the configuration's clients.
type Configured struct {
	Client idp.Client
	Secret idp.Secret // may be empty: the client uses secrets that were added to it
}

// ApplyConfig makes the stored clients that the configuration owns be exactly
// those of list. One that was removed from the file is disabled, and deleted 30
// days later, so that a mistake can be undone; one that came back is enabled.
// A secret of the file replaces the file's earlier one and leaves added
// secrets alone. An id that was registered otherwise is idp.ErrConflict, and
// nothing is changed by a call that fails.
func (d Defaults) ApplyConfig(ctx context.Context, store Store, list []Configured) error {
	var problems []error
	rows := make([]idp.Client, 0, len(list))
	first := map[string]int{}
	for i, entry := range list {
		row, err := d.row(entry)
		if before, twice := first[row.ID]; twice && row.ID != "" {
			err = errors.Join(err, fmt.Errorf("client_id %q is that of clients[%d] too: rename one", row.ID, before))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("clients[%d]: %w", i, err))
		}
		first[row.ID] = i
		rows = append(rows, row)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	err := store.ApplyClients(ctx, rows)
	if errors.Is(err, idp.ErrConflict) {
		return fmt.Errorf("clients: the configuration file has an id that was registered with `idp client create` or the admin API: %w; rename or remove it in the file, or run `idp client delete`", err)
	}
	if err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	return nil
}

// ApplyConfig is Defaults{}.ApplyConfig.
func ApplyConfig(ctx context.Context, store Store, list []Configured) error {
	return Defaults{}.ApplyConfig(ctx, store, list)
}

func (d Defaults) row(entry Configured) (idp.Client, error) {
	row := entry.Client
	row.ManagedBy, row.Secrets = idp.ManagedByConfig, nil
	full, err := d.Validate(row)
	if entry.Secret == "" {
		return row, err
	}
	if !full.UsesSecret() {
		return row, errors.Join(err, fmt.Errorf("secret is set but token_endpoint_auth_method is %q: remove one", full.TokenEndpointAuthMethod))
	}
	hash, bad := HashSecret(entry.Secret)
	if bad == nil {
		row.Secrets = []idp.ClientSecret{{Hash: hash}}
	}
	return row, errors.Join(err, bad)
}
