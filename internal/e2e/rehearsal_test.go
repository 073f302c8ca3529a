package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// rehearse runs `idp client test` and returns where a person is to go, and what it says in the end.
func rehearse(t *testing.T, p *process, id string) (address string, end func() (string, error)) {
	t.Helper()
	cmd := p.command(t.Context(), "client", "test", id, "--no-browser", "--timeout", "60s", "--config", p.config, "-o", "json")
	var out bytes.Buffer
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if address = strings.TrimSpace(lines.Text()); strings.HasPrefix(address, "http") {
			break
		}
	}
	if !strings.HasPrefix(address, "http") {
		t.Fatal(said.String())
	}
	return address, func() (string, error) {
		_, _ = io.Copy(io.Discard, stderr) // Wait closes it
		err := cmd.Wait()
		return out.String(), err
	}
}

func follow(t *testing.T, address string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", address, response.Status)
	}
}

func TestRehearsalOfAClientExplainsEachCheckAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	before := p.run("client", "list", "--config", p.config, "-o", "json")
	address, end := rehearse(t, p, "rs256")
	follow(t, p.browser().visit(address).String())
	out, err := end()
	var login struct {
		Checks []struct{ Check, State, Detail string }
		ID     map[string]any `json:"id_token"`
		Info   map[string]any `json:"userinfo"`
	}
	if err != nil || json.Unmarshal([]byte(out), &login) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	states := map[string]string{}
	for _, c := range login.Checks {
		states[c.Check] = c.State
	}
	for check, want := range map[string]string{"discovery": "ok", "authorization": "ok", "token": "ok", "ID token": "ok", "userinfo": "ok", "refresh": "ok", "email": "warning"} {
		if states[check] != want {
			t.Errorf("%s is %q, want %q: %s", check, states[check], want, out)
		}
	}
	if login.ID["preferred_username"] == nil || login.ID["sub"] != login.Info["sub"] {
		t.Error(out)
	}
	if after := p.run("client", "list", "--config", p.config, "-o", "json"); len(after) != len(before) || strings.Contains(after, "test-of-") {
		t.Errorf("the twin is still there: %s", after)
	}
}

func TestRehearsalSaysWhoSaidNo(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	address, end := rehearse(t, p, "rs256")
	b := p.browser()
	c := b.authorize(address)
	denied := b.send("POST", c.path()+"/cancel", "", "Content-Type", typeForm, "Sec-Fetch-Site", "same-origin")
	page := b.send("GET", denied.header.Get("Location"), "").body
	_, back, _ := strings.Cut(page, `href="http://127.0.0.1:`)
	back, _, _ = strings.Cut(back, `"`)
	follow(t, "http://127.0.0.1:"+html.UnescapeString(back))
	out, err := end()
	if err == nil || !strings.Contains(out, "access_denied") || !strings.Contains(out, "access_policy") {
		t.Errorf("%v\n%s", err, out)
	}
}
