package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// CreateLogin stores a fresh challenge.
func (s *Store) CreateLogin(ctx context.Context, l *idp.Login) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state,
		                    browser_hash, created_at, expires_at, renewals, handoff)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		l.ID, l.ClientID, l.Params, l.Message, l.Nonce[:], l.Recipient, l.CallbackURL, l.State,
		l.BrowserHash, l.CreatedAt, l.ExpiresAt, l.Renewals, orAbsent(l.Handoff))
	return translate(err)
}

const selectLogin = `
	SELECT id, client_id, params, message, nonce, recipient, callback_url, state,
	       browser_hash, created_at, expires_at, renewals, attempts,
	       account_id, public_key, callback_bound, wallet, signature,
	       consumed_at, sid, denied, code_hash, code_expires_at, redeemed_at, handoff
	FROM logins `

// Login returns the login with this id, whatever became of it, or idp.ErrNotFound.
func (s *Store) Login(ctx context.Context, id string) (*idp.Login, error) {
	return scanLogin(s.db.QueryRow(ctx, selectLogin+"WHERE id = $1", id))
}

// LoginByNonce returns the login that issued this nonce, or idp.ErrNotFound.
func (s *Store) LoginByNonce(ctx context.Context, nonce [32]byte) (*idp.Login, error) {
	return scanLogin(s.db.QueryRow(ctx, selectLogin+"WHERE nonce = $1", nonce[:]))
}

func scanLogin(row pgx.Row) (*idp.Login, error) {
	var (
		l                                     idp.Login
		nonce, signature                      []byte
		account, key, wallet, sid, handoff    *string
		bound                                 *bool
		consumedAt, codeExpiresAt, redeemedAt *time.Time
	)
	err := row.Scan(&l.ID, &l.ClientID, &l.Params, &l.Message, &nonce, &l.Recipient, &l.CallbackURL, &l.State,
		&l.BrowserHash, &l.CreatedAt, &l.ExpiresAt, &l.Renewals, &l.Attempts,
		&account, &key, &bound, &wallet, &signature,
		&consumedAt, &sid, &l.Denied, &l.CodeHash, &codeExpiresAt, &redeemedAt, &handoff)
	if err != nil {
		return nil, translate(err)
	}
	copy(l.Nonce[:], nonce)
	l.SID, l.Handoff = orZero(sid), orZero(handoff)
	l.ConsumedAt, l.CodeExpiry, l.RedeemedAt = orZero(consumedAt), orZero(codeExpiresAt), orZero(redeemedAt)
	if account != nil {
		l.Proof = &idp.Proof{AccountID: *account, PublicKey: orZero(key), CallbackBound: orZero(bound), Wallet: orZero(wallet)}
		copy(l.Proof.Signature[:], signature)
	}
	return &l, nil
}

// signatureOf is NULL where a proof has no signature of its own.
func signatureOf(p idp.Proof) []byte {
	if p.Signature == [64]byte{} {
		return nil
	}
	return p.Signature[:]
}

func orZero[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

// KeepProof records a verified signature of a login that is still open. The
// first proof stays: a different one is refused when the login is finished.
func (s *Store) KeepProof(ctx context.Context, id string, p idp.Proof) error {
	_, err := s.db.Exec(ctx, `
		UPDATE logins
		SET account_id = $2, public_key = $3, callback_bound = $4, wallet = $5, signature = $6
		WHERE id = $1 AND account_id IS NULL AND consumed_at IS NULL`,
		id, p.AccountID, p.PublicKey, p.CallbackBound, p.Wallet, signatureOf(p))
	return translate(err)
}

// CountRefusal adds one to the login's refused attempts.
func (s *Store) CountRefusal(ctx context.Context, id string) error {
	_, err := s.db.Exec(ctx, `
		UPDATE logins
		SET attempts = attempts + 1
		WHERE id = $1 AND consumed_at IS NULL`, id)
	return translate(err)
}

// Before the signature a person cancels, after it they refuse the application.
var denyLogin = `
	WITH login AS (
		UPDATE logins
		SET consumed_at = coalesce(consumed_at, now()), denied = true
		WHERE id = $1 AND code_hash IS NULL AND NOT denied AND handoff IS NULL
		RETURNING client_id, sid, coalesce(account_id, '') AS account_id
	)` + audited("$2", `
		CASE WHEN l.sid IS NULL THEN 'login.cancelled' ELSE 'consent.denied' END,
		l.client_id, l.account_id, coalesce(s.subject, ''), coalesce(l.sid, ''), NULL
		FROM login l
		LEFT JOIN sessions s ON s.sid = l.sid`)

// DenyLogin ends a login by the person's refusal, before or after the
// signature; idp.ErrUsed if a code was issued or it was denied before.
func (s *Store) DenyLogin(ctx context.Context, id string) error {
	tag, err := s.db.Exec(ctx, denyLogin, id, origin(ctx))
	if err == nil && tag.RowsAffected() == 0 {
		return idp.ErrUsed
	}
	return translate(err)
}

// The code is stored with the login whether or not it may be issued yet; its
// hash and expiry, without which it cannot be redeemed, only if it may.
const (
	codeColumns = `grant_id, redirect_uri, code_challenge, dpop_jkt, scopes, audience, oidc_nonce, claims, code_hash, code_expires_at`
	codeValues  = `@grant_id, @redirect_uri, @code_challenge, @dpop_jkt::text, @scopes, @audience, @oidc_nonce, @claims,
		CASE WHEN ` + mayIssue + ` THEN @code_hash::bytea END, CASE WHEN ` + mayIssue + ` THEN @code_expires_at::timestamptz END`

	// mayIssue reports that no consent is asked for, or that one is remembered which covers it.
	mayIssue = `(@asked::int = 1 OR @asked::int = 0 AND EXISTS (
		SELECT FROM consents c
		JOIN subjects s ON s.network = c.network AND s.subject = c.subject AND s.closed_at IS NULL
		WHERE s.network = @network AND s.account_id = @account_id AND c.client_id = @client_id
		  AND c.client = @consent_client AND c.scopes @> @consent_scopes AND c.resources @> @consent_resources))`
)

// codeArgs are the arguments of codeValues but for the person.
func codeArgs(code *idp.Code, args pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	if code == nil { // a sign-in to the provider itself
		code = &idp.Code{Consent: idp.Consent{Asked: idp.AskAlways}}
	}
	for name, value := range map[string]any{
		"grant_id": code.GrantID, "redirect_uri": code.RedirectURI, "code_challenge": orAbsent(code.CodeChallenge), "dpop_jkt": orAbsent(code.DPoPKey),
		"scopes": notNull(code.Scopes), "audience": notNull(code.Audience), "oidc_nonce": code.Nonce, "claims": notNull(code.Claims),
		"code_hash": code.Hash, "code_expires_at": code.ExpiresAt,
		"asked": int(code.Consent.Asked), "consent_client": code.Consent.Client,
		"consent_scopes": notNull(code.Consent.Scopes), "consent_resources": notNull(code.Consent.Resources),
	} {
		args[name] = value
	}
	return args
}

// orAbsent is NULL for the empty text.
func orAbsent(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func notNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// finishLogin consumes the nonce, and from the consumed row alone follow the
// subject, the session and the code. A session of the same person in the same browser keeps
// its sid, which applications know it by, and changes its secret.
var finishLogin = byName(`
	WITH old AS (
		SELECT o.sid
		FROM sessions o
		JOIN subjects s ON s.network = o.network AND s.subject = o.subject AND s.closed_at IS NULL
		WHERE o.hash = @replaced AND o.network = @network AND o.account_id = @account_id
		  AND o.ended_at IS NULL AND o.idle_expires_at > now() AND o.expires_at > now()
	), login AS (
		UPDATE logins
		SET consumed_at = now(), account_id = @account_id, public_key = @public_key, callback_bound = @callback_bound,
		    wallet = @wallet, signature = @signature, sid = coalesce((SELECT sid FROM old), @sid), (` + codeColumns + `) = ROW (` + codeValues + `)
		WHERE id = @id AND client_id = @client_id AND consumed_at IS NULL AND expires_at > now()
		  AND handoff IS NULL AND (account_id IS NULL OR (account_id = @account_id AND public_key = @public_key))
		  AND (NOT @another_device OR EXISTS (
			SELECT FROM handoffs h
			WHERE h.login_id = @id AND h.allowed AND h.account_id = @account_id AND h.public_key = @public_key AND h.expires_at > now()))
		  AND NOT EXISTS (SELECT FROM account_blocks b WHERE b.network = @network AND b.account_id = @account_id)
		RETURNING sid, code_hash
	), subject AS (
		INSERT INTO subjects (network, account_id, incarnation, last_login)
		SELECT @network, @account_id, 1 + coalesce((
			SELECT max(incarnation) FROM subjects WHERE network = @network AND account_id = @account_id), 0),
			CASE WHEN @another_device THEN coalesce((SELECT h.taken_by FROM handoffs h WHERE h.login_id = @id), '') ELSE @id END
		FROM login
		ON CONFLICT (network, account_id) WHERE closed_at IS NULL
		DO UPDATE SET last_login_at = now(), last_login = excluded.last_login, proof = NULL
		RETURNING subject
	), session AS (
		INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at,
		                      browser, system, place)
		SELECT login.sid, @hash, subject.subject, @account_id, @network, @public_key, @auth_time, @idle_expires_at, @expires_at,
		       @browser, @system, @place
		FROM login, subject
		ON CONFLICT (sid) DO UPDATE
		SET hash = excluded.hash, public_key = excluded.public_key, auth_time = excluded.auth_time,
		    idle_expires_at = excluded.idle_expires_at, expires_at = excluded.expires_at,
		    used_at = now(), browser = excluded.browser, system = excluded.system, place = excluded.place
		RETURNING sid, subject
	), replaced AS (
		UPDATE sessions
		SET ended_at = now()
		WHERE hash = @replaced AND ended_at IS NULL AND sid <> (SELECT sid FROM login)
		RETURNING sid, subject, account_id
	), audit AS (` + audited("@origin", `
		'login.succeeded', @client_id, @account_id, session.subject, session.sid,
		jsonb_build_object('public_key', @public_key::text, 'wallet', @wallet::text, 'callback_bound', @callback_bound::bool)
		|| CASE WHEN @another_device THEN '{"another_device": true}' ELSE '{}'::jsonb END
		FROM session
		UNION ALL
		SELECT (@origin::text[])[1], (@origin::text[])[2], (@origin::text[])[3], 'session.ended', '', account_id, subject, sid,
		       '{"because": "another account signed in"}'
		FROM replaced`) + `
	)
	SELECT session.subject, session.sid, login.code_hash IS NOT NULL
	FROM session, login`)

// FinishLogin consumes an open login and creates its session and, if no consent
// is to be asked for, its code. It fills in the session's subject and sid and reports whether the
// code was issued. replaced is the hash of the browser's session until now,
// or nil. It fails with idp.ErrUsed if the login is not open to this proof, and with
// idp.ErrDenied if the account is blocked.
func (s *Store) FinishLogin(ctx context.Context, l *idp.Login, p idp.Proof, session *idp.Session, replaced []byte, code *idp.Code) (issued bool, err error) {
	who := &session.Identity
	args := codeArgs(code, pgx.StrictNamedArgs{
		"id": l.ID, "client_id": l.ClientID, "account_id": p.AccountID, "public_key": p.PublicKey,
		"callback_bound": p.CallbackBound, "wallet": p.Wallet, "another_device": p.AnotherDevice, "signature": signatureOf(p), "network": who.Network,
		"sid": who.SID, "hash": session.Hash, "auth_time": who.AuthTime,
		"idle_expires_at": session.IdleExpires, "expires_at": session.ExpiresAt, "replaced": replaced,
	})
	values := finishLogin.with(caused(ctx, args))
	// The first logins of an account, at the same moment, all make its subject. Those
	// that are too late to update it instead fail on its primary key, and do so the next time.
	const tries = 3
	for range tries {
		err = translate(s.db.QueryRow(ctx, finishLogin.sql, values...).Scan(&who.Subject, &who.SID, &issued))
		if !errors.Is(err, idp.ErrConflict) {
			break
		}
	}
	if errors.Is(err, idp.ErrNotFound) {
		return false, s.whyNot(ctx, who.Network, p.AccountID)
	}
	return issued, err
}

// whyNot is the error of an account's login that could not be finished.
func (s *Store) whyNot(ctx context.Context, network, account string) error {
	block, err := s.Blocked(ctx, network, account)
	if errors.Is(err, idp.ErrNotFound) {
		return idp.ErrUsed
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is blocked: %s", idp.ErrDenied, account, block.Reason)
}

var closeSubject = `
	WITH closed AS (
		UPDATE subjects
		SET closed_at = now()
		WHERE network = $1 AND account_id = $2 AND closed_at IS NULL
		RETURNING account_id, subject
	)` + audited("$3", `'account.closed', '', account_id, subject, '', NULL FROM closed`)

// CloseSubject ends the open incarnation of an account, if there is one.
func (s *Store) CloseSubject(ctx context.Context, network, account string) error {
	_, err := s.db.Exec(ctx, closeSubject, network, account, origin(ctx))
	return translate(err)
}
