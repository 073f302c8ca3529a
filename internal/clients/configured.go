package clients

import (
	"context"
	"fmt"
	"time"

	"near-idp/internal/idp"
)

// ApplyConfig makes the stored clients that the configuration owns be exactly
// those of list, in one transaction. One that was removed from the file is disabled, and
// deleted 30 days later, so that a mistake can be undone; one that came back is as the file says.
// A secret of the file replaces the file's earlier one and leaves added
// secrets alone. An id that was registered otherwise is idp.ErrConflict, and
// nothing is changed by a call that fails.
func (d Defaults) ApplyConfig(ctx context.Context, store Store, list []Entry) (Plan, error) {
	rows, err := d.rows(list, idp.ManagedByConfig)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	about := idp.ClientSelection{ManagedBy: idp.ManagedByConfig}
	for _, r := range rows {
		about.IDs = append(about.IDs, r.client.ID)
	}
	err = store.ChangeClients(ctx, about, func(stored []idp.Client) (idp.ClientChanges, error) {
		p := newPlanner(idp.ManagedByConfig, stored, time.Now())
		err := p.configure(rows, stored)
		plan = p.plan
		return p.changes, err
	})
	if err != nil {
		return plan, fmt.Errorf("clients of the configuration file: %w", err)
	}
	plan.Applied = plan.Create+plan.Update > 0
	return plan, nil
}

func (p *planner) configure(rows []row, stored []idp.Client) error {
	listed, err := p.putAll(rows, stored)
	if err != nil {
		return err
	}
	for _, c := range stored {
		if c.ManagedBy != p.owner || listed[c.ID] || c.LeftFile() {
			continue
		}
		gone := c
		gone.Disabled, gone.Source = true, ""
		p.changes.Update = append(p.changes.Update, gone)
		p.plan.add(Change{ClientID: c.ID, Action: ActionUpdate, Fields: compare(&c, &gone)})
	}
	for i := range p.plan.Changes {
		if c := &p.plan.Changes[i]; c.Action == ActionConflict {
			c.Reason = whereOf(rows, c.ClientID) + " has it too; " + c.Reason
		}
	}
	p.plan.byClient()
	return p.conflicts(idp.ErrConflict)
}

func whereOf(rows []row, id string) string {
	for _, r := range rows {
		if r.client.ID == id {
			return r.where
		}
	}
	return ""
}
