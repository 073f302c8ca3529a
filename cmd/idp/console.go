package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/console"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/postgres"
)

// A builtIn is the client of the admin pages. Its secret never leaves this
// process, so nobody else can redeem a code of it, wherever the code went.
type builtIn struct {
	client idp.Client
	secret idp.Secret
}

func newBuiltIn(cfg *config.Config) *builtIn {
	secret, hash := clients.NewSecret()
	required := true
	return &builtIn{secret: secret, client: idp.Client{
		ID: idp.AdminClientID, Name: "Administration", RedirectURIs: []string{cfg.Admin.URL + console.CallbackPath},
		TokenEndpointAuthMethod: idp.AuthSecretPost, Secrets: []idp.ClientSecret{{ID: "this process", Hash: hash}},
		GrantTypes: []string{idp.GrantAuthorizationCode}, ResponseTypes: []string{"code"}, Scope: "openid",
		IDTokenSignedResponseAlg: cfg.Signing.DefaultAlg, RequirePKCE: &required, FirstParty: true,
		Lifetimes: idp.Lifetimes{AccessToken: idp.Duration(time.Minute), IDToken: idp.Duration(5 * time.Minute)}.Or(cfg.Lifetimes.Default),
	}}
}

// newAdminSide wires the admin API and the admin pages; nil if both are off.
func newAdminSide(cfg *config.Config, opts providerOptions, own *builtIn, inForce *policies, store *postgres.Store, protocol *oauth.Provider, ring *keyring.Ring, logins *login.Service, record func(idp.Event)) (*adminSide, error) {
	if cfg.Listen.Admin == config.AdminOff {
		return nil, nil
	}
	api := newAdmin(cfg, store, inForce, protocol, opts)
	api.Record = record
	api.Keys.Live = ring.KEKs
	pages, err := console.New(console.Options{
		Issuer: cfg.Issuer, URL: cfg.Admin.URL, Brand: cfg.Branding.Name, Notice: opts.Notice, Network: cfg.Near.Network,
		API: api, Admins: inForce.admins,
		Redeem: own.redeemer(protocol, ring), Session: store.SessionBySID, End: logins.End,
		Keys: ring, Log: opts.Log, Count: opts.count,
	})
	if err != nil {
		return nil, err
	}
	return &adminSide{api, pages}, nil
}

// redeemer exchanges codes without going through the network, which need not
// lead from the admin side to the public one.
func (b *builtIn) redeemer(protocol *oauth.Provider, ring *keyring.Ring) func(ctx context.Context, code, verifier string) ([]byte, error) {
	return func(ctx context.Context, code, verifier string) ([]byte, error) {
		form := url.Values{
			"grant_type": {idp.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {b.client.RedirectURIs[0]}, "code_verifier": {verifier},
			"client_id": {b.client.ID}, "client_secret": {string(b.secret)},
		}
		request := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/token"}, Header: http.Header{}, Form: form, PostForm: form}
		tokens, err := protocol.Token(ctx, request.WithContext(ctx))
		if refusal, ok := errors.AsType[*oauth.Error](err); ok && !errors.Is(err, idp.ErrUnavailable) {
			return nil, fmt.Errorf("%w: %w", console.ErrNoTokens, refusal)
		}
		if err != nil {
			return nil, err
		}
		return ring.Verify(tokens.IDToken, keyring.TypeJWT)
	}
}

// An adminSide parts what programs ask from what people look at.
type adminSide struct {
	api   *admin.Server
	pages *console.Server
}

func (a *adminSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/admin/") {
		a.api.ServeHTTP(w, r)
		return
	}
	a.pages.ServeHTTP(w, r)
}
