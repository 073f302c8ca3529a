package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

const (
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	deviceClients = `
  - {client_id: tv, client_name: Television, token_endpoint_auth_method: none, redirect_uris: [], grant_types: ["` + deviceGrant + `", refresh_token]}
  - {client_id: cli, client_name: Tool, secret: "${CLIENT_SECRET}", redirect_uris: [], grant_types: ["` + deviceGrant + `", refresh_token], device_match_number: true}
`
)

// A decision is what a person makes of the device that shows a user code.
type decision struct {
	UserCode string `json:"user_code"`
	Decision string `json:"decision"`
	Number   string `json:"number"`
}

// decideDevice signs in on the provider's page for devices, and decides.
func (b *browser) decideDevice(d decision) {
	b.Helper()
	r := b.postForm("/device", url.Values{"user_code": {d.UserCode}})
	id := r.header.Get("Location")[strings.LastIndexByte(r.header.Get("Location"), '/')+1:]
	r = b.send("GET", "/login/"+id, "", "Accept", typeJSON)
	var c challenge
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || c.LoginID == "" {
		b.Fatalf("challenge: %d %s", r.status, r.body)
	}
	if r = b.postJSON(c.path()+"/verify", b.answer(c)); r.status != http.StatusOK {
		b.Fatalf("verify: %d %s", r.status, r.body)
	}
	form := url.Values{"decision": {d.Decision}}
	if d.Number != "" {
		form = url.Values{"number": {d.Number}}
	}
	if r = b.postForm("/consent/"+id, form); r.status != http.StatusSeeOther {
		b.Fatalf("decide: %d %s", r.status, r.body)
	}
}

func TestOpenIDClientSignsInOnADevice(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = deviceClients
	p := s.serve()
	got := node(t, p, "openid-client-device.mjs", map[string]any{"issuer": p.issuer, "client_id": "tv"})
	for name, want := range map[string]any{
		"sub": "alice.testnet", "userinfo": "alice.testnet", "refreshed": "alice.testnet", "replayed": "invalid_grant", "denied": "access_denied",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// The whole of it as a person sees it on a terminal, with two replicas: one is
// asked by the device, the other by the person.
func TestTerminalSignsInByCodeAndNumber(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = deviceClients
	p := s.serve()
	other := s.serve()
	for _, right := range []bool{true, false} {
		cmd := s.command(t.Context(), "login", "--issuer", p.issuer, "--client-id", "cli", "--secret-file", "-", "--scope", "openid offline_access", "--qr")
		cmd.Stdin = strings.NewReader(clientSecret)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		d, told := decision{}, ""
		lines := bufio.NewScanner(stderr)
		for lines.Scan() && !strings.Contains(lines.Text(), "Waiting") {
			told += lines.Text() + "\n"
		}
		for name, into := range map[string]*string{"Code": &d.UserCode, "Number": &d.Number} {
			if match := regexp.MustCompile(`(?m)^` + name + ` +(\S+)$`).FindStringSubmatch(told); match != nil {
				*into = match[1]
			}
		}
		if d.UserCode == "" || d.Number == "" || !strings.Contains(told, "▀") || !strings.Contains(told, p.issuer+"/device") {
			t.Fatalf("told: %s", told)
		}
		if !right {
			d.Number = map[bool]string{true: "11", false: "10"}[d.Number == "10"]
		}
		p.browser().at(other).decideDevice(d)
		rest, _ := io.ReadAll(stderr) // what is left is for the failure's message
		err = cmd.Wait()
		if right != (err == nil) || right != strings.Contains(out.String(), `"sub": "alice.testnet"`) || !right && !strings.Contains(string(rest), "refused on the other device") {
			t.Errorf("right number %v: %v\n%s\n%s", right, err, out.String(), rest)
		}
		if strings.Contains(out.String(), "token") {
			t.Errorf("it prints tokens unasked: %s", out.String())
		}
	}
}
