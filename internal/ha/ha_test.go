package ha

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(trial.Main(m)) }

// A site is everything: what clients see is issuer alone.
type site struct {
	*testing.T
	dir, issuer, url string
	program          string
	network          *network
	primary, standby *pgtest.Member // as they were at the start
	now              *pgtest.Member // the current primary
	chains           [2]*neartest.Chain
	rpc              [2]string
	people           []*neartest.Wallet
	replicas         [2]*replica
	ledger           *ledger
	phases           []*phase
	unit             time.Duration // how long a fault lasts
}

// A replica is one process of idp at a time.
type replica struct {
	*trial.Process
	addr, config, clock string
}

func newSite(t *testing.T, unit time.Duration) *site {
	s := &site{T: t, dir: t.TempDir(), ledger: newLedger(), unit: unit}
	var toxiproxy string
	s.program, toxiproxy = programs(t)
	s.primary, s.standby = pgtest.Pair(t, false)
	s.now = s.primary
	s.network = newNetwork(t, toxiproxy)
	s.url = fmt.Sprintf("postgres://idp@%s,%s/idp?sslmode=disable",
		s.network.link("one", s.primary.Addr+":5432"), s.network.link("two", s.standby.Addr+":5432"))
	for i := range s.chains {
		s.chains[i] = neartest.NewChain("testnet")
		server := httptest.NewServer(s.chains[i])
		t.Cleanup(server.Close)
		s.rpc[i] = server.URL
	}
	for i := range 64 {
		w := neartest.NewWallet(fmt.Sprintf("person-%d.testnet", i))
		s.people = append(s.people, w)
		for _, chain := range s.chains {
			chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		}
	}
	var addrs []string
	for i := range s.replicas {
		s.replicas[i] = &replica{addr: fmt.Sprintf("127.0.0.1:%d", trial.FreePort(t)),
			config: filepath.Join(s.dir, fmt.Sprintf("%d.yaml", i)), clock: filepath.Join(s.dir, fmt.Sprintf("clock-%d", i))}
		addrs = append(addrs, s.replicas[i].addr)
	}
	balancer := newBalancer(t, addrs)
	front := httptest.NewServer(balancer)
	t.Cleanup(front.Close)
	s.issuer = front.URL
	for _, r := range s.replicas {
		s.configure(r)
		s.start(r)
	}
	trial.Eventually(t, "both replicas are ready", 10*time.Second, func() bool {
		return balancer.backends[0].ready.Load() && balancer.backends[1].ready.Load()
	})
	return s
}

func (s *site) configure(r *replica) {
	s.Helper()
	text := fmt.Sprintf(`issuer: %s
listen: {public: %q, admin: "off", ops: "off", drain: 1s}
database: {url: %q, max_conns: 20}
encryption: {keys: ["the-encryption-key-of-the-harness-1"]}
near: {network: testnet, rpc: [%q, %q]}
lifetimes: {default: {refresh_grace: 1m}}
rate_limits: {requests: off, authorize: off, verify: off, token: off, par: off, token_failures: off, client_authorize: off, client_token: off, account_verify: off, unfinished: off}
clients:
  - {client_id: %s, redirect_uris: [%q], secret: %q, first_party: true, id_token_signed_response_alg: ES256}
`, s.issuer, r.addr, s.url, s.rpc[0], s.rpc[1], clientID, redirectURI, clientSecret)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) start(r *replica) {
	s.Helper()
	cmd := exec.Command(s.program, "serve", "--config", r.config)
	cmd.Env = append(os.Environ(), "IDP_HARNESS_CLOCK="+r.clock)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.Process = trial.Start(s, cmd, 60*time.Second, trial.Answers(http.DefaultClient, "http://"+r.addr+"/readyz"))
}

// skew sets the wall clock of a replica off.
func (s *site) skew(r *replica, by time.Duration) {
	s.Helper()
	if err := os.WriteFile(r.clock, []byte(strconv.Itoa(int(by.Seconds()))), 0o600); err != nil {
		s.Fatal(err)
	}
}

// begin begins a phase.
func (s *site) begin(name string) {
	s.Helper()
	if before := s.ledger.begin(name); before.name != "" {
		s.phases = append(s.phases, before)
	}
	if wrong := s.ledger.problems(); wrong != "" {
		s.Fatalf("%s\n%s", table(s.phases), wrong)
	}
}

// last is the phase that just ended.
func (s *site) last() *phase { return s.phases[len(s.phases)-1] }

// recovers ends a phase once people sign in again, both replicas follow changes, and nobody
// was refused for a second: an RPC provider that failed is left out for ten.
func (s *site) recovers() {
	s.Helper()
	began := time.Now()
	trial.Eventually(s, "people sign in again", time.Minute, func() bool {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		return s.ledger.phase.lastLogin.After(began)
	})
	s.follows()
	trial.Eventually(s, "nobody is refused", time.Minute, func() bool {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		return time.Since(s.ledger.phase.lastNot) > time.Second
	})
}

// follows disables a client by hand and waits until both replicas refuse it: they hear of
// changes again, whatever happened to the connections that told them.
func (s *site) follows() {
	s.Helper()
	const query = "/authorize?response_type=code&client_id=probe&redirect_uri=https%3A%2F%2Fprobe.example.com%2F&scope=openid&state=12345678&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeGt1zRJ9Xp9GkFQyGzo&code_challenge_method=S256"
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	both := func(what string, status int) {
		s.Helper()
		for i, r := range s.replicas {
			trial.Eventually(s, fmt.Sprintf("replica %d hears that the client is %s", i, what), 20*time.Second, func() bool {
				response, err := client.Get("http://" + r.addr + query)
				if err != nil {
					return false
				}
				response.Body.Close()
				return response.StatusCode == status
			})
		}
	}
	s.now.Do(s, `INSERT INTO clients (id, managed_by, metadata) VALUES ('probe', 'api', '{"redirect_uris": ["https://probe.example.com/"], "token_endpoint_auth_method": "none", "first_party": true}')
		ON CONFLICT (id) DO UPDATE SET disabled_at = NULL, updated_at = clock_timestamp()`)
	both("enabled", http.StatusSeeOther)
	s.now.Do(s, `UPDATE clients SET disabled_at = now(), updated_at = clock_timestamp() WHERE id = 'probe'`)
	both("disabled", http.StatusBadRequest)
}

func isActive(r *reply) bool {
	var said struct{ Active bool }
	return json.Unmarshal(r.body, &said) == nil && said.Active
}

// work keeps applications busy until stop is called, which returns what they hold.
func (s *site) work(applications int) (stop func() []*grant) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	held := make([][]*grant, applications)
	for i := range applications {
		group.Go(func() { held[i] = newApplication(ctx, s.issuer, s.ledger).live(s.people) })
	}
	s.Cleanup(func() { cancel(); group.Wait() })
	return func() []*grant {
		cancel()
		group.Wait()
		var all []*grant
		for _, some := range held {
			all = append(all, some...)
		}
		return all
	}
}

// command runs idp to its end.
func (s *site) command(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, s.program, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("idp %v: %w\n%s", args, err, out)
	}
	return string(out), err
}
