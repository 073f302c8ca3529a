package referees

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// A library is a package of npm, and the script of node/ that makes a relying
// party of it.
type library struct {
	name, script string
	callback     string // the path of its redirect URI
	refreshes    bool   // at /refresh
	logsOut      bool   // at /logout, through the provider, and back to /me
	noPKCE       bool
	noEmail      string // the address that it gives those without
}

// An app is a relying party that runs such a script.
type app struct {
	*library
	policy string // its client and the claim policy of that
	base   string
}

func TestNodeLibraries(t *testing.T) {
	for _, l := range []library{
		{name: "openid-client", callback: "/callback", refreshes: true, logsOut: true},
		{name: "@auth/core", script: "authjs", callback: "/auth/callback/near"},
		// It refuses people without an address, so that its application has to make one up.
		{name: "better-auth", callback: "/api/auth/callback/near", noEmail: "@users.invalid"},
		{name: "passport-openidconnect", script: "passport", callback: "/callback", noPKCE: true},
		{name: "express-openid-connect", callback: "/callback", refreshes: true, logsOut: true},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.judge(call(t, l.name))
		})
	}
}

// judge signs every kind of account in.
func (l library) judge(r *referee) {
	r.version = r.packageVersion(l.name)
	apps := map[string]app{}
	var clients strings.Builder
	for _, policy := range []string{"email", "default"} {
		a := app{&l, policy, fmt.Sprintf("http://127.0.0.1:%d", trial.FreePort(r))}
		apps[policy] = a
		fmt.Fprintf(&clients, `  - {client_id: %[1]s, claim_policy: %[1]s, secret: "${CLIENT_SECRET}", first_party: true, require_pkce: %t, redirect_uris: [%q], post_logout_redirect_uris: [%q]}`+"\n",
			policy, !a.noPKCE, a.base+a.callback, a.base+"/me")
	}
	s := newSite(r, "clients:\n"+clients.String())
	s.publishKeys()
	for _, a := range apps {
		a.start(r, s)
	}
	for _, k := range kinds {
		r.try(k, func(t *testing.T) {
			a := apps["email"]
			if k == noEmail {
				a = apps["default"]
			}
			a.signIn(s.person(t, k))
			if k == rotation {
				s.useKeys()
				p := s.person(t, k)
				a.signIn(p)
				a.refresh(p)
				a.logout(p)
			}
		})
	}
}

func (a app) start(r *referee, s *site) {
	r.Helper()
	input, err := json.Marshal(map[string]string{
		"issuer": s.issuer, "base": a.base, "redirect_uri": a.base + a.callback, "client_id": a.policy, "client_secret": clientSecret,
		"scope": "openid profile email groups offline_access",
	})
	if err != nil {
		r.Fatal(err)
	}
	script := a.script
	if script == "" {
		script = a.name
	}
	cmd := exec.CommandContext(context.Background(), "node", script+".mjs", string(input))
	cmd.Dir = "node"
	trial.Start(r, cmd, time.Minute, trial.Answers(http.DefaultClient, a.base+"/up"))
}

// packageVersion is that of an installed package.
func (r *referee) packageVersion(name string) string {
	r.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		r.absent("there is no Node.js")
	}
	text, err := os.ReadFile(filepath.Join("node", "node_modules", filepath.FromSlash(name), "package.json"))
	if err != nil {
		r.absent("its packages are not installed")
	}
	var about struct{ Version string }
	if err := json.Unmarshal(text, &about); err != nil {
		r.Fatal(err)
	}
	return about.Version
}

// signIn signs a person in who is unknown there, and sees that the application
// knows who it is.
func (a app) signIn(p *person) {
	p.Helper()
	if at := p.open(a.base + "/me"); at.StatusCode != http.StatusUnauthorized {
		p.Fatalf("a stranger gets %s %s", at.Status, at.body)
	}
	a.knows(p, p.open(a.base+"/login"))
}

// knows holds /me to what the application must have learned.
func (a app) knows(p *person, at *page) {
	p.Helper()
	var claims map[string]any
	if err := json.Unmarshal([]byte(at.body), &claims); err != nil || at.Request.URL.String() != a.base+"/me" {
		p.Fatalf("%s: %s %s", at.Request.URL, at.Status, at.body)
	}
	want := map[string]any{"sub": p.wallet.AccountID, "name": p.wallet.AccountID, "groups": p.groups()}
	switch {
	case a.policy == "email":
		want["email"] = address(p.wallet.AccountID)
	case a.noEmail != "":
		want["email"] = p.wallet.AccountID + a.noEmail
	default:
		want["email"] = nil
	}
	for name, value := range want {
		if fmt.Sprint(claims[name]) != fmt.Sprint(value) {
			p.Errorf("%s is %v, want %v", name, claims[name], value)
		}
	}
}

// refresh has the application renew its tokens.
func (a app) refresh(p *person) {
	p.Helper()
	if a.refreshes {
		a.knows(p, p.open(a.base+"/refresh"))
	}
}

// logout leaves neither the application nor the provider with a session.
func (a app) logout(p *person) {
	p.Helper()
	if !a.logsOut {
		return
	}
	if at := p.open(a.base + "/logout"); at.StatusCode != http.StatusUnauthorized || at.Request.URL.String() != a.base+"/me" {
		p.Errorf("after the logout: %s %s %s", at.Request.URL, at.Status, at.body)
	}
	at := p.open(a.base + "/login")
	a.knows(p, at)
	if !p.signed(at) {
		p.Errorf("after the logout nothing had to be signed: %q", at.trail)
	}
}
