package clients

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// A Plan is what an apply does, client by client, ordered by id.
type Plan struct {
	Changes   []Change `json:"changes"`
	Create    int      `json:"create"`
	Update    int      `json:"update"`
	Delete    int      `json:"delete"`
	Unchanged int      `json:"unchanged"`
	Conflict  int      `json:"conflict"`
	Applied   bool     `json:"applied"` // false: nothing was written
}

// An Action is what becomes of one client.
type Action string

// What becomes of clients.
const (
	ActionCreate    Action = "create"
	ActionUpdate    Action = "update"
	ActionDelete    Action = "delete"
	ActionUnchanged Action = "unchanged"
	ActionConflict  Action = "conflict" // somebody else owns it, so that nothing can be applied
)

// A Change is what becomes of one client, field by field if it is updated.
type Change struct {
	ClientID string        `json:"client_id"`
	Action   Action        `json:"action"`
	Fields   []FieldChange `json:"fields,omitempty"`
	Secrets  string        `json:"secrets,omitempty"` // "added" or "replaced" or "removed"; empty: untouched
	Reason   string        `json:"reason,omitempty"`  // of a conflict
}

// A FieldChange is one field before and after, as in JSON; nil where it is not set.
type FieldChange struct {
	Field string `json:"field"`
	From  any    `json:"from"`
	To    any    `json:"to"`
}

func (p *Plan) add(c Change) {
	p.Changes = append(p.Changes, c)
	switch c.Action {
	case ActionCreate:
		p.Create++
	case ActionUpdate:
		p.Update++
	case ActionDelete:
		p.Delete++
	case ActionUnchanged:
		p.Unchanged++
	case ActionConflict:
		p.Conflict++
	}
}

// A row is an entry that is valid by itself, with hashes in place of secrets.
type row struct {
	client idp.Client
	where  string
	hash   []byte             // of the one secret that the entry names; nil: none
	hashes []idp.ClientSecret // every secret that it is to have; nil: the entry does not say
}

// A planner compares what is to be with what is stored.
type planner struct {
	owner   string // of the rows
	now     time.Time
	plan    Plan
	changes idp.ClientChanges
	taken   map[string]string // the client of each secret's id
}

func newPlanner(owner string, stored []idp.Client, now time.Time) *planner {
	p := &planner{owner: owner, now: now, taken: map[string]string{}}
	for _, c := range stored {
		for _, s := range c.Secrets {
			p.taken[s.ID] = c.ID
		}
	}
	return p
}

// put plans one row. stored is nil if there is no client of this id.
func (p *planner) put(r row, stored *idp.Client) error {
	change := Change{ClientID: r.client.ID, Action: ActionUnchanged}
	if stored == nil {
		change.Action = ActionCreate
		p.changes.Create = append(p.changes.Create, r.client)
	} else if stored.ManagedBy != p.owner {
		change.Action, change.Reason = ActionConflict, p.foreign(stored)
		p.plan.add(change)
		return nil
	} else if change.Fields = compare(stored, &r.client); len(change.Fields) > 0 {
		change.Action = ActionUpdate
		p.changes.Update = append(p.changes.Update, r.client)
	}
	var err error
	if change.Secrets, err = p.secrets(r, stored); err != nil {
		return fmt.Errorf("%s: %w", r.where, err)
	}
	if change.Secrets != "" && change.Action == ActionUnchanged {
		change.Action = ActionUpdate
	}
	p.plan.add(change)
	return nil
}

// foreign says who owns a client that the planner may not change.
func (p *planner) foreign(c *idp.Client) string {
	switch {
	case p.owner == idp.ManagedByConfig:
		return "it was registered with `idp client create` or the admin API: rename or remove it in the file, or run `idp client delete`"
	case c.LeftFile():
		return "it was in the configuration file until a short time ago: delete it first, or choose another id"
	}
	return "it comes from " + source(c) + ": change it there"
}

// secrets plans the secrets of a row, and says in a word what happens to them.
func (p *planner) secrets(r row, stored *idp.Client) (string, error) {
	var before []idp.ClientSecret
	if stored != nil {
		before = stored.Secrets
	}
	want := p.wanted(r, before)
	same := func(a, b idp.ClientSecret) bool {
		return bytes.Equal(a.Hash, b.Hash) && (r.hashes == nil || a.ID == b.ID)
	}
	added, dropped := 0, 0
	for _, s := range before {
		if !slices.ContainsFunc(want, func(w idp.ClientSecret) bool { return same(s, w) }) {
			p.changes.DropSecrets = append(p.changes.DropSecrets, s.ID)
			delete(p.taken, s.ID)
			dropped++
		}
	}
	for _, w := range want {
		if slices.ContainsFunc(before, func(s idp.ClientSecret) bool { return same(s, w) }) {
			continue
		}
		if owner, taken := p.taken[w.ID]; taken {
			return "", fmt.Errorf("a secret has the id %q, which is that of a secret of client %q: %w: leave the id out", w.ID, owner, idp.ErrConflict)
		}
		p.taken[w.ID] = r.client.ID
		p.changes.AddSecrets = append(p.changes.AddSecrets, idp.AddedSecret{ClientID: r.client.ID, ClientSecret: w})
		added++
	}
	if added > 0 && len(want) > maxSecrets {
		return "", fmt.Errorf("client %q would have %d live secrets: %w: at most %d are allowed, revoke one that is no longer used", r.client.ID, len(want), idp.ErrConflict, maxSecrets)
	}
	switch {
	case added > 0 && dropped > 0:
		return "replaced", nil
	case added > 0:
		return "added", nil
	case dropped > 0:
		return "removed", nil
	}
	return "", nil
}

// wanted are the secrets that a client is to have when it has those of before. Of
// secrets that were added to it in other ways, an entry's one secret says nothing.
func (p *planner) wanted(r row, before []idp.ClientSecret) []idp.ClientSecret {
	if r.hashes != nil {
		live := []idp.ClientSecret{}
		for _, s := range r.hashes {
			if s.ExpiresAt.IsZero() || s.ExpiresAt.After(p.now) {
				i := slices.IndexFunc(before, func(b idp.ClientSecret) bool { return s.ID == "" && bytes.Equal(b.Hash, s.Hash) })
				if i >= 0 {
					s.ID = before[i].ID
				}
				s.ID = cmp.Or(s.ID, rand.Text())
				live = append(live, s)
			}
		}
		return live
	}
	own := appliedSecret + r.client.ID
	if p.owner == idp.ManagedByConfig {
		own = configSecret + r.client.ID
	}
	others := slices.DeleteFunc(slices.Clone(before), func(s idp.ClientSecret) bool { return s.ID == own })
	present := func(s idp.ClientSecret) bool { return bytes.Equal(s.Hash, r.hash) }
	switch {
	case r.hash == nil && p.owner == idp.ManagedByConfig:
		return others
	case r.hash == nil || p.owner == idp.ManagedByAPI && slices.ContainsFunc(before, present):
		return before
	}
	return append(others, idp.ClientSecret{ID: own, Hash: r.hash})
}

// compare returns the fields in which a client as it is stored differs from
// what it is to be, ordered by name.
func compare(stored, next *idp.Client) []FieldChange {
	before, after := fieldsOf(stored), fieldsOf(next)
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []FieldChange
	for _, name := range names {
		if !reflect.DeepEqual(before[name], after[name]) {
			changes = append(changes, FieldChange{name, before[name], after[name]})
		}
	}
	return changes
}

// fieldsOf are the fields of a client that an apply may change. One that is
// empty is as good as one that is not there.
func fieldsOf(c *idp.Client) map[string]any {
	shown := *c
	shown.ID, shown.ManagedBy = "", ""
	shown.CreatedAt, shown.UpdatedAt, shown.LastUsedAt = time.Time{}, time.Time{}, time.Time{}
	text, err := json.Marshal(shown)
	if err != nil {
		panic("clients: " + err.Error()) // the registration was validated, or read as JSON
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		// A number in a key set that no float64 holds, of a row that was written by hand.
		fields = map[string]any{"jwks": string(text)}
	}
	maps.DeleteFunc(fields, func(_ string, value any) bool {
		list, isList := value.([]any)
		return value == nil || value == "" || isList && len(list) == 0
	})
	return fields
}

// byClient orders a plan.
func (p *Plan) byClient() {
	slices.SortStableFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.ClientID, b.ClientID) })
}
