package logout_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/logout"
	"near-idp/internal/outbound"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const issuer = "https://id.example.com"

// A relying party that notes what it is told, and answers as it is made to.
type party struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
	answer func(w http.ResponseWriter, r *http.Request, attempt int)
}

func newParty(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, attempt int)) *party {
	t.Helper()
	p := &party{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "q=1" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		p.mu.Lock()
		p.tokens = append(p.tokens, r.PostFormValue("logout_token"))
		n := len(p.tokens)
		p.mu.Unlock()
		if p.answer != nil {
			p.answer(w, r, n)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *party) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tokens)
}

type env struct {
	*testing.T
	pool  *pgxpool.Pool
	store *postgres.Store
	ring  *keyring.Ring
	log   lockedBuffer

	mu     sync.Mutex
	events []idp.Event
}

// record takes down what the audit log would.
func (e *env) record(event idp.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, event)
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func setup(t *testing.T) *env {
	t.Helper()
	t.Parallel()
	e := &env{T: t, pool: pgtest.New(t)}
	e.store = postgres.New(e.pool)
	kek, err := keyring.ParseKEK("0123456789abcdefghijklmnopqrstuvwxyzABCD")
	must(t, err)
	e.ring, err = keyring.Open(t.Context(), keyring.Vault{Store: e.store, KEKs: []keyring.KEK{kek}, Algs: []string{idp.ES256, idp.EdDSA}})
	must(t, err)
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client registers one that is told at the party.
func (e *env) client(id, alg string, p *party) {
	e.Helper()
	must(e.T, e.store.CreateClient(e.Context(), idp.Client{
		ID: id, ManagedBy: idp.ManagedByAPI, RedirectURIs: []string{"https://rp.example.com/cb"}, IDTokenSignedResponseAlg: alg, BackchannelLogoutURI: p.URL + "/bcl?q=1",
	}, idp.ClientSecret{}))
}

func (e *env) fill(client string, sids ...string) {
	e.Helper()
	for _, sid := range sids {
		_, err := e.pool.Exec(e.Context(), `INSERT INTO logout_outbox (client_id, sid, subject) VALUES ($1, $2, 'alice.near')`, client, sid)
		must(e.T, err)
	}
}

func (e *env) waiting() (n int) {
	e.Helper()
	must(e.T, e.pool.QueryRow(e.Context(), `SELECT count(*) FROM logout_outbox`).Scan(&n))
	return n
}

// run starts a courier as each replica has one, until the test ends.
func (e *env) run(policy outbound.Policy) *logout.Courier {
	log := slog.New(slog.NewTextHandler(&e.log, nil))
	registry := clients.New(e.store, log, time.Now)
	courier := logout.New(logout.Options{
		Issuer: issuer, Store: e.store, Clients: registry, Keys: e.ring, HTTP: outbound.Client(policy), Log: log, Audit: e.record,
		Pauses: []time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { courier.Run(ctx); close(done) }()
	e.Cleanup(func() { cancel(); <-done })
	return courier
}

var here = outbound.Policy{AllowLoopback: true, Timeout: 500 * time.Millisecond}

func (e *env) eventually(what string, holds func() bool) {
	e.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.Fatalf("not in time: %s\n%s", what, e.log.String())
		}
	}
}

func (e *env) empty() bool { return e.waiting() == 0 }
