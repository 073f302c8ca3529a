package e2e

import (
	"encoding/json"
	"testing"
)

// The doctor finds nothing wrong with a provider that is well, TLS and RPC included.
func TestDoctorFindsNothingWrongWithARunningProvider(t *testing.T) {
	t.Parallel()
	p := newTLSSite(t)
	var results []struct{ Check, State, Detail string }
	out := p.run("doctor", "--config", p.config, "--ca", p.tls.Cert, "-o", "json")
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[string]bool{}
	for _, r := range results {
		seen[r.Check] = true
		if r.State != "ok" && r.State != "warning" || r.State == "warning" && r.Check != "configuration" && r.Check != "tls" {
			t.Errorf("%+v", r)
		}
	}
	for _, check := range []string{"database", "schema", "signing keys", "near.rpc", "dns", "tls", "discovery", "clock", "jwks", "pages"} {
		if !seen[check] {
			t.Errorf("%s is not looked at", check)
		}
	}
}
