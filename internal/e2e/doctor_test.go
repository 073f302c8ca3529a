package e2e

import (
	"encoding/json"
	"slices"
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
	// The tests' PostgreSQL is made for speed, and its role is a superuser.
	throwaway := []string{"configuration", "tls", "database role", "durability", "tables", "connections"}
	for _, r := range results {
		seen[r.Check] = true
		if r.State != "ok" && r.State != "warning" || r.State == "warning" && !slices.Contains(throwaway, r.Check) {
			t.Errorf("%+v", r)
		}
	}
	for _, check := range []string{"database", "schema", "signing keys", "encryption keys", "key rotation", "database role", "durability", "connections", "sweeper", "tables", "near.rpc", "dns", "tls", "discovery", "clock", "jwks", "pages"} {
		if !seen[check] {
			t.Errorf("%s is not looked at", check)
		}
	}
}
