package clients

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	// appliedSecret begins the ids of secrets that a document named.
	appliedSecret = "applied:"
	// maxEntries bounds a document, and so how long an apply keeps other changes waiting.
	maxEntries = 10_000
	// prunedFreely is how many clients a document may prune, however few it leaves.
	prunedFreely = 10
)

// secretID is what the id of a secret may look like.
var secretID = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,100}$`)

// An Entry is a client as the configuration, or a document, says that it is to be.
type Entry struct {
	Client idp.Client
	// Secret is one of its secrets, stored as a hash. Empty: the client uses secrets that were
	// added to it; in the configuration, the file then holds none any more.
	Secret idp.Secret
	// Secrets are hashes, those of an export: the client has these secrets and no other. nil: the document does not say.
	Secrets []idp.ClientSecret
	// Where it stands, for errors, such as "clients.yaml:12". Empty: its place in the list.
	Where string
}

// ApplyOptions say how far an apply goes.
type ApplyOptions struct {
	Prune     bool // deletes the clients of the API that the list lacks
	PruneMany bool // confirms that an empty list, or one that lacks most, is meant
	DryRun    bool // plans alone
}

// Apply makes the clients that the API owns be as list says, in one
// transaction: all of it or, after an error, nothing. Clients that the list
// lacks stay, unless opts prunes them. The plan is that of the transaction itself, so
// nobody's change comes between; it tells the conflicts of a call that failed with
// idp.ErrManagedByConfig. Other errors are *Invalid for an entry that breaks a rule, and
// idp.ErrConflict for a list that would prune too much.
func (s *Service) Apply(ctx context.Context, list []Entry, opts ApplyOptions) (Plan, error) {
	rows, err := s.defaults().rows(list, idp.ManagedByAPI)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	decide := func(stored []idp.Client) (idp.ClientChanges, error) {
		p := newPlanner(idp.ManagedByAPI, stored, time.Now())
		err := p.apply(rows, stored, opts)
		plan = p.plan
		return p.changes, err
	}
	if opts.DryRun {
		stored, err := s.Store.Clients(ctx)
		if err != nil {
			return Plan{}, fmt.Errorf("plan clients: %w", err)
		}
		_, err = decide(stored)
		return plan, err
	}
	if err := s.Store.ChangeClients(ctx, idp.ClientSelection{}, decide); err != nil {
		return plan, fmt.Errorf("nothing is applied: %w", err)
	}
	plan.Applied = plan.Create+plan.Update+plan.Delete > 0
	return plan, nil
}

func (p *planner) apply(rows []row, stored []idp.Client, opts ApplyOptions) error {
	listed, err := p.putAll(rows, stored)
	if err != nil {
		return err
	}
	owned := 0
	for _, c := range stored {
		if c.ManagedBy != p.owner {
			continue
		}
		owned++
		if opts.Prune && !listed[c.ID] {
			p.changes.Delete = append(p.changes.Delete, c.ID)
			p.plan.add(Change{ClientID: c.ID, Action: ActionDelete})
		}
	}
	p.plan.byClient()
	pruned := p.plan.Delete
	if pruned > 0 && !opts.PruneMany && (len(rows) == 0 || pruned > prunedFreely && pruned*2 > owned) {
		return fmt.Errorf("prune: %w: it would delete %d of %d clients: check that the list is the right one, then confirm (--danger-prune-many)", idp.ErrConflict, pruned, owned)
	}
	return p.conflicts(idp.ErrManagedByConfig)
}

// putAll plans the rows and returns their ids.
func (p *planner) putAll(rows []row, stored []idp.Client) (map[string]bool, error) {
	before := make(map[string]*idp.Client, len(stored))
	for i := range stored {
		before[stored[i].ID] = &stored[i]
	}
	listed := make(map[string]bool, len(rows))
	var problems []error
	for _, r := range rows {
		listed[r.client.ID] = true
		problems = append(problems, p.put(r, before[r.client.ID]))
	}
	return listed, errors.Join(problems...)
}

// conflicts is the error of a plan that has some.
func (p *planner) conflicts(kind error) error {
	var problems []error
	for _, c := range p.plan.Changes {
		if c.Action == ActionConflict {
			problems = append(problems, fmt.Errorf("client_id %q: %w: %s", c.ClientID, kind, c.Reason))
		}
	}
	return errors.Join(problems...)
}

// rows checks each entry by itself, and that no id is there twice.
func (d Defaults) rows(list []Entry, owner string) ([]row, error) {
	if len(list) > maxEntries {
		return nil, invalid(fmt.Errorf("the list has %d clients: at most %d are allowed", len(list), maxEntries))
	}
	var problems []error
	rows := make([]row, 0, len(list))
	first := map[string]string{}
	for i, entry := range list {
		if entry.Where == "" {
			entry.Where = fmt.Sprintf("clients[%d]", i)
		}
		r, err := d.row(entry, owner)
		if before, twice := first[r.client.ID]; twice && r.client.ID != "" {
			err = errors.Join(err, fmt.Errorf("client_id %q is that of %s too: rename one", r.client.ID, before))
		} else {
			first[r.client.ID] = entry.Where
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				problems = append(problems, fmt.Errorf("%s: %s", entry.Where, strings.TrimSuffix(line, "\n")))
			}
		}
		rows = append(rows, r)
	}
	return rows, invalid(errors.Join(problems...))
}

func (d Defaults) row(entry Entry, owner string) (row, error) {
	r := row{client: entry.Client, where: entry.Where, hashes: entry.Secrets}
	r.client.ManagedBy, r.client.Secrets = owner, nil
	if owner != idp.ManagedByConfig {
		r.client.Source = ""
	}
	full, err := d.validateNew(r.client)
	if entry.Secret == "" && len(entry.Secrets) == 0 {
		return r, err
	}
	if !full.UsesSecret() {
		return r, errors.Join(err, fmt.Errorf("secret is set but token_endpoint_auth_method is %q: remove one", full.TokenEndpointAuthMethod))
	}
	if entry.Secret == "" {
		return r, errors.Join(err, checkHashes(entry))
	}
	if entry.Secrets != nil {
		return r, errors.Join(err, errors.New("secret and secrets exclude one another: remove one"))
	}
	hash, bad := HashSecret(entry.Secret)
	r.hash = hash
	return r, errors.Join(err, bad)
}

// checkHashes checks the secrets that an entry has as hashes. An id that
// belongs to another way of adding secrets would be taken for one of those.
func checkHashes(entry Entry) error {
	for i, s := range entry.Secrets {
		switch {
		case len(s.Hash) != 32:
			return fmt.Errorf("secrets[%d].hash has %d bytes: write the SHA-256 of the secret, as `idp client export --with-hashes` does", i, len(s.Hash))
		case len(s.Prefix) > shownPrefix || !secretID.MatchString(s.Prefix+"x"):
			return fmt.Errorf("secrets[%d].prefix is not the beginning of a secret: leave it out", i)
		case s.ID == "" || s.ID == appliedSecret+entry.Client.ID:
		case !secretID.MatchString(s.ID) || strings.HasPrefix(s.ID, configSecret) || strings.HasPrefix(s.ID, appliedSecret):
			return fmt.Errorf("secrets[%d].id %q is not that of a secret: leave it out", i, shorten(s.ID))
		}
	}
	if len(entry.Secrets) > maxSecrets {
		return fmt.Errorf("secrets has %d entries: at most %d are allowed", len(entry.Secrets), maxSecrets)
	}
	return nil
}
