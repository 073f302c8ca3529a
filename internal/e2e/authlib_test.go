package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// C03, C04, C07, I01, I02, RT01, U02: Authlib, by each way to authenticate.
func TestAuthlib(t *testing.T) {
	t.Parallel()
	python, err := filepath.Abs("../../.cache/relying-parties/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatal("this test needs Python with Authlib, which `make test` installs: run scripts/deps.sh --rp")
	}
	p := newPlan(t)
	key, err := json.Marshal(jose.JSONWebKey{Key: p.key, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			input := map[string]any{"issuer": p.issuer, "client_id": v.clientID, "auth": v.auth, "redirect_uri": redirectURI, "key": json.RawMessage(key)}
			if v.auth != "none" {
				input["client_secret"] = clientSecret
			}
			cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "authlib_party.py"), encode(t, input))
			got := converse(t, p.process, cmd)
			want := map[string]any{
				"sub": "alice.testnet", "refreshed": "alice.testnet", "userinfo": "alice.testnet", "sameAuthTime": true, "wrongState": "MismatchingStateException",
				"active": true, "introspected": "alice.testnet", "activeAfter": false, "revoked": float64(200), "userinfoAfter": float64(401),
			}
			if v.auth == "none" {
				want["active"], want["introspected"], want["activeAfter"] = nil, nil, nil
			}
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s is %v, want %v", name, got[name], value)
				}
			}
		})
	}
}
