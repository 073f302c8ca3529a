package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A grant is what tokens are made of.
type grant struct {
	id         []byte
	account    string
	sid        []byte
	scope      string
	nonce      string
	authTime   time.Time
	generation uint32
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil || !s.authenticated(r) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	grantType := r.PostForm.Get("grant_type")
	var g *grant
	var err error
	switch grantType {
	case "authorization_code":
		g, err = s.redeem(r)
	case "refresh_token":
		g, err = s.refresh(r)
	case "client_credentials":
		g, err = s.ownGrant(r.Context(), r.PostForm.Get("scope"))
	default:
		err = errRefused
	}
	if errors.Is(err, errRefused) || errors.Is(err, pgx.ErrNoRows) {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	s.issue(w, g)
}

var errRefused = errors.New("refused")

const redeem = `
	WITH login AS (
		UPDATE logins
		SET redeemed_at = now()
		WHERE id = $1 AND client_id = $2 AND redirect_uri = $3 AND challenge = $4
		  AND consumed_at > now() - interval '1 minute' AND redeemed_at IS NULL
		RETURNING account, sid, scope, nonce, consumed_at
	), issued AS (
		INSERT INTO grants (id, client_id, account, sid, scope, auth_time, expires_at)
		SELECT $1, $2, account, sid, scope, consumed_at, now() + interval '30 days'
		FROM login
	)
	SELECT account, sid, scope, nonce, consumed_at
	FROM login`

// redeem spends a code. The grant has the id of the login.
func (s *server) redeem(r *http.Request) (*grant, error) {
	id, ok := s.open("code", r.PostForm.Get("code"), idSize)
	if !ok {
		return nil, errRefused
	}
	challenge := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	g := &grant{id: id}
	return g, s.db.QueryRow(r.Context(), redeem, id, s.client, r.PostForm.Get("redirect_uri"), challenge[:]).
		Scan(&g.account, &g.sid, &g.scope, &g.nonce, &g.authTime)
}

const rotate = `
	UPDATE grants
	SET generation = generation + 1, expires_at = now() + interval '30 days'
	WHERE id = $1 AND client_id = $2 AND generation = $3 AND expires_at > now()
	RETURNING account, sid, scope, auth_time, generation`

// refresh spends one generation of a refresh token.
func (s *server) refresh(r *http.Request) (*grant, error) {
	body, ok := s.open("refresh", r.PostForm.Get("refresh_token"), idSize+4)
	if !ok {
		return nil, errRefused
	}
	g := &grant{id: body[:idSize]}
	return g, s.db.QueryRow(r.Context(), rotate, g.id, s.client, binary.BigEndian.Uint32(body[idSize:])).
		Scan(&g.account, &g.sid, &g.scope, &g.authTime, &g.generation)
}

const insertGrant = `
	INSERT INTO grants (id, client_id, account, scope, auth_time, expires_at)
	VALUES ($1, $2, '', $3, now(), now() + interval '15 minutes')`

// ownGrant is the grant of the client to itself.
func (s *server) ownGrant(ctx context.Context, scope string) (*grant, error) {
	if !plainScope(scope) {
		return nil, errRefused
	}
	g := &grant{id: newID(), scope: scope}
	_, err := s.db.Exec(ctx, insertGrant, g.id, s.client, scope)
	return g, err
}

// plainScope reports that a scope can stand in JSON as it is.
func plainScope(scope string) bool {
	return len(scope) <= 256 && strings.Trim(scope, "abcdefghijklmnopqrstuvwxyz_. ") == ""
}

func (s *server) issue(w http.ResponseWriter, g *grant) {
	access := s.accessToken(g)
	body := append(make([]byte, 0, 1536), `{"access_token":"`...)
	body = append(body, access...)
	body = append(body, `","token_type":"bearer","expires_in":900,"scope":"`...)
	body = append(body, g.scope...)
	if g.account != "" {
		body = append(body, `","id_token":"`...)
		body = append(body, s.idToken(g, access)...)
		body = append(body, `","refresh_token":"`...)
		body = append(body, s.seal("refresh", binary.BigEndian.AppendUint32(g.id[:len(g.id):len(g.id)], g.generation))...)
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, append(body, `"}`...))
}

func (s *server) userinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims, ok := s.verified(token)
	if !ok || claims.Subject == s.client {
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	answer(w, []byte(`{"sub":"`+claims.Subject+`","preferred_username":"`+claims.Subject+`"}`))
}

const selectGrant = `
	SELECT account
	FROM grants
	WHERE id = $1 AND expires_at > now()`

// introspect answers for access tokens.
func (s *server) introspect(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil || !s.authenticated(r) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	claims, ok := s.verified(r.PostForm.Get("token"))
	if !ok {
		answer(w, []byte(`{"active":false}`))
		return
	}
	id, err := decode(claims.Grant)
	var account string
	if err == nil {
		err = s.db.QueryRow(r.Context(), selectGrant, id).Scan(&account)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		answer(w, []byte(`{"active":false}`))
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
	default:
		answer(w, append(append([]byte(`{"active":true,"token_type":"bearer",`), s.claimsOf(claims)...), '}'))
	}
}
