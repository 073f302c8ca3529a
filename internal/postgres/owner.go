package postgres

import (
	"context"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// proofOf is an idp.SignedLogin in JSON, from a row of logins.
func proofOf(login string) string {
	column := func(name string) string { return "'" + name + "', " + login + "." + name + ", " }
	// PostgreSQL breaks base64 into lines.
	bytes := func(name string) string {
		return "'" + name + "', replace(encode(" + login + "." + name + ", 'base64'), E'\\n', ''), "
	}
	return `jsonb_strip_nulls(jsonb_build_object(` +
		column("account_id") + column("public_key") + column("message") + bytes("nonce") + column("recipient") + bytes("signature") +
		`'callback_url', CASE WHEN ` + login + `.callback_bound THEN ` + login + `.callback_url END,
		'client_id', nullif(` + login + `.client_id, ''), 'wallet', nullif(` + login + `.wallet, ''), 'signed_at', ` + login + `.consumed_at))`
}

// Owner returns the open incarnation of an account that a subject is, with the proof of
// its last sign-in; idp.ErrNotFound if the account is gone or somebody else's by now. The
// proof is nil if that sign-in was before proofs were kept.
func (s *Store) Owner(ctx context.Context, network, account, subject string) (*idp.Subject, *idp.SignedLogin, error) {
	owner := idp.Subject{Subject: subject}
	var proof *idp.SignedLogin
	err := s.db.QueryRow(ctx, `
		SELECT s.created_at, s.last_login_at, CASE WHEN l.id IS NULL THEN s.proof ELSE `+proofOf("l")+` END
		FROM subjects s
		LEFT JOIN logins l ON l.id = s.last_login AND l.signature IS NOT NULL
		WHERE s.network = $1 AND s.account_id = $2 AND s.subject = $3 AND s.closed_at IS NULL`,
		network, account, subject).Scan(&owner.CreatedAt, &owner.LastLoginAt, &proof)
	if err != nil {
		return nil, nil, translate(err)
	}
	return &owner, proof, nil
}

// OwnEvents returns events of one person, the newest first, after the first skip of them:
// those of the subject that have one of the types, and sign-ins as the account that were
// refused. These name no subject, since nobody proved to be anybody, so they count since the
// subject began. Of the account's events at most the scan newest are looked at.
func (s *Store) OwnEvents(ctx context.Context, account string, owner *idp.Subject, types []string, skip, limit, scan int) ([]idp.Event, error) {
	rows, err := s.db.Query(ctx, `
		SELECT `+eventColumns+`
		FROM (SELECT `+eventColumns+` FROM audit_events WHERE account_id = $1 ORDER BY id DESC LIMIT $7) AS newest
		WHERE subject = $2 AND type = ANY ($3)
		   OR outcome = 'refused' AND subject IN ('', $2) AND at >= $4
		ORDER BY id DESC
		OFFSET $5
		LIMIT $6`, account, owner.Subject, types, owner.CreatedAt, skip, limit, scan)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanEvent)
	return list, translate(err)
}

// ConsentsOf lists what a subject allowed clients, the latest first.
func (s *Store) ConsentsOf(ctx context.Context, network, subject string) ([]idp.AccountConsent, error) {
	var batch pgx.Batch
	var list []idp.AccountConsent
	queue(&batch, &list, `
		SELECT subject, client_id, scopes, resources, granted_at
		FROM consents
		WHERE network = $1 AND subject = $2
		ORDER BY granted_at DESC, client_id`, network, subject)
	return list, translate(s.db.SendBatch(ctx, &batch).Close())
}

// GrantsOf lists the live grants of a subject, the latest 1000.
func (s *Store) GrantsOf(ctx context.Context, network, subject string) ([]idp.AccountGrant, error) {
	var batch pgx.Batch
	var list []idp.AccountGrant
	queue(&batch, &list, `
		SELECT id, client_id, subject, sid, scopes, audience, created_at, coalesce(rotated_at, created_at), expires_at
		FROM grants
		WHERE network = $1 AND `+ofSubject+` AND revoked_at IS NULL AND expires_at > now()
		ORDER BY created_at DESC, id
		LIMIT `+maxListed, network, subject)
	return list, translate(s.db.SendBatch(ctx, &batch).Close())
}

// EndSessionsOfSubject ends all sessions of a subject and revokes all its grants, those of
// the scope offline_access included.
func (s *Store) EndSessionsOfSubject(ctx context.Context, network, subject string) (ended int, err error) {
	return s.endSessions(ctx, true, `
		WITH live AS (
			SELECT sid
			FROM sessions
			WHERE network = $1 AND `+ofSubject+` AND ended_at IS NULL
			ORDER BY sid
			FOR UPDATE
		)
		SELECT sid FROM live
		UNION
		SELECT sid FROM grants WHERE network = $1 AND `+ofSubject+` AND revoked_at IS NULL`, []any{network, subject}, nil)
}
