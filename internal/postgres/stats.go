package postgres

import (
	"context"

	"near-idp/internal/idp"
)

// Stats counts what there is, in one statement.
func (s *Store) Stats(ctx context.Context) (c idp.Stats, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM clients),
		       (SELECT count(*) FROM clients WHERE disabled_at IS NOT NULL),
		       (SELECT count(*) FROM sessions WHERE ended_at IS NULL AND idle_expires_at > now() AND expires_at > now()),
		       (SELECT count(*) FROM grants WHERE revoked_at IS NULL AND expires_at > now()),
		       (SELECT count(*) FROM account_blocks),
		       (SELECT count(*) FROM audit_events WHERE at > now() - interval '1 day' AND type = 'login.succeeded'),
		       (SELECT count(*) FROM audit_events WHERE at > now() - interval '1 day' AND outcome = 'refused')`).
		Scan(&c.Clients, &c.Disabled, &c.Sessions, &c.Grants, &c.Blocked, &c.Logins, &c.Refused)
	return c, translate(err)
}
