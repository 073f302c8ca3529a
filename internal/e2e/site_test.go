package e2e

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	stopChromium()
	if dir := programDir; dir != "" {
		_ = os.RemoveAll(dir) // a temporary directory; nobody is left to tell
	}
	os.Exit(code)
}

// builtProgram names the program to the processes that fuzz beside this one.
const builtProgram = "IDP_E2E_PROGRAM"

// The program is built once for all tests.
var (
	programDir string
	program    = sync.OnceValues(func() (string, error) {
		if path := os.Getenv(builtProgram); path != "" {
			return path, nil
		}
		dir, err := os.MkdirTemp("", "idp-e2e-")
		if err != nil {
			return "", err
		}
		programDir = dir
		path := filepath.Join(dir, "idp")
		out, err := exec.Command("go", "build", "-o", path, "near-idp/cmd/idp").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return path, os.Setenv(builtProgram, path)
	})
)

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
	port    int // of the issuer
	issuer  string
	network string
	chain   *neartest.Chain
	seed    []byte           // of alice's key
	alice   *neartest.Wallet // alice.testnet, with a full-access key
	dir     string
	more    string       // more clients, then more of the configuration
	limits  string       // rate_limits: everything off but for what is tested
	tls     *certificate // that idp terminates TLS with; nil: none
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
	listen := fmt.Sprintf(`public: "127.0.0.1:%d"`, port)
	if s.tls != nil {
		listen += fmt.Sprintf(", tls: {cert: %q, key: %q}", s.tls.cert, s.tls.key)
	}
	text := fmt.Sprintf(`issuer: %s
listen: {%s}
database: {url: %q}
encryption: {keys: ["${ENCRYPTION_KEY}"]}
near: {network: %s, rpc: [%q]}
telemetry: {log: {level: debug}}
rate_limits: {%s}
clients:%s`, s.issuer, listen, s.dsn, s.network, rpc, s.limits, siteClients+s.more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// command is idp with the environment that the configuration refers to.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	s.Helper()
	path, err := program()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
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
	p := &process{site: s, base: fmt.Sprintf("http://127.0.0.1:%d", port), done: make(chan struct{})}
	if s.tls != nil {
		p.base = fmt.Sprintf("https://127.0.0.1:%d", port)
	}
	p.base += s.path()
	p.config = s.configure(port, rpc.URL)
	p.cmd = s.command(context.Background(), "serve", "--config", p.config)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	s.Cleanup(p.cleanup)
	p.await(readyLimit)
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

// Ports below those that the system hands out, so that no connection takes one
// between its choice and its use.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(22000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

const readyLimit = 30 * time.Second
