package postgres

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// Session returns the live session with this hash, or idp.ErrNotFound.
func (s *Store) Session(ctx context.Context, hash []byte) (*idp.Session, error) {
	session := idp.Session{Hash: hash}
	who := &session.Identity
	err := s.db.QueryRow(ctx, `
		SELECT sid, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at
		FROM sessions
		WHERE hash = $1 AND ended_at IS NULL AND idle_expires_at > now() AND expires_at > now() AND `+unblocked("sessions"), hash).Scan(
		&who.SID, &who.Subject, &who.AccountID, &who.Network, &who.PublicKey, &who.AuthTime, &session.IdleExpires, &session.ExpiresAt)
	if err != nil {
		return nil, translate(err)
	}
	return &session, nil
}

// SessionBySID returns the live session with this public id, of an account that
// still belongs to whoever signed in, or idp.ErrNotFound.
func (s *Store) SessionBySID(ctx context.Context, sid string) (*idp.Session, error) {
	var session idp.Session
	who := &session.Identity
	err := s.db.QueryRow(ctx, `
		SELECT s.hash, s.sid, s.subject, s.account_id, s.network, s.public_key, s.auth_time, s.idle_expires_at, s.expires_at
		FROM sessions s
		JOIN subjects o ON o.network = s.network AND o.subject = s.subject AND o.closed_at IS NULL
		WHERE s.sid = $1 AND s.ended_at IS NULL AND s.idle_expires_at > now() AND s.expires_at > now() AND `+unblocked("s"), sid).Scan(
		&session.Hash, &who.SID, &who.Subject, &who.AccountID, &who.Network, &who.PublicKey, &who.AuthTime, &session.IdleExpires, &session.ExpiresAt)
	if err != nil {
		return nil, translate(err)
	}
	return &session, nil
}

// useSession begins a statement that a live session answers. Using it is what
// keeps it from going idle.
var useSession = `
	WITH session AS (
		UPDATE sessions
		SET idle_expires_at = least(now() + @idle::interval, expires_at),
		    used_at = now(), browser = @browser, system = @system, place = @place
		WHERE hash = @hash AND ended_at IS NULL AND idle_expires_at > now() AND expires_at > now()
		  AND account_id = @account_id AND network = @network AND ` + unblocked("sessions") + `
		RETURNING sid, subject, account_id, public_key
	)`

// resumeLogin answers an authorization request from a session, in place of a signature.
var resumeLogin = byName(useSession + `, login AS (
		INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state, browser_hash,
		                    created_at, expires_at, account_id, public_key, consumed_at, sid, ` + codeColumns + `)
		SELECT @id, @client_id, @params, @message, @nonce, @recipient, @callback_url, @state, @browser_hash,
		       @created_at, @expires_at, session.account_id, session.public_key, now(), session.sid, ` + codeValues + `
		FROM session
		WHERE NOT @silent OR ` + mayIssue + `
		RETURNING sid, client_id, code_hash IS NOT NULL AS issued
	)` + resumed)

// resumed records that a session answered a login, and ends the statement.
var resumed = `, audit AS (` + audited("@origin", `
		'login.resumed', login.client_id, session.account_id, session.subject, session.sid, NULL
		FROM login
		JOIN session USING (sid)`) + `
	)
	SELECT sid, issued
	FROM login`

// ResumeLogin stores a login that the session answers, with its code unless
// consent is to be asked for; then, if silent, it stores nothing. It fails with
// idp.ErrNotFound when nothing was stored.
func (s *Store) ResumeLogin(ctx context.Context, l *idp.Login, session *idp.Session, idle time.Duration, code *idp.Code, silent bool) (issued bool, err error) {
	err = s.db.QueryRow(ctx, resumeLogin.sql, resumeLogin.with(caused(ctx, codeArgs(code, pgx.StrictNamedArgs{
		"id": l.ID, "client_id": l.ClientID, "params": l.Params, "message": l.Message, "nonce": l.Nonce[:],
		"recipient": l.Recipient, "callback_url": l.CallbackURL, "state": l.State, "browser_hash": l.BrowserHash,
		"created_at": l.CreatedAt, "expires_at": l.ExpiresAt,
		"hash": session.Hash, "account_id": session.Identity.AccountID, "network": session.Identity.Network,
		"idle": idle, "silent": silent,
	})))...).Scan(&l.SID, &issued)
	return issued, translate(err)
}

var adoptSession = byName(useSession + `, login AS (
		UPDATE logins
		SET consumed_at = now(), account_id = session.account_id, public_key = session.public_key, sid = session.sid,
		    (` + codeColumns + `) = ROW (` + codeValues + `)
		FROM session
		WHERE id = @id AND logins.client_id = @client_id AND consumed_at IS NULL AND logins.expires_at > now() AND logins.account_id IS NULL
		RETURNING logins.sid, logins.client_id, code_hash IS NOT NULL AS issued
	)` + resumed)

// AdoptSession lets the session answer a login that is waiting for a
// signature: the person chose to continue as who they are. idp.ErrUsed if either is over.
func (s *Store) AdoptSession(ctx context.Context, l *idp.Login, session *idp.Session, idle time.Duration, code *idp.Code) (issued bool, err error) {
	err = translate(s.db.QueryRow(ctx, adoptSession.sql, adoptSession.with(caused(ctx, codeArgs(code, pgx.StrictNamedArgs{
		"id": l.ID, "client_id": l.ClientID, "hash": session.Hash, "account_id": session.Identity.AccountID,
		"network": session.Identity.Network, "idle": idle,
	})))...).Scan(&l.SID, &issued))
	if errors.Is(err, idp.ErrNotFound) {
		return false, idp.ErrUsed
	}
	return issued, err
}

var allowLogin = byName(`
	WITH login AS (
		UPDATE logins l
		SET (` + codeColumns + `) = ROW (@grant_id, @redirect_uri, @code_challenge::text, @dpop_jkt::text, @scopes::text[], @audience::text[],
		     @oidc_nonce, @claims::text[], @code_hash::bytea, @code_expires_at::timestamptz)
		FROM sessions s
		WHERE l.id = @id AND l.client_id = @client_id AND l.consumed_at > now() - @within::interval
		  AND l.code_hash IS NULL AND NOT l.denied
		  AND s.sid = l.sid AND s.ended_at IS NULL AND s.expires_at > now() AND ` + unblocked("s") + `
		RETURNING l.client_id, s.network, s.subject, s.account_id, s.sid
	), consent AS (
		INSERT INTO consents (network, subject, client_id, client, scopes, resources)
		SELECT network, subject, client_id, @consent_client, @consent_scopes, @consent_resources
		FROM login
		ON CONFLICT (network, subject, client_id) DO UPDATE
		SET client = excluded.client, granted_at = now(),
		    scopes = CASE WHEN consents.client = excluded.client THEN
		        ARRAY (SELECT DISTINCT unnest(consents.scopes || excluded.scopes) ORDER BY 1) ELSE excluded.scopes END,
		    resources = CASE WHEN consents.client = excluded.client THEN
		        ARRAY (SELECT DISTINCT unnest(consents.resources || excluded.resources) ORDER BY 1) ELSE excluded.resources END
	), audit AS (` + audited("@origin", `
		'consent.granted', client_id, account_id, subject, sid,
		jsonb_build_object('scope', array_to_string(@consent_scopes::text[], ' '), 'resources', @consent_resources::text[])
		FROM login`) + `
	)
	SELECT subject
	FROM login`)

// AllowLogin issues the code of a login whose person agreed, and remembers the
// consent. The session must still live, and within is the time they had; else idp.ErrUsed.
func (s *Store) AllowLogin(ctx context.Context, l *idp.Login, code *idp.Code, within time.Duration) error {
	args := codeArgs(code, pgx.StrictNamedArgs{"id": l.ID, "client_id": l.ClientID, "within": within, "origin": origin(ctx)})
	delete(args, "asked")
	var subject string
	err := translate(s.db.QueryRow(ctx, allowLogin.sql, allowLogin.with(args)...).Scan(&subject))
	if errors.Is(err, idp.ErrNotFound) {
		return idp.ErrUsed
	}
	return err
}
