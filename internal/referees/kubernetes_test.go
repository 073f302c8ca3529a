package referees

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"

	"golang.org/x/oauth2"
)

// A cluster is where the authenticator of a Kubernetes API server answers, which the
// program of kubernetes/ runs.
type cluster struct {
	base string
}

// A caller is who the cluster takes the bearer of a token for; nobody has no name.
type caller struct {
	Username string
	Groups   []string
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	r := call(t, "Kubernetes")
	program := r.build("kubernetes", ".")
	r.version = moduleVersion(r, "kubernetes", "k8s.io/apiserver")
	certificate := trial.NewCertificate(r) // it takes no issuer without TLS
	s := newTLSSite(r, certificate, "")
	g := s.register("cluster", "kubernetes")
	s.register("other", "kubernetes")
	s.publishKeys()
	c := newCluster(r, program, g, certificate)
	for _, k := range []kind{ordinary, implicit, punctuated, noEmail} {
		r.try(k, func(t *testing.T) { c.admits(s.person(t, k)) })
	}
	r.try(rotation, func(t *testing.T) {
		p := s.person(t, rotation)
		before := p.kubelogin("cluster")
		s.useKeys()
		c.admits(p)
		if who := c.whoami(p, before); who.Username != "near:"+p.wallet.AccountID {
			t.Errorf("with a token of the key before: %+v", who)
		}
	})
	p := s.person(t, ordinary)
	parts := strings.Split(p.kubelogin("cluster"), ".")
	strangers := strings.Split(s.person(t, noEmail).kubelogin("cluster"), ".")
	for what, token := range map[string]string{
		"another client's token": p.kubelogin("other"), "no token": "x.y.z", "a token that another was signed with": parts[0] + "." + parts[1] + "." + strangers[2],
	} {
		if who := c.whoami(p, token); who.Username != "" {
			r.Errorf("with %s: %+v", what, who)
		}
	}
}

func newCluster(r *referee, program string, g registration, certificate *trial.Certificate) cluster {
	r.Helper()
	ca, err := os.ReadFile(certificate.Cert)
	if err != nil {
		r.Fatal(err)
	}
	const issuer = "\n  - issuer:\n"
	text := g.paste("the file of the API server's --authentication-config")
	if !strings.Contains(text, issuer) {
		r.Fatalf("no issuer in %s", text)
	}
	trusted := "      certificateAuthority: |\n        " + strings.ReplaceAll(strings.TrimSpace(string(ca)), "\n", "\n        ") + "\n"
	file := filepath.Join(r.TempDir(), "authentication.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(text, issuer, issuer+trusted, 1)), 0o600); err != nil {
		r.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", trial.FreePort(r))
	c := cluster{"http://" + address}
	trial.Start(r, exec.CommandContext(context.Background(), program, file, address), time.Minute, trial.Answers(http.DefaultClient, c.base+"/readyz"))
	return c
}

// whoami is who the cluster takes the bearer of a token for.
func (c cluster) whoami(p *person, token string) caller {
	p.Helper()
	at := p.send(http.MethodPost, c.base+"/apis/authentication.k8s.io/v1/selfsubjectreviews", "", "Authorization", "Bearer "+token)
	if at.StatusCode == http.StatusUnauthorized {
		return caller{}
	}
	var review struct{ Status struct{ UserInfo caller } }
	if err := json.Unmarshal([]byte(at.body), &review); err != nil {
		p.Fatalf("%s: %s", at.Status, at.body)
	}
	return review.Status.UserInfo
}

// admits has a person sign in, and the cluster know who it is.
func (c cluster) admits(p *person) {
	p.Helper()
	want := caller{Username: "near:" + p.wallet.AccountID, Groups: []string{}}
	for _, group := range p.groups() {
		want.Groups = append(want.Groups, "near:"+group)
	}
	if who := c.whoami(p, p.kubelogin("cluster")); !reflect.DeepEqual(who, want) {
		p.Errorf("%s is %+v, want %+v", p.wallet.AccountID, who, want)
	}
}

// kubelogin gets an ID token as the plugin of kubectl does: a public client with
// PKCE, which listens on a loopback port that nobody registered.
func (p *person) kubelogin(clientID string) string {
	p.Helper()
	codes := make(chan string, 1)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { codes <- r.FormValue("code") }))
	defer listener.Close()
	config := oauth2.Config{
		ClientID: clientID, RedirectURL: strings.Replace(listener.URL, "127.0.0.1", "localhost", 1), Scopes: []string{"openid", "profile", "groups", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: p.site.issuer + "/authorize", TokenURL: p.site.issuer + "/token"},
	}
	verifier := oauth2.GenerateVerifier()
	if at := p.open(config.AuthCodeURL("state-of-kubelogin", oauth2.S256ChallengeOption(verifier))); len(codes) == 0 {
		p.Fatalf("no code came: %s %s %s", at.Request.URL, at.Status, at.body)
	}
	tokens, err := config.Exchange(context.WithValue(p.Context(), oauth2.HTTPClient, p.site.http), <-codes, oauth2.VerifierOption(verifier))
	if err != nil {
		p.Fatal(err)
	}
	return fmt.Sprint(tokens.Extra("id_token"))
}
