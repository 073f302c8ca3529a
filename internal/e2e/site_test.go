package e2e

import (
	"bytes"
	"cmp"
	"context"
	crand "crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/trial"
)

func TestMain(m *testing.M) {
	code := trial.Main(m)
	stopChromium()
	os.Exit(code)
}

// Their short names here.
var freePort, eventually = trial.FreePort, trial.Eventually

// The relying parties that every site knows. The secret is the same for all
// that have one.
const (
	clientSecret  = "e2e-secret-0123456789-0123456789-abcdef"
	encryptionKey = "e2e-encryption-key-0123456789-0123456789"
	redirectURI   = "https://app.example.com/callback"
	appOrigin     = "https://app.example.com"
	siteClients   = `
  - {client_id: rs256, client_name: App, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"]}
  - {client_id: es256, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], id_token_signed_response_alg: ES256}
  - {client_id: eddsa, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], id_token_signed_response_alg: EdDSA}
  - {client_id: other, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["https://other.example.com/callback"]}
  - {client_id: spa, client_name: Notes, token_endpoint_auth_method: none, first_party: true, redirect_uris: ["http://localhost/callback"]}
`
)

// A site is one provider as its operator sees it: a database, an RPC
// endpoint, a configuration file, and the processes that serve it.
type site struct {
	testing.TB
	dsn     string
	direct  string // beside a pooler; empty: dsn is direct
	port    int    // of the issuer
	issuer  string
	network string
	chain   *neartest.Chain
	seed    []byte           // of alice's key
	alice   *neartest.Wallet // alice.testnet, with a full-access key
	dir     string
	more    string             // more clients, then more of the configuration
	admin   string             // where the admin pages are reached; empty: nowhere
	ops     string             // the address of /metrics; empty: none
	limits  string             // rate_limits: everything off but for what is tested
	tls     *trial.Certificate // that idp terminates TLS with; nil: none
	drain   string             // listen.drain
	crowd   string             // more of listen
	program string             // another build of idp; empty: that of this repository
}

func newSite(t testing.TB, dsn string) *site {
	t.Helper()
	s := &site{TB: t, dsn: dsn, port: freePort(t), network: "testnet", chain: neartest.NewChain("testnet"), seed: make([]byte, 32), dir: t.TempDir(),
		limits: "authorize: off, verify: off, token: off, par: off, token_failures: off"}
	crand.Read(s.seed) // never fails
	s.alice = neartest.WalletFromSeed("alice.testnet", s.seed)
	s.issuer = fmt.Sprintf("http://127.0.0.1:%d", s.port)
	s.chain.AddKey(s.alice.AccountID, s.alice.PublicKey(), neartest.FullAccess)
	return s
}

// configure writes the configuration of the process that listens on port.
func (s *site) configure(port int, rpc string) string {
	s.Helper()
	file := filepath.Join(s.dir, fmt.Sprintf("config-%d.yaml", port))
	listen := fmt.Sprintf(`public: "127.0.0.1:%d", admin: %q`, port, s.adminAddress())
	if s.program == "" { // a former release refuses keys that it does not know
		listen += fmt.Sprintf(", ops: %q", s.opsAddress())
	}
	if s.drain != "" {
		listen += ", drain: " + s.drain
	}
	if s.crowd != "" {
		listen += ", " + s.crowd
	}
	if s.tls != nil {
		listen += fmt.Sprintf(", tls: {cert: %q, key: %q}", s.tls.Cert, s.tls.Key)
	}
	text := fmt.Sprintf(`issuer: %s
listen: {%s}
database: {url: %q, direct_url: %q}
encryption: {keys: ["${ENCRYPTION_KEY}"]}
near: {network: %s, rpc: [%q]}
telemetry: {log: {level: debug}}
rate_limits: {%s}
clients:%s`, s.issuer, listen, s.dsn, s.direct, s.network, rpc, s.limits, siteClients+s.more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// adminAddress is that of the admin side, of which a site has one at most.
func (s *site) adminAddress() string {
	if s.admin == "" {
		return "off"
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.admin, "http://"), ":")
	return "127.0.0.1:" + port
}

// opsAddress is where a process of the site is watched; only one is, at most.
func (s *site) opsAddress() string { return cmp.Or(s.ops, "off") }

// command is idp with the environment that the configuration refers to.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	s.Helper()
	program := s.program
	if program == "" {
		program = trial.Program(s)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
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

// serve starts a process of the site and waits until it is ready. The first
// listens where the issuer is, the others beside it as replicas.
func (s *site) serve() *process {
	s.Helper()
	port := s.port
	if _, err := os.Stat(filepath.Join(s.dir, fmt.Sprintf("config-%d.yaml", port))); err == nil {
		port = freePort(s)
	}
	rpc := httptest.NewServer(s.chain)
	s.Cleanup(rpc.Close)
	p := &process{site: s, base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	client := http.DefaultClient
	if s.tls != nil {
		p.base = fmt.Sprintf("https://127.0.0.1:%d", port)
		client = s.tls.Client()
	}
	p.base += s.path()
	p.config = s.configure(port, rpc.URL)
	p.Process = trial.Serve(s, s.command(context.Background(), "serve", "--config", p.config), trial.Answers(client, p.base+"/readyz"))
	return p
}

// path is that of the issuer, "" for most.
func (s *site) path() string {
	u, err := url.Parse(s.issuer)
	if err != nil {
		s.Fatal(err)
	}
	return u.Path
}

const readyLimit = 30 * time.Second
