package referees

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A goParty is a web server that signs people in with the libraries that dex,
// Gitea and Vault are made with. It lives as long as it keeps the provider's keys.
type goParty struct {
	*httptest.Server
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// ServeHTTP begins a sign-in at /, and shows at /callback who came back.
func (g *goParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/callback" {
		verifier, state := oauth2.GenerateVerifier(), rand.Text()
		http.SetCookie(w, &http.Cookie{Name: "flow", Value: state + "." + verifier, HttpOnly: true})
		http.Redirect(w, r, g.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(state)), http.StatusFound)
		return
	}
	claims, err := g.redeem(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	_, _ = w.Write(claims) // who does not get it fails on it
}

func (g *goParty) redeem(r *http.Request) (json.RawMessage, error) {
	cookie, err := r.Cookie("flow")
	if err != nil {
		return nil, err
	}
	state, verifier, _ := strings.Cut(cookie.Value, ".")
	if r.FormValue("state") != state {
		return nil, fmt.Errorf("state is %q, not %q: %s", r.FormValue("state"), state, r.FormValue("error"))
	}
	tokens, err := g.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	token, err := g.verifier.Verify(r.Context(), fmt.Sprint(tokens.Extra("id_token")))
	if err != nil {
		return nil, err
	}
	if token.Nonce != state {
		return nil, fmt.Errorf("nonce is %q, not %q", token.Nonce, state)
	}
	var claims json.RawMessage
	return claims, token.Claims(&claims)
}

func TestGoOIDC(t *testing.T) {
	r := call(t, "go-oidc")
	r.version = moduleVersion(t, ".", "github.com/coreos/go-oidc/v3")
	party := &goParty{}
	party.Server = httptest.NewServer(party)
	t.Cleanup(party.Close)
	s := newSite(t, fmt.Sprintf(`clients:
  - {client_id: go, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["%s/callback"]}
`, party.URL))
	provider, err := oidc.NewProvider(context.Background(), s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	party.verifier = provider.Verifier(&oidc.Config{ClientID: "go"})
	party.config = oauth2.Config{
		ClientID: "go", ClientSecret: clientSecret, Endpoint: provider.Endpoint(), RedirectURL: party.URL + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
	signIn := func(t *testing.T, k kind) {
		p := s.person(t, k)
		at := p.open(party.URL)
		var who struct {
			Username string `json:"preferred_username"`
			Email    string
		}
		if err := json.Unmarshal([]byte(at.body), &who); err != nil || who.Username != p.wallet.AccountID || who.Email != "" {
			t.Errorf("%s signed in: %s %s", p.wallet.AccountID, at.Status, at.body)
		}
	}
	for _, k := range []kind{ordinary, implicit, punctuated, noEmail} {
		r.try(k, func(t *testing.T) { signIn(t, k) })
	}
	r.try(rotation, func(t *testing.T) {
		signIn(t, rotation)
		s.rotate()
		signIn(t, rotation)
	})
}
