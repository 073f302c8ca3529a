package postgres

import (
	"context"
	"fmt"

	"near-idp/internal/idp"
)

const grantColumns = `id, client_id, subject, account_id, network, public_key, auth_time, sid,
	scopes, audience, claims, generation, expires_at, key_checked_at`

// into are the places of grantColumns, and whatever else a statement returns.
func into(g *idp.Grant, more ...any) []any {
	who := &g.Identity
	return append([]any{&g.ID, &g.ClientID, &who.Subject, &who.AccountID, &who.Network, &who.PublicKey, &who.AuthTime, &who.SID,
		&g.Scopes, &g.Audience, &g.Claims, &g.Generation, &g.ExpiresAt, &g.KeyCheckedAt}, more...)
}

// A redeemed code is spent even if its verifier or redirect URI was wrong:
// whoever is stopped there may not try again. A code of another client is left alone.
// The lock lets a logout at the same moment be before or after: it never misses the grant.
var redeemCode = `
	WITH code AS (
		UPDATE logins
		SET redeemed_at = now()
		WHERE id = $11 AND code_hash = $1 AND client_id = $2 AND redeemed_at IS NULL AND code_expires_at > now()
		RETURNING grant_id, client_id, sid, scopes, audience, claims, oidc_nonce,
		          (redirect_uri = $3 OR redirect_uri = '') AND code_challenge IS NOT DISTINCT FROM $4
		          AND (dpop_jkt IS NULL OR dpop_jkt = $8) AS fits
	), issued AS (
		INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid,
		                    scopes, audience, claims, dpop_jkt, key_checked_at, expires_at, max_expires_at)
		SELECT c.grant_id, c.client_id, s.subject, s.account_id, s.network, s.public_key, s.auth_time, s.sid,
		       c.scopes, c.audience, c.claims, $9::text, s.auth_time,
		       now() + CASE WHEN 'offline_access' = ANY (c.scopes) THEN least($5::interval, $6) ELSE $7 END,
		       now() + CASE WHEN 'offline_access' = ANY (c.scopes) THEN $6 ELSE $7::interval END
		FROM code c
		JOIN sessions s ON s.sid = c.sid AND s.ended_at IS NULL AND ` + unblocked("s") + `
		WHERE c.fits
		FOR KEY SHARE OF s
		RETURNING ` + grantColumns + `
	), audit AS (` + auditIssued("$10", "authorization_code") + `
	)
	SELECT ` + grantColumns + `, (SELECT oidc_nonce FROM code)
	FROM issued`

// auditIssued records the grant in the row "issued" of a statement.
func auditIssued(from, grantType string) string {
	return audited(from, `
		'token.issued', client_id, account_id, subject, sid,
		jsonb_build_object('grant_id', id, 'grant_type', '`+grantType+`', 'scope', array_to_string(scopes, ' '), 'audience', audience)
		FROM issued`)
}

// RedeemCode spends an authorization code and creates its grant: the whole
// token endpoint is this one statement. challenge is the S256 of the verifier that
// was sent, or empty; key is what the sender proved to hold. The lifetimes bound the
// refresh token, or without one the grant itself, which then outlives its access token by nothing.
// It fails with idp.ErrNotFound, after which RevokeReused tells a replay from the rest.
func (s *Store) RedeemCode(ctx context.Context, code idp.PresentedCode, clientID, redirectURI, challenge string, key idp.ProvenKey, life idp.Lifetimes) (*idp.Grant, error) {
	var g idp.Grant
	err := s.db.QueryRow(ctx, redeemCode, code.Hash, clientID, redirectURI, orAbsent(challenge),
		life.RefreshIdle.Std(), life.RefreshAbsolute.Std(), life.AccessToken.Std(), orAbsent(key.Thumbprint), binding(key), origin(ctx), code.LoginID).Scan(into(&g, &g.Nonce)...)
	if err != nil {
		return nil, translate(err)
	}
	return &g, nil
}

// binding is the key that refresh tokens of a grant are bound to, NULL if to none.
func binding(key idp.ProvenKey) *string {
	if !key.Binds {
		return nil
	}
	return orAbsent(key.Thumbprint)
}

var createGrant = `
	WITH issued AS (
		INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid,
		                    scopes, audience, expires_at, max_expires_at)
		VALUES ($1, $2, $3, '', '', '', $4, '', $5, $6, $7, $7)
		RETURNING ` + grantColumns + `
	)` + auditIssued("$8", idp.GrantClientCredentials)

// CreateGrant stores the grant of a client to itself, which nobody refreshes.
func (s *Store) CreateGrant(ctx context.Context, g *idp.Grant) error {
	who := g.Identity
	_, err := s.db.Exec(ctx, createGrant,
		g.ID, g.ClientID, who.Subject, who.AuthTime, g.Scopes, g.Audience, g.ExpiresAt, origin(ctx))
	return translate(err)
}

// A replay of one that ended its grant before changes nothing more.
var revokeReused = `
	WITH code AS (
		SELECT client_id, coalesce(redirect_uri, '') AS redirect_uri, coalesce(code_challenge, '') AS code_challenge, coalesce(dpop_jkt, '') AS dpop_jkt,
		       redeemed_at IS NOT NULL AS redeemed, code_expires_at <= now() AS expired,
		       CASE WHEN client_id = $2 AND redeemed_at IS NOT NULL THEN grant_id END AS grant_id
		FROM logins
		WHERE id = $4 AND code_hash = $1
	), reused AS (
		UPDATE grants g
		SET revoked_at = now()
		FROM code
		WHERE g.id = code.grant_id AND g.revoked_at IS NULL
		RETURNING g.id, g.client_id, g.account_id, g.subject, g.sid
	), audit AS (` + audited("$3", `
		'token.reused', client_id, account_id, subject, sid, jsonb_build_object('grant_id', id, 'token', 'authorization_code')
		FROM reused`) + `
	)
	SELECT client_id, redirect_uri, code_challenge, dpop_jkt, redeemed, expired,
	       EXISTS (SELECT FROM grants g WHERE g.id = code.grant_id)
	FROM code`

// RevokeReused says what is known of a code that RedeemCode refused, or
// idp.ErrNotFound. If this client redeemed it before, its grant is revoked (RFC 6749 section 4.1.2).
func (s *Store) RevokeReused(ctx context.Context, code idp.PresentedCode, clientID string) (idp.RefusedCode, error) {
	var c idp.RefusedCode
	err := s.db.QueryRow(ctx, revokeReused, code.Hash, clientID, origin(ctx), code.LoginID).Scan(
		&c.ClientID, &c.RedirectURI, &c.CodeChallenge, &c.DPoPKey, &c.Spent, &c.Expired, &c.Reused)
	return c, translate(err)
}

// Rotation, grace, reuse detection and the binding to client and key in one statement. The
// live generation advances; its predecessor, within the grace window, is told
// the same successor; anything older is a replay and ends the grant.
var refreshGrant = `
	WITH refreshed AS (
		UPDATE grants
		SET generation = CASE WHEN generation = $3 AND NOT $8 THEN generation + 1 ELSE generation END,
		    rotated_at = CASE WHEN generation = $3 AND NOT $8 THEN now() ELSE rotated_at END,
		    key_checked_at = CASE WHEN generation = $3 AND $6 THEN now() ELSE key_checked_at END,
		    expires_at = CASE WHEN generation = $3 THEN least(now() + $5::interval, max_expires_at) ELSE expires_at END,
		    revoked_at = CASE WHEN generation = $3 OR (generation = $3 + 1 AND rotated_at > now() - $4::interval)
		                      THEN NULL ELSE now() END
		WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL AND expires_at > now()
		  AND generation >= $3 AND 'offline_access' = ANY (scopes) AND (dpop_jkt IS NULL OR dpop_jkt = $7)
		  AND ` + unblocked("grants") + `
		RETURNING ` + grantColumns + `, revoked_at IS NOT NULL AS reused
	), audit AS (` + audited("$9", `
		CASE WHEN reused THEN 'token.reused' ELSE 'token.refreshed' END, client_id, account_id, subject, sid,
		jsonb_build_object('grant_id', id, 'token', 'refresh_token', 'generation', $3::bigint)
		FROM refreshed`) + `
	)
	SELECT ` + grantColumns + `, reused
	FROM refreshed`

// RefreshGrant spends one generation of a refresh token, or lets it live on. It
// fails with idp.ErrNotFound for a grant that is unknown, over, another client's or another
// key's, and with idp.ErrUsed for a token used before, in which case the grant is revoked.
func (s *Store) RefreshGrant(ctx context.Context, id, clientID string, r idp.Refresh, life idp.Lifetimes) (*idp.Grant, error) {
	var g idp.Grant
	var reused bool
	err := s.db.QueryRow(ctx, refreshGrant, id, clientID, r.Generation, life.RefreshGrace.Std(), life.RefreshIdle.Std(),
		r.Checked, orAbsent(r.Key.Thumbprint), r.Keep, origin(ctx)).Scan(into(&g, &reused)...)
	if err != nil {
		return nil, translate(err)
	}
	if reused {
		return nil, fmt.Errorf("refresh token of generation %d: %w", r.Generation, idp.ErrUsed)
	}
	return &g, nil
}

// Grant returns a grant that is not revoked, or idp.ErrNotFound.
func (s *Store) Grant(ctx context.Context, id string) (*idp.Grant, error) {
	var g idp.Grant
	err := s.db.QueryRow(ctx, `
		SELECT `+grantColumns+`
		FROM grants
		WHERE id = $1 AND revoked_at IS NULL AND `+unblocked("grants"), id).Scan(into(&g)...)
	if err != nil {
		return nil, translate(err)
	}
	return &g, nil
}

var revokeGrant = `
	WITH revoked AS (
		UPDATE grants
		SET revoked_at = now()
		WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL
		RETURNING id, client_id, account_id, subject, sid
	)` + audited("$3", `'token.revoked', client_id, account_id, subject, sid, jsonb_build_object('grant_id', id) FROM revoked`)

// RevokeGrant ends a client's grant and with it every token that came of it.
// Revoking one that is unknown, over or another client's changes nothing and is no error.
func (s *Store) RevokeGrant(ctx context.Context, id, clientID string) error {
	_, err := s.db.Exec(ctx, revokeGrant, id, clientID, origin(ctx))
	return translate(err)
}
