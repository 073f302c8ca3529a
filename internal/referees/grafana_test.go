package referees

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// A grafana is the real server, or the stand-in of grafana/ that sends the same
// requests. Both are asked the same way who is signed in.
type grafana struct {
	base  string
	email func(account string) string
}

// An edition starts a server with a configuration file.
type edition func(r *referee, file string) *exec.Cmd

func TestGrafana(t *testing.T) {
	t.Parallel()
	r := call(t, "Grafana")
	program := os.Getenv("GRAFANA_BIN")
	for _, name := range []string{"grafana", "grafana-server"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		r.absent("there is no grafana on PATH, and GRAFANA_BIN names none")
	}
	out, err := exec.Command(program, "-v").Output()
	if err != nil {
		r.Fatalf("%s -v: %v", program, err)
	}
	if words := strings.Fields(string(out)); len(words) > 2 { // grafana version 12.2.0
		r.version = words[2]
	}
	judgeGrafana(r, func(r *referee, file string) *exec.Cmd {
		args := []string{"server", "--homepath", grafanaHome(r, program), "--config", file}
		if filepath.Base(program) == "grafana-server" {
			args = args[1:]
		}
		return exec.CommandContext(context.Background(), program, args...)
	})
}

// grafanaHome is the directory of what comes with the program: beside it in the
// archives, elsewhere in the packages.
func grafanaHome(r *referee, program string) string {
	r.Helper()
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	beside := filepath.Dir(filepath.Dir(program))
	for _, home := range []string{os.Getenv("GRAFANA_HOME"), beside, "/usr/share/grafana"} {
		if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); home != "" && err == nil {
			return home
		}
	}
	r.Fatalf("%s has no conf/defaults.ini in %s: set GRAFANA_HOME", program, beside)
	return ""
}

func judgeGrafana(r *referee, run edition) {
	s := newSite(r, "")
	told, untold := newGrafana(r, address), newGrafana(r, func(account string) string { return account })
	told.start(r, run, s.register("grafana", "grafana", "--url", told.base).paste("grafana.ini"))
	untold.start(r, run, s.register("untold", "grafana", "--url", untold.base, "--claim-policy", "default").paste("grafana.ini"))
	for _, k := range []kind{ordinary, implicit, punctuated} {
		r.try(k, func(t *testing.T) { told.signIn(s.person(t, k)) })
	}
	r.try(noEmail, func(t *testing.T) { untold.signIn(s.person(t, noEmail)) })
	r.try(rotation, func(t *testing.T) {
		p := s.person(t, rotation)
		told.signIn(p)
		s.rotate()
		told.signIn(s.person(t, rotation))
		told.signOut(p)
	})
	r.Run("refresh", func(t *testing.T) { refreshes(t, r, run) })
}

// refreshes has Grafana renew its tokens, which it does when less than ten seconds
// are left of them.
func refreshes(t *testing.T, r *referee, run edition) {
	s := newSite(r, "lifetimes: {default: {access_token: 11s, id_token: 11s}}\n")
	g := newGrafana(r, address)
	g.start(r, run, s.register("grafana", "grafana", "--url", g.base).paste("grafana.ini"))
	p := s.person(t, ordinary)
	g.signIn(p)
	answers := func() int { return strings.Count(s.Written.String(), `"route":"POST /token","status":200`) }
	before := answers()
	s.rotate()
	for range 3 {
		time.Sleep(1500 * time.Millisecond)
		g.shows(p)
	}
	if renewed := answers() - before; renewed < 2 {
		t.Errorf("it has renewed its tokens %d times", renewed)
	}
}

func newGrafana(r *referee, email func(string) string) grafana {
	return grafana{fmt.Sprintf("http://127.0.0.1:%d", trial.FreePort(r)), email}
}

// start starts the server with a section [auth.generic_oauth], and nothing else that
// differs from its defaults but where it listens and keeps its data.
func (g grafana) start(r *referee, run edition, section string) {
	r.Helper()
	at, err := url.Parse(g.base)
	if err != nil {
		r.Fatal(err)
	}
	dir := r.TempDir()
	text := fmt.Sprintf(`[server]
http_addr = %s
http_port = %s
root_url = %s/
[paths]
data = %[4]s/data
logs = %[4]s/logs
plugins = %[4]s/plugins
provisioning = %[4]s/provisioning
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
[plugins]
preinstall_disabled = true
%[5]s`, at.Hostname(), at.Port(), g.base, dir, section)
	file := filepath.Join(dir, "grafana.ini")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	trial.Start(r, run(r, file), 2*time.Minute, trial.Answers(http.DefaultClient, g.base+"/api/health"))
}

// signIn signs in a person who is unknown there.
func (g grafana) signIn(p *person) {
	p.Helper()
	if at := p.api(g.base+"/api/user", nil); at.StatusCode != http.StatusUnauthorized {
		p.Fatalf("a stranger gets %s %s", at.Status, at.body)
	}
	at := p.open(g.base + "/login/generic_oauth")
	if here := at.Request.URL.String(); here != g.base+"/" || !p.signed(at) {
		p.Fatalf("signing in ends at %s by %q: %s %s", here, at.trail, at.Status, at.body)
	}
	g.shows(p)
}

// shows holds Grafana's own account of a person to what it was told.
func (g grafana) shows(p *person) {
	p.Helper()
	type account struct{ Login, Name, Email string }
	var user account
	p.api(g.base+"/api/user", &user)
	id := p.wallet.AccountID
	if want := (account{id, id, g.email(id)}); user != want {
		p.Errorf("the user is %+v, want %+v", user, want)
	}
	role := "Viewer"
	if p.kind == ordinary { // grafana-admin
		role = "Admin"
	}
	var orgs []struct{ Role string }
	if p.api(g.base+"/api/user/orgs", &orgs); len(orgs) != 1 || orgs[0].Role != role {
		p.Errorf("%s is %+v, want %s", id, orgs, role)
	}
}

// signOut leads through the provider and leaves no session anywhere: with an ID token
// at once, and without one when the person has confirmed it.
func (g grafana) signOut(p *person) {
	p.Helper()
	at := p.open(g.base + "/logout")
	if here := at.Request.URL.String(); here != g.base+"/login" || !strings.Contains(strings.Join(at.trail, " "), "id_token_hint=") {
		p.Errorf("signing out ends at %s by %q: %s", here, at.trail, at.Status)
	}
	g.signIn(p)
	// As Grafana sends it when its access token has expired.
	at = p.open(p.site.issuer + "/logout?client_id=grafana&post_logout_redirect_uri=" + url.QueryEscape(g.base+"/login"))
	if !strings.Contains(at.body, "decision") {
		p.Fatalf("without an ID token nobody is asked: %s %s", at.Status, at.body)
	}
	at = p.submit(p.site.issuer+"/logout", url.Values{"decision": {"logout"}, "client_id": {"grafana"}, "post_logout_redirect_uri": {g.base + "/login"}})
	if !strings.Contains(at.body, g.base+"/login") {
		p.Errorf("no way back: %s %s", at.Status, at.body)
	}
}

// api asks a JSON API.
func (p *person) api(address string, answer any) *page {
	p.Helper()
	at := p.send(http.MethodGet, address, "", "Accept", "application/json")
	if answer != nil {
		if err := json.Unmarshal([]byte(at.body), answer); err != nil {
			p.Fatalf("%s: %s %s", address, at.Status, at.body)
		}
	}
	return at
}
