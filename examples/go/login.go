package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A login is a sign-in that has left for the provider.
type login struct {
	browser  string // the cookie of the browser that began it
	nonce    string // of the ID token
	verifier string // of PKCE
}

// A session is somebody who is signed in.
type session struct {
	who claims

	mu       sync.Mutex // a refresh token is good once
	token    *oauth2.Token
	idToken  string // for signing out
	renewals int
}

// claims are what the ID token says. Know people by their subject: an account
// that was deleted and made anew by somebody else has another one.
type claims struct {
	Subject string `json:"sub"`
	Account string `json:"near_account_id"`
	Network string `json:"near_network"`
	SID     string `json:"sid"` // of the session at the provider
	Nonce   string `json:"nonce"`
}

// login sends the browser to the provider with a state, a nonce and a PKCE
// challenge that this browser alone can answer for.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	state := rand.Text()
	l := login{browser: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.logins.put(state, l)
	http.SetCookie(w, a.cookie(loginCookie, l.browser, a.logins.age))
	http.Redirect(w, r, a.oauth.AuthCodeURL(state, oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier)), http.StatusSeeOther)
}

// callback ends what login began.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l := a.logins.take(q.Get("state"))
	// Somebody else's answer, planted in this browser, would sign it in as them.
	if l.browser == "" || l.browser != a.read(r, loginCookie) {
		a.fail(w, http.StatusBadRequest, "This sign-in was not started in this browser, was finished before, or took too long.", nil)
		return
	}
	// Another provider's answer must not be redeemed at this one (RFC 9207).
	if q.Get("iss") != a.issuer {
		a.fail(w, http.StatusBadRequest, "The answer is not from the provider that was asked.", fmt.Errorf("iss is %.200q", q.Get("iss")))
		return
	}
	switch code := q.Get("error"); code {
	case "":
	case "access_denied":
		a.fail(w, http.StatusOK, "You cancelled. Nothing was shared.", nil)
		return
	default:
		a.fail(w, http.StatusBadGateway, "The provider did not sign you in.", fmt.Errorf("%.50q: %.200q", code, q.Get("error_description")))
		return
	}
	ctx := a.outgoing(r.Context())
	token, err := a.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(l.verifier))
	if err != nil {
		a.fail(w, http.StatusBadGateway, "The provider gave no tokens. Please try again.", err)
		return
	}
	s, err := a.check(ctx, token)
	if err == nil && s.who.Nonce != l.nonce {
		err = errors.New("the nonce is another one")
	}
	if err != nil {
		a.fail(w, http.StatusBadGateway, "The provider's tokens are not valid.", err)
		return
	}
	// A new id: one that was known before the sign-in must be worth nothing after it.
	id := rand.Text()
	a.sessions.put(id, s)
	http.SetCookie(w, a.cookie(loginCookie, "", -1))
	http.SetCookie(w, a.cookie(sessionCookie, id, a.sessions.age))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// check verifies the ID token that came with an access token: its signature,
// issuer, audience and expiry, and that the two belong together.
func (a *app) check(ctx context.Context, token *oauth2.Token) (*session, error) {
	s := &session{token: token}
	s.idToken, _ = token.Extra("id_token").(string)
	idToken, err := a.verifier.Verify(ctx, s.idToken)
	if err != nil {
		return nil, err
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, err
	}
	return s, idToken.Claims(&s.who)
}

// renew exchanges the refresh token. The provider asks the chain each time, so
// this is also how the application learns that a key was deleted.
func (a *app) renew(w http.ResponseWriter, r *http.Request) {
	id := a.read(r, sessionCookie)
	s := a.sessions.get(id)
	if s == nil {
		a.fail(w, http.StatusUnauthorized, "You are not signed in.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx := a.outgoing(r.Context())
	token, err := a.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: s.token.RefreshToken}).Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		a.sessions.take(id)
		a.fail(w, http.StatusUnauthorized, "Your sign-in has ended. Please sign in again.", err)
		return
	}
	if err != nil {
		a.fail(w, http.StatusBadGateway, "The provider does not answer. You stay signed in; try again in a moment.", err)
		return
	}
	fresh, err := a.check(ctx, token)
	if err == nil && fresh.who.Subject != s.who.Subject {
		err = errors.New("the tokens are somebody else's")
	}
	if err != nil {
		a.sessions.take(id)
		a.fail(w, http.StatusBadGateway, "The provider's tokens are not valid. Please sign in again.", err)
		return
	}
	s.token, s.idToken = fresh.token, fresh.idToken
	s.renewals++
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// outgoing is the context of requests to the provider. They go on when the
// browser does not wait for them: the answer to a spent refresh token must not be lost.
func (a *app) outgoing(ctx context.Context) context.Context {
	return oidc.ClientContext(context.WithoutCancel(ctx), a.http)
}
