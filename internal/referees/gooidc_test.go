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
	provider *oidc.Provider
	extra    []oauth2.AuthCodeOption // of the authorization request
}

// An arrival is what a goParty shows of who signed in.
type arrival struct {
	Claims  json.RawMessage `json:"claims"` // of the ID token
	IDToken string          `json:"id_token"`
	Access  string          `json:"access_token"`
}

func newGoParty(t testing.TB) *goParty {
	g := &goParty{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// discover reads the provider's document, as the server does when it starts.
func (g *goParty) discover(t testing.TB, issuer, clientID, secret string) {
	t.Helper()
	var err error
	if g.provider, err = oidc.NewProvider(context.Background(), issuer); err != nil {
		t.Fatal(err)
	}
	g.config = oauth2.Config{
		ClientID: clientID, ClientSecret: secret, Endpoint: g.provider.Endpoint(), RedirectURL: g.URL + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
}

// ServeHTTP begins a sign-in at /, shows at /callback who came back, and says bye
// elsewhere.
func (g *goParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		verifier, state := oauth2.GenerateVerifier(), rand.Text()
		http.SetCookie(w, &http.Cookie{Name: "flow", Value: state + "." + verifier, HttpOnly: true})
		options := append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce(state)}, g.extra...)
		http.Redirect(w, r, g.config.AuthCodeURL(state, options...), http.StatusFound)
	case "/callback":
		who, err := g.redeem(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(who) // who does not get it fails on it
	default:
		_, _ = w.Write([]byte("bye")) // as above
	}
}

func (g *goParty) redeem(r *http.Request) (who arrival, err error) {
	cookie, err := r.Cookie("flow")
	if err != nil {
		return who, err
	}
	state, verifier, _ := strings.Cut(cookie.Value, ".")
	if r.FormValue("state") != state {
		return who, fmt.Errorf("state is %q, not %q: %s", r.FormValue("state"), state, r.FormValue("error"))
	}
	tokens, err := g.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return who, err
	}
	who.IDToken, who.Access = fmt.Sprint(tokens.Extra("id_token")), tokens.AccessToken
	token, err := g.provider.Verifier(&oidc.Config{ClientID: g.config.ClientID}).Verify(r.Context(), who.IDToken)
	if err != nil {
		return who, err
	}
	if token.Nonce != state {
		return who, fmt.Errorf("nonce is %q, not %q", token.Nonce, state)
	}
	return who, token.Claims(&who.Claims)
}

// shows reads the page at /callback; what is in the ID token goes into claims.
func (g *goParty) shows(p *person, at *page, claims any) (who arrival) {
	p.Helper()
	err := json.Unmarshal([]byte(at.body), &who)
	if err == nil {
		err = json.Unmarshal(who.Claims, claims)
	}
	if err != nil {
		p.Fatalf("%v at %s: %s %s", err, at.Request.URL, at.Status, at.body)
	}
	return who
}

func TestGoOIDC(t *testing.T) {
	r := call(t, "go-oidc")
	r.version = moduleVersion(t, ".", "github.com/coreos/go-oidc/v3")
	party := newGoParty(t)
	s := newSite(t, fmt.Sprintf(`clients:
  - {client_id: go, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["%s/callback"]}
`, party.URL))
	party.discover(t, s.issuer, "go", clientSecret)
	signIn := func(t *testing.T, k kind) {
		var who struct {
			Username string `json:"preferred_username"`
			Email    string
		}
		p := s.person(t, k)
		if party.shows(p, p.open(party.URL), &who); who.Username != p.wallet.AccountID || who.Email != "" {
			t.Errorf("%s signed in as %+v", p.wallet.AccountID, who)
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
