package postgres

import (
	"context"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// CreateLogin stores a fresh challenge.
func (s *Store) CreateLogin(ctx context.Context, l *idp.Login) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state,
		                    browser_hash, created_at, expires_at, renewals)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		l.ID, l.ClientID, l.Params, l.Message, l.Nonce[:], l.Recipient, l.CallbackURL, l.State,
		l.BrowserHash, l.CreatedAt, l.ExpiresAt, l.Renewals)
	return translate(err)
}

const selectLogin = `
	SELECT id, client_id, params, message, nonce, recipient, callback_url, state,
	       browser_hash, created_at, expires_at, renewals, attempts,
	       account_id, public_key, callback_bound, wallet,
	       consumed_at, denied, code_hash, code_expires_at, redeemed_at
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
		nonce                                 []byte
		account, key, wallet                  *string
		bound                                 *bool
		consumedAt, codeExpiresAt, redeemedAt *time.Time
	)
	err := row.Scan(&l.ID, &l.ClientID, &l.Params, &l.Message, &nonce, &l.Recipient, &l.CallbackURL, &l.State,
		&l.BrowserHash, &l.CreatedAt, &l.ExpiresAt, &l.Renewals, &l.Attempts,
		&account, &key, &bound, &wallet,
		&consumedAt, &l.Denied, &l.CodeHash, &codeExpiresAt, &redeemedAt)
	if err != nil {
		return nil, translate(err)
	}
	copy(l.Nonce[:], nonce)
	l.ConsumedAt, l.CodeExpiry, l.RedeemedAt = orZero(consumedAt), orZero(codeExpiresAt), orZero(redeemedAt)
	if account != nil {
		l.Proof = &idp.Proof{AccountID: *account, PublicKey: orZero(key), CallbackBound: orZero(bound), Wallet: orZero(wallet)}
	}
	return &l, nil
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
		SET account_id = $2, public_key = $3, callback_bound = $4, wallet = $5
		WHERE id = $1 AND account_id IS NULL AND consumed_at IS NULL`,
		id, p.AccountID, p.PublicKey, p.CallbackBound, p.Wallet)
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

// DenyLogin consumes an open login by the person's refusal; idp.ErrUsed if it is not open.
func (s *Store) DenyLogin(ctx context.Context, id string) error {
	tag, err := s.db.Exec(ctx, `
		UPDATE logins
		SET consumed_at = now(), denied = true
		WHERE id = $1 AND consumed_at IS NULL`, id)
	if err == nil && tag.RowsAffected() == 0 {
		return idp.ErrUsed
	}
	return translate(err)
}

// finishLogin consumes the nonce, and from the consumed row alone follow the
// subject, the session and the code: no other statement creates a session.
const finishLogin = `
	WITH login AS (
		UPDATE logins
		SET consumed_at = now(), account_id = $2, public_key = $3, callback_bound = $4, wallet = $5, sid = $6,
		    grant_id = $7, code_hash = $8, code_expires_at = $9, redirect_uri = $10, code_challenge = $11,
		    scopes = $12, audience = $13, oidc_nonce = $14
		WHERE id = $1 AND consumed_at IS NULL AND expires_at > now()
		  AND (account_id IS NULL OR (account_id = $2 AND public_key = $3))
		RETURNING id
	), subject AS (
		INSERT INTO subjects (network, account_id, incarnation)
		SELECT $15, $2, 1 + coalesce((SELECT max(incarnation) FROM subjects WHERE network = $15 AND account_id = $2), 0)
		FROM login
		ON CONFLICT (network, account_id) WHERE closed_at IS NULL
		DO UPDATE SET last_login_at = now()
		RETURNING subject
	)
	INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, expires_at)
	SELECT $6, $16, subject.subject, $2, $15, $3, $17, $18
	FROM subject
	RETURNING subject`

// FinishLogin consumes an open login and creates its session and code; see login.Store.
func (s *Store) FinishLogin(ctx context.Context, id string, p idp.Proof, session *idp.Session, code *idp.Code) (string, error) {
	var grantID, redirectURI, challenge, nonce *string
	var hash []byte
	var expires *time.Time
	var scopes, audience []string
	if code != nil {
		grantID, redirectURI, nonce, hash, expires = &code.GrantID, &code.RedirectURI, &code.Nonce, code.Hash, &code.ExpiresAt
		scopes, audience = code.Scopes, code.Audience
		if code.CodeChallenge != "" {
			challenge = &code.CodeChallenge
		}
	}
	var subject string
	err := s.db.QueryRow(ctx, finishLogin,
		id, p.AccountID, p.PublicKey, p.CallbackBound, p.Wallet, session.SID,
		grantID, hash, expires, redirectURI, challenge,
		scopes, audience, nonce,
		session.Identity.Network, session.Hash, session.Identity.AuthTime, session.ExpiresAt).Scan(&subject)
	if err = translate(err); err == idp.ErrNotFound {
		return "", idp.ErrUsed
	}
	return subject, err
}

// CloseSubject ends the open incarnation of an account, if there is one.
func (s *Store) CloseSubject(ctx context.Context, network, account string) error {
	_, err := s.db.Exec(ctx, `
		UPDATE subjects
		SET closed_at = now()
		WHERE network = $1 AND account_id = $2 AND closed_at IS NULL`, network, account)
	return translate(err)
}
