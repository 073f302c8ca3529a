package referees

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestGrafanaStandIn is run whether or not there is a Grafana.
func TestGrafanaStandIn(t *testing.T) {
	t.Parallel()
	r := call(t, "Grafana-stand-in")
	program := r.build("grafana", ".")
	run := func(_ *referee, file string) *exec.Cmd {
		return exec.CommandContext(context.Background(), program, file)
	}
	judgeGrafana(r, run)

	posting := newGrafana(r, address)
	s := newSite(r, fmt.Sprintf(`clients:
  - {client_id: posting, client_name: Grafana, preset: grafana, claim_policy: email, secret: "${CLIENT_SECRET}", token_endpoint_auth_method: client_secret_post, redirect_uris: ["%s/login/generic_oauth"]}
`, posting.base))
	for i, v := range variations {
		r.Run(v.name, func(t *testing.T) {
			g := newGrafana(r, address)
			registered := s.register(fmt.Sprintf("variation-%d", i), "grafana", append([]string{"--url", g.base}, v.flags...)...)
			text := registered.paste("grafana.ini")
			for key, value := range v.change {
				text = registered.set(text, key, value)
			}
			g.start(r, run, text+v.more)
			p := s.person(t, v.kind)
			if v.refusal == "" {
				g.signIn(p)
				return
			}
			// The refusal is Grafana's, so that the provider must have done its part.
			at := p.open(g.base + "/login/generic_oauth")
			if !strings.HasPrefix(at.Request.URL.String(), g.base) || !p.signed(at) || !strings.Contains(at.body, v.refusal) {
				t.Errorf("%s by %q: %s %s", at.Request.URL, at.trail, at.Status, at.body)
			}
		})
	}
	// It tries HTTP Basic first, and the code must outlive the refusal of that.
	r.Run("a client that may not use HTTP Basic", func(t *testing.T) {
		sample := s.register("sample", "grafana", "--url", posting.base)
		text := sample.set(sample.paste("grafana.ini"), "client_id", "posting")
		posting.start(r, run, sample.set(text, "client_secret", clientSecret))
		posting.signIn(s.person(t, ordinary))
		if refused := strings.Count(s.Written.String(), `"route":"POST /token","status":401`); refused != 1 {
			t.Errorf("%d refusals, want that of HTTP Basic", refused)
		}
	})
}

// variations are configurations that are found in the wild.
var variations = []struct {
	name    string
	flags   []string // of the registration
	change  map[string]string
	more    string
	kind    kind
	refusal string // what Grafana says; empty: it lets the person in
}{
	{name: "its own default scope, which nobody else knows", change: map[string]string{"scopes": "user:email"}, kind: ordinary, refusal: "unsuccessful response status code 404"},
	{name: "its own default scope among others", change: map[string]string{"scopes": "user:email openid profile email groups"}, kind: ordinary},
	{name: "without PKCE, as by default", flags: []string{"--danger-no-require-pkce"}, change: map[string]string{"use_pkce": "false"}, kind: ordinary},
	{name: "the ID token alone", change: map[string]string{"api_url": ""}, kind: ordinary},
	{name: "an address from nowhere", flags: []string{"--claim-policy", "default"}, change: map[string]string{"email_attribute_path": ""}, kind: noEmail, refusal: "unsuccessful response status code 404"},
	{name: "no way to a role for who is in no group", change: strict, more: "role_attribute_strict = true\n", kind: noEmail, refusal: "did not return a role attribute"},
	{name: "a way to a role for an administrator", change: strict, more: "role_attribute_strict = true\n", kind: ordinary},
	{name: "groups that may come in", more: "allowed_groups = staff, others\n", kind: punctuated},
	{name: "groups that may come in, without the person", more: "allowed_groups = staff, others\n", kind: noEmail, refusal: "required groups"},
}

// strict gives a role to administrators alone.
var strict = map[string]string{"role_attribute_path": "contains(groups[*], 'grafana-admin') && 'Admin'"}
