package e2e

import (
	"errors"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// P01, J01, J04, J06: go-oidc, by HTTP Basic and in the body, with each algorithm.
func TestGoOIDCSignsInWithEveryAlgorithmAndAuthenticationMethod(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	provider, err := oidc.NewProvider(t.Context(), p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for clientID, alg := range map[string]string{"rs256": "RS256", "es256": "ES256", "eddsa": "EdDSA"} {
		for style, name := range map[oauth2.AuthStyle]string{oauth2.AuthStyleInHeader: "basic", oauth2.AuthStyleInParams: "post"} {
			t.Run(alg+" "+name, func(t *testing.T) {
				t.Parallel()
				endpoint := provider.Endpoint()
				endpoint.AuthStyle = style
				party := &goParty{t, p, provider, oauth2.Config{
					ClientID: clientID, ClientSecret: clientSecret, Endpoint: endpoint, RedirectURL: redirectURI,
					Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess},
				}}
				party.signIn(alg)
			})
		}
	}
}

// A goParty is a relying party made of go-oidc and x/oauth2.
type goParty struct {
	*testing.T
	p        *process
	provider *oidc.Provider
	config   oauth2.Config
}

func (g *goParty) signIn(alg string) {
	q := newRequest(g.config.ClientID, "")
	callback := g.p.browser().visit(g.config.AuthCodeURL(q.state, oidc.Nonce(q.nonce), oauth2.S256ChallengeOption(q.verifier)))
	answer := callback.Query()
	if answer.Get("state") != q.state || answer.Get("iss") != g.p.issuer {
		g.Fatalf("callback %s", callback)
	}
	tokens, err := g.config.Exchange(g.Context(), answer.Get("code"), oauth2.VerifierOption(q.verifier))
	if err != nil {
		g.Fatal(err)
	}
	first := g.verify(tokens, alg)
	if first.Nonce != q.nonce {
		g.Errorf("nonce %q, sent %q", first.Nonce, q.nonce)
	}
	if first.AccessTokenHash == "" {
		g.Error("the ID token has no at_hash")
	} else if err := first.VerifyAccessToken(tokens.AccessToken); err != nil {
		g.Error(err)
	}
	g.userInfo(tokens)
	g.refresh(tokens, first, alg)
}

// verify checks the ID token as the library does and allows one algorithm alone.
func (g *goParty) verify(tokens *oauth2.Token, alg string) *oidc.IDToken {
	g.Helper()
	raw, _ := tokens.Extra("id_token").(string)
	token, err := g.provider.Verifier(&oidc.Config{ClientID: g.config.ClientID, SupportedSigningAlgs: []string{alg}}).Verify(g.Context(), raw)
	if err != nil {
		g.Fatal(err)
	}
	var claims struct {
		Account string `json:"near_account_id"`
		Network string `json:"near_network"`
		Key     string `json:"near_public_key"`
		Name    string `json:"preferred_username"`
	}
	if err := token.Claims(&claims); err != nil {
		g.Fatal(err)
	}
	alice := g.p.alice
	if token.Subject != alice.AccountID || claims.Account != alice.AccountID || claims.Name != alice.AccountID ||
		claims.Network != "testnet" || claims.Key != alice.PublicKey() {
		g.Errorf("claims %+v of %q", claims, token.Subject)
	}
	return token
}

func (g *goParty) userInfo(tokens *oauth2.Token) {
	g.Helper()
	info, err := g.provider.UserInfo(g.Context(), oauth2.StaticTokenSource(tokens))
	if err != nil {
		g.Fatal(err)
	}
	var claims struct {
		Account string `json:"near_account_id"`
	}
	if err := info.Claims(&claims); err != nil || info.Subject != g.p.alice.AccountID || claims.Account != info.Subject {
		g.Errorf("userinfo %+v: %+v, %v", info, claims, err)
	}
}

// refresh takes the successor of an expired token, as an application does.
func (g *goParty) refresh(tokens *oauth2.Token, first *oidc.IDToken, alg string) {
	g.Helper()
	expired := *tokens
	expired.Expiry = time.Now().Add(-time.Minute)
	next, err := g.config.TokenSource(g.Context(), &expired).Token()
	if err != nil {
		g.Fatal(err)
	}
	if next.AccessToken == tokens.AccessToken || next.RefreshToken == tokens.RefreshToken || next.RefreshToken == "" {
		g.Error("the refresh brought nothing new")
	}
	second := g.verify(next, alg)
	if second.Subject != first.Subject || second.Nonce != "" && second.Nonce != first.Nonce {
		g.Errorf("refreshed: %+v", second)
	}
	g.userInfo(next)
	// A refresh token that nobody was given is refused, and says so.
	expired.RefreshToken += "x"
	_, err = g.config.TokenSource(g.Context(), &expired).Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || refused.ErrorCode != "invalid_grant" {
		g.Errorf("a made-up refresh token: %v", err)
	}
}
