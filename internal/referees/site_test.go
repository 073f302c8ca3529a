package referees

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// clientSecret is what the configuration calls ${CLIENT_SECRET}.
const (
	clientSecret  = "referee-secret-0123456789-0123456789-abc"
	encryptionKey = "referee-encryption-key-0123456789-0123456789"
)

// A site is a provider on loopback with a chain and people on it.
type site struct {
	testing.TB
	*trial.Process
	issuer  string
	config  string // its file
	http    *http.Client
	wallets map[kind]*neartest.Wallet
}

// newSite starts a provider; more is added to its configuration.
func newSite(t testing.TB, more string) *site {
	t.Helper()
	return serve(t, "http", "", http.DefaultClient, more)
}

// newTLSSite is newSite at an https address.
func newTLSSite(t testing.TB, c *trial.Certificate, more string) *site {
	t.Helper()
	return serve(t, "https", fmt.Sprintf(", tls: {cert: %q, key: %q}", c.Cert, c.Key), c.Client(), more)
}

func serve(t testing.TB, scheme, listen string, client *http.Client, more string) *site {
	t.Helper()
	port := trial.FreePort(t)
	s := &site{TB: t, issuer: fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), config: filepath.Join(t.TempDir(), "config.yaml"), http: client,
		wallets: map[kind]*neartest.Wallet{
			ordinary:   neartest.NewWallet("alice.testnet"),
			implicit:   neartest.NewWallet(""),
			punctuated: neartest.NewWallet("my-dao_one.testnet"),
			noEmail:    neartest.NewWallet("bob.testnet"),
			rotation:   neartest.NewWallet("carol.testnet"),
		}}
	chain := neartest.NewChain("testnet")
	for _, w := range s.wallets {
		chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	}
	rpc := httptest.NewServer(chain)
	t.Cleanup(rpc.Close)
	text := fmt.Sprintf(`issuer: %s
listen: {public: "127.0.0.1:%d", admin: "off", ops: "off"%s}
database: {url: %q}
encryption: {keys: ["${ENCRYPTION_KEY}"]}
near: {network: testnet, rpc: [%q]}
telemetry: {log: {level: debug}}
rate_limits: {authorize: off, verify: off, token: off, par: off, token_failures: off}
%s%s`, s.issuer, port, listen, pgtest.DSN(t), rpc.URL, s.groups(), more)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Process = trial.Serve(t, s.command(context.Background(), "serve"), trial.Answers(client, s.issuer+"/readyz"))
	return s
}

// memberships are the groups of each kind of account: alice administers everything,
// and bob belongs to nothing.
var memberships = map[kind][]string{
	ordinary:   {"grafana-admin", "keycloak-admin", "kubernetes-admin", "staff"},
	implicit:   {"staff"},
	punctuated: {"staff"},
	noEmail:    {},
	rotation:   {"staff"},
}

// groups is memberships in the configuration.
func (s *site) groups() string {
	members := map[string][]string{}
	for k, groups := range memberships {
		for _, group := range groups {
			members[group] = append(members[group], s.wallets[k].AccountID)
		}
	}
	text := "groups:\n"
	for group, accounts := range members {
		text += fmt.Sprintf("  %s: [%s]\n", group, strings.Join(accounts, ", "))
	}
	return text
}

// address is what clients whose claim policy is email learn of an account.
func address(account string) string { return account + "@users.127.0.0.1.invalid" }

// command is idp with the site's configuration.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, trial.Program(s), append(args, "--config", s.config)...)
	cmd.Env = append(os.Environ(), "CLIENT_SECRET="+clientSecret, "ENCRYPTION_KEY="+encryptionKey)
	return cmd
}

// run runs a command of idp to its end and returns its output.
func (s *site) run(args ...string) string {
	s.Helper()
	var stderr bytes.Buffer
	cmd := s.command(s.Context(), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("idp %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// rotate replaces every signing key at once, which is for relying parties that ask
// for keys they do not know.
func (s *site) rotate() {
	s.Helper()
	s.publishKeys()
	s.useKeys()
}

// publishKeys shows the next keys. It is done before a relying party starts that
// keeps what it has fetched, since a day lies between the two steps of a rotation.
func (s *site) publishKeys() {
	s.Helper()
	s.run("key", "rotate")
}

// useKeys signs with them.
func (s *site) useKeys() {
	s.Helper()
	s.run("key", "rotate", "--now")
}
