package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A user is somebody who is signed in, with everything that the provider gave.
type user struct {
	token     *oauth2.Token
	idToken   *oidc.IDToken
	rawID     string
	userInfo  json.RawMessage
	signedIn  time.Time
	refreshes int
}

// login sends the browser to the provider (OpenID Connect Core section 3.1.2.1)
// with a state, a nonce and a PKCE challenge that this browser alone can answer for.
func (a *App) login(w http.ResponseWriter, r *http.Request) error {
	provider, err := a.discover()
	if err != nil {
		return err
	}
	state := rand.Text()
	begun := attempt{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), began: a.Now()}
	a.sessions.begin(w, r).leave(state, begun)
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier)}
	if r.URL.Query().Has("choose") {
		// Otherwise the provider, where the browser may still be signed in, goes on with the last account.
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	http.Redirect(w, r, a.oauth(provider).AuthCodeURL(state, options...), http.StatusSeeOther)
	return nil
}

// callback ends what login began.
func (a *App) callback(w http.ResponseWriter, r *http.Request) error {
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &failure{http.StatusBadRequest, "The answer could not be read", "The provider's answer is no query.", err}
	}
	current := a.sessions.find(r)
	if current == nil {
		return errNotStarted
	}
	begun, ok := current.comeBack(answer.Get("state"), a.Now())
	if !ok {
		return errNotStarted
	}
	// Another provider's answer must not be redeemed at this one (RFC 9207 section 2.4).
	if iss := answer["iss"]; len(iss) != 1 || iss[0] != a.Issuer {
		return &failure{http.StatusBadRequest, "The answer is from somebody else",
			"It does not name the provider that was asked.", fmt.Errorf("iss is %.200q, not %q", iss, a.Issuer)}
	}
	if code := answer.Get("error"); code != "" {
		return refusedBy(code, answer.Get("error_description"))
	}
	who, err := a.redeem(r.Context(), answer.Get("code"), begun)
	if err != nil {
		return err
	}
	a.sessions.signIn(w, current, who)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// errNotStarted is also what keeps somebody else's answer out of this browser.
var errNotStarted = &failure{http.StatusBadRequest, "This sign-in was not started here",
	"It was started in another browser, was finished before, or took too long.", nil}

func refusedBy(code, description string) error {
	if code == errCancelled.Error() {
		return &failure{http.StatusOK, "You cancelled", "Nothing was shared with this application.", errCancelled}
	}
	return &failure{http.StatusBadGateway, "The provider refused", description, errors.New(code)}
}

// redeem exchanges a code for tokens and checks them.
func (a *App) redeem(ctx context.Context, code string, begun attempt) (*user, error) {
	provider, err := a.discover()
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, a.client)
	token, err := a.oauth(provider).Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return nil, &failure{http.StatusBadGateway, "No tokens", "The provider did not accept the code.", err}
	}
	who, err := a.read(ctx, provider, token)
	if err != nil {
		return nil, err
	}
	if who.idToken.Nonce != begun.nonce {
		return nil, &failure{http.StatusBadGateway, "The ID token is not for this sign-in", "Its nonce is another one.", nil}
	}
	who.signedIn = a.Now()
	return who, nil
}

// read checks the tokens (OpenID Connect Core section 3.1.3.7) and asks for the userinfo.
func (a *App) read(ctx context.Context, provider *oidc.Provider, token *oauth2.Token) (*user, error) {
	invalid := func(text string, err error) error {
		return &failure{http.StatusBadGateway, "The tokens are not valid", text, err}
	}
	who := &user{token: token}
	who.rawID, _ = token.Extra("id_token").(string)
	var err error
	who.idToken, err = provider.Verifier(&oidc.Config{ClientID: ClientID, Now: a.Now}).Verify(ctx, who.rawID)
	if err != nil {
		return nil, invalid("The ID token failed a check.", err)
	}
	if err := who.idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, invalid("The access token does not belong to the ID token.", err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, invalid("The provider gave no userinfo for the access token.", err)
	}
	if info.Subject != who.idToken.Subject {
		return nil, invalid("The userinfo is about somebody else.", fmt.Errorf("sub is %.200q", info.Subject))
	}
	if err := info.Claims(&who.userInfo); err != nil {
		return nil, invalid("The userinfo could not be read.", err)
	}
	return who, nil
}

// refresh exchanges the refresh token for new tokens (RFC 6749 section 6).
func (a *App) refresh(w http.ResponseWriter, r *http.Request) error {
	current := a.sessions.find(r)
	if current == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	provider, err := a.discover()
	if err != nil {
		return err
	}
	// One refresh at a time: the provider takes a refresh token used twice for a stolen one.
	current.mu.Lock()
	defer current.mu.Unlock()
	if current.user == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	old := current.user
	ctx := oidc.ClientContext(r.Context(), a.client)
	token, err := a.oauth(provider).TokenSource(ctx, &oauth2.Token{RefreshToken: old.token.RefreshToken}).Token()
	if err != nil {
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
			current.user = nil
		}
		return &failure{http.StatusBadGateway, "No new tokens", "The provider did not accept the refresh token. Sign in again.", err}
	}
	fresh, err := a.read(ctx, provider, token)
	if err != nil {
		return err
	}
	// OpenID Connect Core section 12.2
	if fresh.idToken.Subject != old.idToken.Subject || (fresh.idToken.Nonce != "" && fresh.idToken.Nonce != old.idToken.Nonce) {
		return &failure{http.StatusBadGateway, "The new tokens are for somebody else", "They were thrown away.", nil}
	}
	fresh.signedIn, fresh.refreshes = old.signedIn, old.refreshes+1
	current.user = fresh
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// logout ends the application's own session. The provider's is not touched.
func (a *App) logout(w http.ResponseWriter, r *http.Request) error {
	a.sessions.end(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
