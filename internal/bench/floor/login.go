package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	message = "Sign in to Bench (app.example.com) via localhost with your NEAR account. This is free and does not send a transaction."
	idSize  = 16
)

func newID() []byte {
	id := make([]byte, idSize)
	rand.Read(id)
	return id
}

// The nonce, the code and the cookie are MACs of the login's id, so that only
// their use is written down.
const insertLogin = `
	INSERT INTO logins (id, client_id, redirect_uri, scope, state, nonce, challenge, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, now() + '5 minutes')`

const resumeLogin = `
	INSERT INTO logins (id, client_id, redirect_uri, scope, state, nonce, challenge, expires_at, account, sid, consumed_at)
	SELECT $1, $2, $3, $4, $5, $6, $7, now(), account, sid, now()
	FROM sessions
	WHERE sid = $8 AND expires_at > now()`

func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	challenge, err := decode(q.Get("code_challenge"))
	if err != nil || len(challenge) != sha256.Size || q.Get("code_challenge_method") != "S256" ||
		q.Get("client_id") != s.client || q.Get("redirect_uri") != s.redirect || q.Get("response_type") != "code" || !plainScope(q.Get("scope")) {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	id, state := newID(), q.Get("state")
	args := []any{id, s.client, s.redirect, q.Get("scope"), state, q.Get("nonce"), challenge}
	if cookie, err := r.Cookie("session"); err == nil {
		if sid, ok := s.open("session", cookie.Value, idSize); ok {
			tag, err := s.db.Exec(r.Context(), resumeLogin, append(args, sid)...)
			if err != nil {
				refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
				return
			}
			if tag.RowsAffected() == 1 {
				redirect(w, s.callback(id, s.redirect, state))
				return
			}
		}
	}
	if _, err := s.db.Exec(r.Context(), insertLogin, args...); err != nil {
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	w.Header().Set("Set-Cookie", "login="+s.seal("browser", id)+"; Path=/; HttpOnly; SameSite=Lax")
	redirect(w, "/login/"+encode(id))
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// callback is where a login that was proven leads, with its code.
func (s *server) callback(id []byte, redirectURI, state string) string {
	return redirectURI + "?code=" + s.seal("code", id) + "&state=" + url.QueryEscape(state) + "&iss=" + url.QueryEscape(s.issuer)
}

// mine returns the id of a request's login, if the browser is the one that began it.
func (s *server) mine(r *http.Request) ([]byte, bool) {
	id, err := decode(r.PathValue("id"))
	cookie, missing := r.Cookie("login")
	if err != nil || missing != nil {
		return nil, false
	}
	bound, ok := s.open("browser", cookie.Value, idSize)
	return id, ok && string(bound) == string(id)
}

func (s *server) challenge(w http.ResponseWriter, r *http.Request) {
	id, ok := s.mine(r)
	if !ok {
		refuse(w, http.StatusForbidden, "other_browser")
		return
	}
	answer(w, []byte(`{"message":"`+message+`","nonce":"`+base64.StdEncoding.EncodeToString(s.sum("nonce", id))+
		`","recipient":"`+s.recipient+`","callback_url":"`+s.callbackURL(id)+`","state":""}`))
}

func (s *server) callbackURL(id []byte) string { return s.issuer + "/login/" + encode(id) + "/cb" }

const consume = `
	WITH login AS (
		UPDATE logins
		SET consumed_at = now(), account = $2, sid = $3
		WHERE id = $1 AND consumed_at IS NULL AND expires_at > now()
		RETURNING redirect_uri, state
	), session AS (
		INSERT INTO sessions (sid, account, auth_time, expires_at)
		SELECT $3, $2, now(), now() + '1 day'
		FROM login
	)
	SELECT redirect_uri, state
	FROM login`

func (s *server) verify(w http.ResponseWriter, r *http.Request) {
	var proof struct {
		Account   string `json:"account_id"`
		Key       string `json:"public_key"`
		Signature string `json:"signature"`
	}
	id, ok := s.mine(r)
	if !ok || json.NewDecoder(r.Body).Decode(&proof) != nil || !plain(proof.Account) {
		refuse(w, http.StatusBadRequest, "malformed")
		return
	}
	key, ok := parseKey(proof.Key)
	signature, err := base64.StdEncoding.DecodeString(proof.Signature)
	if !ok || err != nil || !s.signed(id, key, signature) {
		refuse(w, http.StatusUnauthorized, "bad_signature")
		return
	}
	if s.chain != nil && !s.chain.fullAccess(r.Context(), proof.Account, proof.Key) {
		refuse(w, http.StatusUnauthorized, "not_a_full_access_key")
		return
	}
	sid := newID()
	var redirectURI, state string
	err = s.db.QueryRow(r.Context(), consume, id, proof.Account, sid).Scan(&redirectURI, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		refuse(w, http.StatusConflict, "used")
		return
	}
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	w.Header().Set("Set-Cookie", "session="+s.seal("session", sid)+"; Path=/; HttpOnly; SameSite=Lax")
	answer(w, []byte(`{"redirect_to":"`+s.callback(id, redirectURI, state)+`"}`))
}

// plain reports that an account id can stand in JSON and URLs as it is.
func plain(account string) bool {
	return account != "" && len(account) <= 64 && strings.Trim(account, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
