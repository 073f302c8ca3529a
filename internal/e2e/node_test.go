package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// requireNPM fails, and does not skip, without the packages: a test that runs
// nowhere proves nothing.
func requireNPM(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("this test needs Node.js, run: make deps test")
	}
	if _, err := os.Stat(filepath.Join("node_modules", "openid-client", "package.json")); err != nil {
		t.Fatal("this test needs its npm packages, which `make test` installs after `make deps`: internal/e2e/node_modules is missing")
	}
}

// node runs a script of testdata with input as its argument, in JSON. Each line
// that it prints is one JSON object: {"visit": URL} asks the person to sign in
// there, and is answered by a line with the callback URL; {"device": …} to decide on a
// device, and is answered by any line; {"done": …} is the result.
func node(t testing.TB, p *process, script string, input map[string]any) map[string]any {
	t.Helper()
	requireNPM(t)
	return converse(t, p, exec.CommandContext(t.Context(), "node", filepath.Join("testdata", script), encode(t, input)))
}

// converse runs a script that speaks as node describes.
func converse(t testing.TB, p *process, cmd *exec.Cmd) map[string]any {
	t.Helper()
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var done map[string]any
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var line struct {
			Visit  string         `json:"visit"`
			Device *decision      `json:"device"`
			Done   map[string]any `json:"done"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("%s printed %s", cmd.Args[1], lines.Text())
		}
		if line.Visit != "" {
			if _, err := stdin.Write([]byte(p.browser().visit(line.Visit).String() + "\n")); err != nil {
				t.Errorf("%s hears nothing: %v", cmd.Args[1], err)
			}
		}
		if line.Device != nil {
			p.browser().decideDevice(*line.Device)
			if _, err := stdin.Write([]byte("decided\n")); err != nil {
				t.Errorf("%s hears nothing: %v", cmd.Args[1], err)
			}
		}
		if line.Done != nil {
			done = line.Done
			stdin.Close()
		}
	}
	if err := cmd.Wait(); err != nil || done == nil {
		t.Fatalf("%s: %v\n%s", cmd.Args[1], err, stderr.String())
	}
	return done
}

func TestOpenIDClientSignsIn(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for _, clientID := range []string{"rs256", "es256", "eddsa"} {
		t.Run(clientID, func(t *testing.T) {
			t.Parallel()
			got := node(t, p, "openid-client.mjs", map[string]any{
				"issuer": p.issuer, "client_id": clientID, "client_secret": clientSecret, "redirect_uri": redirectURI,
			})
			for name, want := range map[string]any{
				"sub": "alice.testnet", "userinfo": "alice.testnet", "refreshed": "alice.testnet",
				"replayed": "invalid_grant", "afterReplay": "invalid_grant", "afterReplayUserinfo": float64(401),
				"wrongState": true, "wrongIssuer": true,
			} {
				if got[name] != want {
					t.Errorf("%s is %v, want %v", name, got[name], want)
				}
			}
		})
	}
}
