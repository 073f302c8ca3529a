package postgres

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
)

// CreateHandoff stores how a login is handed over; idp.ErrConflict if it was before.
func (s *Store) CreateHandoff(ctx context.Context, h *idp.Handoff) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO handoffs (login_id, hash, match, choices, address, network, agent, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		h.LoginID, h.Hash, h.Match, h.Choices, h.Sender.Address, h.Sender.Network, h.Sender.Agent, h.CreatedAt, h.ExpiresAt)
	return translate(err)
}

const selectHandoff = `
	SELECT login_id, hash, match, choices, address, network, agent, created_at, expires_at,
	       taken_by, account_id, public_key, wallet, proven_at, decided_at, allowed
	FROM handoffs `

// Handoff returns how this login is handed over, or idp.ErrNotFound.
func (s *Store) Handoff(ctx context.Context, loginID string) (*idp.Handoff, error) {
	return scanHandoff(s.db.QueryRow(ctx, selectHandoff+"WHERE login_id = $1", loginID))
}

// HandoffByHash is Handoff by the hash of the code.
func (s *Store) HandoffByHash(ctx context.Context, hash []byte) (*idp.Handoff, error) {
	return scanHandoff(s.db.QueryRow(ctx, selectHandoff+"WHERE hash = $1", hash))
}

func scanHandoff(row pgx.Row) (*idp.Handoff, error) {
	var (
		h                            idp.Handoff
		takenBy, account, key, named *string
		provenAt, decidedAt          *time.Time
	)
	err := row.Scan(&h.LoginID, &h.Hash, &h.Match, &h.Choices, &h.Sender.Address, &h.Sender.Network, &h.Sender.Agent,
		&h.CreatedAt, &h.ExpiresAt, &takenBy, &account, &key, &named, &provenAt, &decidedAt, &h.Allowed)
	if err != nil {
		return nil, translate(err)
	}
	h.TakenBy, h.ProvenAt, h.DecidedAt = orZero(takenBy), orZero(provenAt), orZero(decidedAt)
	if account != nil {
		h.Proof = &idp.Proof{AccountID: *account, PublicKey: orZero(key), Wallet: orZero(named), AnotherDevice: true}
	}
	return &h, nil
}

// handoffOpen reports that the handoff h may go on: it is undecided, and the login waits.
const handoffOpen = `h.decided_at IS NULL AND h.expires_at > now() AND EXISTS (
	SELECT FROM logins waiting WHERE waiting.id = h.login_id AND waiting.consumed_at IS NULL AND waiting.expires_at > now())`

// Of many browsers that open a code, one takes it.
const takeHandoff = `
	WITH taken AS (
		UPDATE handoffs h
		SET taken_by = $1
		WHERE h.login_id = $12 AND h.taken_by IS NULL AND ` + handoffOpen + `
		RETURNING h.login_id
	)
	INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state,
	                    browser_hash, created_at, expires_at, handoff)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, login_id
	FROM taken`

// TakeHandoff stores the login l, which is to prove the one that its Handoff names. It fails
// with idp.ErrUsed if another has taken it, or it is over.
func (s *Store) TakeHandoff(ctx context.Context, l *idp.Login) error {
	tag, err := s.db.Exec(ctx, takeHandoff,
		l.ID, l.ClientID, l.Params, l.Message, l.Nonce[:], l.Recipient, l.CallbackURL, l.State,
		l.BrowserHash, l.CreatedAt, l.ExpiresAt, l.Handoff)
	if err == nil && tag.RowsAffected() == 0 {
		return idp.ErrUsed
	}
	return translate(err)
}

// proveHandoff consumes the nonce of the login on the other device. No session follows, and
// nothing for a client: whoever holds the waiting browser has yet to be the same person.
const proveHandoff = `
	WITH handoff AS (
		UPDATE handoffs h
		SET account_id = @account_id, public_key = @public_key, wallet = @wallet, proven_at = now()
		FROM logins l
		WHERE l.id = @id AND l.handoff = h.login_id AND l.consumed_at IS NULL AND l.expires_at > now()
		  AND (l.account_id IS NULL OR (l.account_id = @account_id AND l.public_key = @public_key))
		  AND h.proven_at IS NULL AND ` + handoffOpen + `
		  AND NOT EXISTS (SELECT FROM account_blocks b WHERE b.network = @network AND b.account_id = @account_id)
		RETURNING h.login_id
	)
	UPDATE logins
	SET consumed_at = now(), account_id = @account_id, public_key = @public_key, callback_bound = @callback_bound,
	    wallet = @wallet, signature = @signature
	FROM handoff
	WHERE id = @id AND handoff = handoff.login_id AND consumed_at IS NULL`

// ProveHandoff consumes an open login on another device and keeps its proof for the one that
// waits. It fails with idp.ErrUsed if either is not open to this proof, and with
// idp.ErrDenied if the account is blocked.
func (s *Store) ProveHandoff(ctx context.Context, l *idp.Login, p idp.Proof, network string) error {
	tag, err := s.db.Exec(ctx, proveHandoff, pgx.StrictNamedArgs{
		"id": l.ID, "account_id": p.AccountID, "public_key": p.PublicKey, "callback_bound": p.CallbackBound,
		"wallet": p.Wallet, "signature": signatureOf(p), "network": network,
	})
	if err == nil && tag.RowsAffected() == 0 {
		return s.whyNot(ctx, network, p.AccountID)
	}
	return translate(err)
}

// One pick decides, right or wrong, so that nobody picks again.
var decideHandoff = `
	WITH handoff AS (
		UPDATE handoffs h
		SET decided_at = now(), allowed = (h.match = $2)
		FROM logins l
		WHERE l.id = $1 AND l.handoff = h.login_id AND l.consumed_at IS NOT NULL AND NOT l.denied
		  AND h.proven_at IS NOT NULL AND ` + handoffOpen + `
		RETURNING h.login_id, h.account_id, h.allowed, h.address
	), audit AS (` + audited("$3", `
		CASE WHEN h.allowed THEN 'handoff.allowed' ELSE 'handoff.denied' END, d.client_id, h.account_id, '', '',
		jsonb_build_object('device_address', h.address, 'number', CASE WHEN h.allowed THEN 'right' ELSE 'wrong' END)
		FROM handoff h
		JOIN logins d ON d.id = h.login_id`) + `
	)
	SELECT allowed
	FROM handoff`

// DecideHandoff takes the number that the person of the login l has picked, once. It fails with
// idp.ErrUsed if there is nothing to decide any more.
func (s *Store) DecideHandoff(ctx context.Context, l *idp.Login, number int) (allowed bool, err error) {
	err = translate(s.db.QueryRow(ctx, decideHandoff, l.ID, number, origin(ctx)).Scan(&allowed))
	if errors.Is(err, idp.ErrNotFound) {
		return false, idp.ErrUsed
	}
	return allowed, err
}

var denyHandoff = `
	WITH handoff AS (
		UPDATE handoffs
		SET decided_at = now()
		WHERE login_id = $1 AND decided_at IS NULL
		RETURNING login_id, coalesce(account_id, '') AS account_id, address
	), login AS (
		UPDATE logins
		SET consumed_at = coalesce(consumed_at, now()), denied = true
		FROM handoff
		WHERE logins.id = $2 AND logins.handoff = handoff.login_id
	)` + audited("$3", `
		'handoff.denied', d.client_id, h.account_id, '', '', jsonb_build_object('device_address', h.address)
		FROM handoff h
		JOIN logins d ON d.id = h.login_id`)

// DenyHandoff refuses to prove this login, for good, and ends the login on the other device,
// "" if there is none yet. Denying twice is the same as once; what was allowed stays so.
func (s *Store) DenyHandoff(ctx context.Context, loginID, there string) error {
	_, err := s.db.Exec(ctx, denyHandoff, loginID, there, origin(ctx))
	return translate(err)
}
