package doctor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// RehearsalCallback is the redirect URI of rehearsals as it is registered; a port is added
// to it (RFC 8252 section 7.3).
const RehearsalCallback = "http://127.0.0.1/callback"

// A Rehearsal is one login at a relying party on this machine, each step of it checked.
type Rehearsal struct {
	Issuer   string
	ClientID string
	Secret   string // empty: the client is public
	Scopes   []string
	// Open shows a person the address where the login begins.
	Open func(address string) error
}

// A Login is what came of a Rehearsal, as far as it went.
type Login struct {
	Results     []Result       `json:"checks"`
	IDToken     map[string]any `json:"id_token,omitempty"`
	AccessToken map[string]any `json:"access_token,omitempty"`
	UserInfo    map[string]any `json:"userinfo,omitempty"`
}

func (l *Login) good(check, format string, args ...any) {
	l.Results = append(l.Results, Good(check, format, args...))
}

// bad notes a failure and reports whether there was one.
func (l *Login) bad(check string, err error, remedy string) bool {
	if err != nil {
		l.Results = append(l.Results, Bad(check, err, remedy))
	}
	return err != nil
}

func (l *Login) warn(check, detail, remedy string) {
	l.Results = append(l.Results, Result{check, Warning, detail, remedy})
}

// Run waits for a person to sign in until ctx ends. What is wrong is in the result; an error
// means that it could not begin.
func (r *Rehearsal) Run(ctx context.Context) (*Login, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	l := &Login{}
	provider, err := oidc.NewProvider(ctx, r.Issuer)
	if l.bad("discovery", err, "Run `idp doctor` where the provider runs.") {
		return l, nil
	}
	l.good("discovery", "%s names its endpoints", r.Issuer)
	redirect := "http://" + listener.Addr().String() + "/callback"
	client := oauth2.Config{ClientID: r.ClientID, ClientSecret: r.Secret, Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: r.Scopes}
	client.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if r.Secret == "" {
		client.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	answers := make(chan url.Values, 1)
	server := &http.Server{Handler: callback(answers), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // it ends with the listener
	defer func() {                             // the browser is told before its connection goes
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // connections that nothing was sent on
		}
	}()
	if err := r.Open(client.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))); err != nil {
		return nil, err
	}
	var answer url.Values
	select {
	case answer = <-answers:
	case <-ctx.Done():
		l.bad("authorization", errors.New("nobody came back"), "Open the address in a browser and sign in.")
		return l, nil
	}
	if !l.authorized(answer, state, r.Issuer) {
		return l, nil
	}
	token, err := client.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if l.bad("token", err, "`idp audit query --type token.` says why the token endpoint refused.") {
		return l, nil
	}
	l.good("token", "the code was redeemed; the access token lives for %s", time.Until(token.Expiry).Round(time.Second))
	if l.tokens(ctx, provider, r, token, nonce) {
		l.userinfo(ctx, provider, token)
		l.refresh(ctx, client, token)
		l.claims(r.Scopes)
	}
	return l, nil
}

// callback takes the first answer and tells the browser that it may close.
func callback(answers chan<- url.Values) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		select {
		case answers <- r.URL.Query():
		default: // a reload
		}
		fmt.Fprintln(w, "The test login has come back. You can close this window; the terminal says the rest.")
	})
}

// remedies say what may be done about an error of the authorization endpoint.
var remedies = map[string]string{
	"access_denied":           "The person said no, or the client's access policy does not let the account in: see access_policy.",
	"unauthorized_client":     "The client may not use the authorization code grant: add authorization_code to grant_types.",
	"login_required":          "Nobody was signed in, and the request forbade to ask.",
	"temporarily_unavailable": "The database or every RPC provider failed: run `idp doctor`.",
}

func (l *Login) authorized(answer url.Values, state, issuer string) bool {
	if code := answer.Get("error"); code != "" {
		return !l.bad("authorization", fmt.Errorf("%s: %s", code, answer.Get("error_description")), remedies[code])
	}
	if answer.Get("state") != state {
		return !l.bad("state", errors.New("another state came back than was sent"), "Somebody else's answer arrived here: try again.")
	}
	if answer.Get("iss") != issuer {
		return !l.bad("iss", fmt.Errorf("the answer is of %q", answer.Get("iss")), "Another provider answered: try again.")
	}
	l.good("authorization", "a code came back, with the state that was sent and the issuer's name")
	return true
}

// tokens verifies the ID token as OpenID Connect Core section 3.1.3.7 demands.
func (l *Login) tokens(ctx context.Context, provider *oidc.Provider, r *Rehearsal, token *oauth2.Token, nonce string) bool {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		if !slices.Contains(r.Scopes, "openid") {
			l.good("ID token", "none, since the client has no scope openid")
			return false
		}
		return !l.bad("ID token", errors.New("there is none"), "Add openid to the client's scope.")
	}
	verified, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: r.ClientID, SupportedSigningAlgs: []string{"RS256", "ES256", "EdDSA", "PS256"}}).Verify(ctx, raw)
	if l.bad("ID token", err, "See that the clocks agree, and that nothing between here and the provider rewrites the JWKS: idp doctor") {
		return false
	}
	if verified.Nonce != nonce {
		return !l.bad("ID token", errors.New("its nonce is not the one that was sent"), "Report this: it is a fault of the provider.")
	}
	if err := verified.VerifyAccessToken(token.AccessToken); l.bad("ID token", err, "Report this: it is a fault of the provider.") {
		return false
	}
	l.IDToken, l.AccessToken = decoded(raw), decoded(token.AccessToken)
	l.good("ID token", "signature, issuer, audience, nonce, times and at_hash are right; sub is %s", verified.Subject)
	return true
}

// decoded are the claims of a JWT that was verified, or nil.
func decoded(raw string) (claims map[string]any) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(payload, &claims) // nil says that it is none
	}
	return claims
}

func (l *Login) userinfo(ctx context.Context, provider *oidc.Provider, token *oauth2.Token) {
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err == nil {
		err = info.Claims(&l.UserInfo)
	}
	if err == nil && info.Subject != l.IDToken["sub"] {
		err = fmt.Errorf("it is about %q, the ID token about %v", info.Subject, l.IDToken["sub"])
	}
	if !l.bad("userinfo", err, "`idp audit query --type userinfo.` says why it was refused.") {
		l.good("userinfo", "it is about the same subject as the ID token")
	}
}

func (l *Login) refresh(ctx context.Context, client oauth2.Config, token *oauth2.Token) {
	if token.RefreshToken == "" {
		l.Results = append(l.Results, Result{"refresh", Skipped, "there is no refresh token: the client was not granted offline_access", ""})
		return
	}
	again, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err == nil && again.AccessToken == token.AccessToken {
		err = errors.New("the same access token came back")
	}
	if !l.bad("refresh", err, "`idp audit query --type token.` says why it was refused.") {
		l.good("refresh", "a new access token came back")
	}
}

// claims looks for what relying parties often miss.
func (l *Login) claims(scopes []string) {
	if email, given := l.IDToken["email"].(string); given {
		l.good("email", "%s, email_verified is %v", email, l.IDToken["email_verified"])
	} else {
		l.warn("email", "there is none", "Grafana, oauth2-proxy, Gitea and others refuse people without one: give the client a claim_policy with an email, and the scope email.")
	}
	if slices.Contains(scopes, "groups") {
		groups, isList := l.IDToken["groups"].([]any)
		switch {
		case !isList:
			l.warn("groups", "there is no array of groups", "See the claim_policy of the client.")
		case len(groups) == 0:
			l.warn("groups", "the account is in none", "Add it to groups in the configuration.")
		default:
			l.good("groups", "%v", groups)
		}
	}
}
