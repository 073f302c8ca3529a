package referees

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/trial"

	"golang.org/x/oauth2"
)

// A cluster is the authenticator of a Kubernetes API server, as the program of
// kubernetes/ runs it.
type cluster struct {
	*referee
	tokens  io.Writer
	answers *bufio.Scanner
}

// A caller is who the cluster takes the bearer of a token for.
type caller struct {
	Username, UID, Refusal string
	Groups                 []string
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	r := call(t, "Kubernetes")
	program := r.build("kubernetes", ".")
	r.version = moduleVersion(r, "kubernetes", "k8s.io/apiserver")
	certificate := trial.NewCertificate(r) // it takes no issuer without TLS
	s := newTLSSite(r, certificate, `clients:
  - {client_id: kubernetes, token_endpoint_auth_method: none, first_party: true, redirect_uris: ["http://localhost:8000"]}
  - {client_id: other, token_endpoint_auth_method: none, first_party: true, redirect_uris: ["http://localhost:8000"]}
`)
	s.publishKeys()
	c := newCluster(r, s, program, certificate)
	for _, k := range []kind{ordinary, implicit, punctuated, noEmail} {
		r.try(k, func(t *testing.T) { c.admits(s.person(t, k)) })
	}
	r.try(rotation, func(t *testing.T) {
		p := s.person(t, rotation)
		before := p.kubelogin("kubernetes")
		s.useKeys()
		c.admits(p)
		if got := c.ask(p, before); got.Username != "near:"+p.wallet.AccountID {
			t.Errorf("with a token of the key before: %+v", got)
		}
	})
	for what, token := range map[string]string{
		"another client's": s.person(r.T, ordinary).kubelogin("other"), "no": "x.y.z",
	} {
		if got := c.ask(s.person(r.T, ordinary), token); got.Refusal == "" || got.Username != "" {
			r.Errorf("with %s token: %+v", what, got)
		}
	}
}

func newCluster(r *referee, s *site, program string, certificate *trial.Certificate) *cluster {
	r.Helper()
	ca, err := os.ReadFile(certificate.Cert)
	if err != nil {
		r.Fatal(err)
	}
	file := filepath.Join(r.TempDir(), "authentication.yaml")
	text := fmt.Sprintf(`apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer:
      url: %s
      audiences:
        - kubernetes
      certificateAuthority: |
        %s
    claimMappings:
      username:
        claim: sub
        prefix: "near:"
      groups:
        claim: groups
        prefix: "near:"
`, s.issuer, strings.ReplaceAll(strings.TrimSpace(string(ca)), "\n", "\n        "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program, file)
	tokens, err := cmd.StdinPipe()
	if err != nil {
		r.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	c := &cluster{r, tokens, bufio.NewScanner(answers)}
	c.answers.Buffer(nil, 1<<20)
	trial.Start(r, cmd, 0, func() error { return nil })
	if !c.answers.Scan() {
		r.Fatalf("the authenticator ended: %v", c.answers.Err())
	}
	return c
}

// ask is who the cluster takes the bearer of a token for.
func (c *cluster) ask(p *person, token string) (who caller) {
	p.Helper()
	if _, err := fmt.Fprintln(c.tokens, token); err != nil {
		p.Fatal(err)
	}
	if !c.answers.Scan() {
		p.Fatalf("no answer: %v", c.answers.Err())
	}
	if err := json.Unmarshal(c.answers.Bytes(), &who); err != nil {
		p.Fatalf("%s: %v", c.answers.Bytes(), err)
	}
	return who
}

// admits has a person sign in, and the cluster know who it is.
func (c *cluster) admits(p *person) {
	p.Helper()
	got := c.ask(p, p.kubelogin("kubernetes"))
	if got.Username != "near:"+p.wallet.AccountID || got.Refusal != "" {
		p.Errorf("%s is %+v", p.wallet.AccountID, got)
	}
}

// kubelogin gets an ID token as the plugin of kubectl does: a public client with
// PKCE, which listens on a loopback port that nobody registered.
func (p *person) kubelogin(clientID string) string {
	p.Helper()
	codes := make(chan string, 1)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { codes <- r.FormValue("code") }))
	defer listener.Close()
	config := oauth2.Config{
		ClientID: clientID, RedirectURL: strings.Replace(listener.URL, "127.0.0.1", "localhost", 1), Scopes: []string{"openid", "profile", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: p.site.issuer + "/authorize", TokenURL: p.site.issuer + "/token"},
	}
	verifier := oauth2.GenerateVerifier()
	p.open(config.AuthCodeURL("state-of-kubelogin", oauth2.S256ChallengeOption(verifier)))
	ctx := context.WithValue(p.Context(), oauth2.HTTPClient, p.site.http)
	tokens, err := config.Exchange(ctx, <-codes, oauth2.VerifierOption(verifier))
	if err != nil {
		p.Fatal(err)
	}
	return fmt.Sprint(tokens.Extra("id_token"))
}
