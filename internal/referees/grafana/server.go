package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// A server signs people in and keeps their sessions in memory.
type server struct {
	*settings
	*http.ServeMux
	mu       sync.Mutex // serializes the refreshes, too
	sessions map[string]*session
}

// A session is a user who has signed in, with the tokens of that.
type session struct {
	user   *user
	tokens *oauth2.Token
}

// The names of the cookies.
const (
	cookieState    = "oauth_state"
	cookieVerifier = "oauth_code_verifier"
	cookieSession  = "grafana_session"
)

func newServer(s *settings) *server {
	v := &server{settings: s, ServeMux: http.NewServeMux(), sessions: map[string]*session{}}
	v.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"database":"ok"}`) })
	v.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Welcome to Grafana") })
	v.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Log in") })
	v.HandleFunc("GET /login/generic_oauth", v.login)
	v.HandleFunc("GET /logout", v.logout)
	v.HandleFunc("GET /api/user", func(w http.ResponseWriter, r *http.Request) {
		v.show(w, r, func(u *user) any { return map[string]any{"login": u.login, "name": u.name, "email": u.email} })
	})
	v.HandleFunc("GET /api/user/orgs", func(w http.ResponseWriter, r *http.Request) {
		v.show(w, r, func(u *user) any { return []any{map[string]any{"orgId": 1, "role": u.role}} })
	})
	return v
}

func (v *server) setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// login begins a login, or ends one when the provider has sent the browser back.
func (v *server) login(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case query.Get("error") != "":
		http.Error(w, "login failed: "+query.Get("error")+": "+query.Get("error_description"), http.StatusUnauthorized)
	case query.Get("code") == "":
		v.begin(w, r)
	default:
		found, err := v.end(r)
		if err != nil {
			http.Error(w, "login failed: "+err.Error(), http.StatusUnauthorized)
			return
		}
		id := rand.Text()
		v.mu.Lock()
		v.sessions[id] = found
		v.mu.Unlock()
		v.setCookie(w, cookieSession, id)
		http.Redirect(w, r, v.rootURL+"/", http.StatusFound)
	}
}

// begin sends neither a nonce nor a max_age; the state is padded base64url.
func (v *server) begin(w http.ResponseWriter, r *http.Request) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	state := base64.URLEncoding.EncodeToString(random)
	v.setCookie(w, cookieState, v.hash(state))
	var options []oauth2.AuthCodeOption
	if v.usePKCE {
		long := make([]byte, 96)
		rand.Read(long)                                        // never fails
		verifier := base64.RawURLEncoding.EncodeToString(long) // 128 characters, the most there can be
		v.setCookie(w, cookieVerifier, verifier)
		options = append(options, oauth2.S256ChallengeOption(verifier))
	}
	http.Redirect(w, r, v.AuthCodeURL(state, options...), http.StatusFound)
}

func (v *server) hash(state string) string {
	sum := sha256.Sum256([]byte(state + v.secretKey + v.ClientSecret))
	return hex.EncodeToString(sum[:])
}

func (v *server) end(r *http.Request) (*session, error) {
	query := r.URL.Query()
	if kept, err := r.Cookie(cookieState); err != nil || kept.Value != v.hash(query.Get("state")) {
		return nil, fmt.Errorf("the state %q is not the one that was sent", query.Get("state"))
	}
	var options []oauth2.AuthCodeOption
	if v.usePKCE {
		verifier, err := r.Cookie(cookieVerifier)
		if err != nil {
			return nil, errors.New("the cookie with the verifier is missing")
		}
		options = append(options, oauth2.VerifierOption(verifier.Value))
	}
	tokens, err := v.Exchange(r.Context(), query.Get("code"), options...)
	if err != nil {
		return nil, fmt.Errorf("failed to exchange code to token: %w", err)
	}
	tokens.TokenType = "Bearer"
	found, err := v.identify(v.Client(r.Context(), tokens), tokens)
	if err != nil {
		return nil, err
	}
	return &session{found, tokens}, nil
}

// session is that of a request, with its tokens renewed where they have to be; nil
// without one, and when they could not be renewed.
func (v *server) session(r *http.Request) (string, *session) {
	cookie, err := r.Cookie(cookieSession)
	if err != nil {
		return "", nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sessions[cookie.Value]
	if s == nil || !v.expired(s.tokens) {
		return cookie.Value, s
	}
	// Its token may be valid still while the ID token is not.
	stale := &oauth2.Token{RefreshToken: s.tokens.RefreshToken}
	renewed, err := v.TokenSource(r.Context(), stale).Token()
	if !v.useRefreshToken || err != nil {
		delete(v.sessions, cookie.Value)
		return cookie.Value, nil
	}
	s.tokens = renewed
	return cookie.Value, s
}

// expired reports that the access token or the ID token has less than ten seconds to live.
func (v *server) expired(tokens *oauth2.Token) bool {
	deadline := time.Now().Add(10 * time.Second)
	if !tokens.Expiry.IsZero() && tokens.Expiry.Before(deadline) {
		return true
	}
	payload, err := payloadOf(tokens)
	if err != nil {
		return false
	}
	var claims struct{ Exp int64 }
	return json.Unmarshal(payload, &claims) == nil && claims.Exp != 0 && time.Unix(claims.Exp, 0).Before(deadline)
}

func (v *server) show(w http.ResponseWriter, r *http.Request, what func(*user) any) {
	_, s := v.session(r)
	if s == nil {
		http.Error(w, `{"message":"Unauthorized"}`, http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(what(s.user)) // who does not get it fails on it
}

// logout adds the ID token to signout_redirect_url only if that names where to return
// to and the access token has not expired.
func (v *server) logout(w http.ResponseWriter, r *http.Request) {
	id, s := v.session(r)
	v.mu.Lock()
	delete(v.sessions, id)
	v.mu.Unlock()
	to, err := url.Parse(v.signoutURL)
	if err != nil || v.signoutURL == "" {
		http.Redirect(w, r, v.rootURL+"/login", http.StatusFound)
		return
	}
	if query := to.Query(); query.Has("post_logout_redirect_uri") && s != nil && s.tokens.Valid() {
		query.Set("id_token_hint", fmt.Sprint(s.tokens.Extra("id_token")))
		to.RawQuery = query.Encode()
	}
	http.Redirect(w, r, to.String(), http.StatusFound)
}
