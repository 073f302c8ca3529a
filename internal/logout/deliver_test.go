package logout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		Issuer: issuer, Store: e.store, Clients: registry, Keys: e.ring, HTTP: outbound.Client(policy), Log: log,
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

// L04: the logout token is what Back-Channel Logout section 2.4 says.
func TestLogoutToken(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("es", idp.ES256, p)
	e.client("ed", idp.EdDSA, p)
	e.fill("es", "S1")
	e.fill("ed", "S2")
	e.run(here)
	e.eventually("both are delivered", e.empty)
	seen := map[any]bool{}
	for _, token := range p.heard() {
		payload, err := e.ring.Verify(token, keyring.TypeLogoutToken)
		must(t, err)
		if _, err := e.ring.Verify(token, keyring.TypeJWT); err == nil {
			t.Error("a logout token passes for an ID token")
		}
		var claims map[string]any
		must(t, json.Unmarshal(payload, &claims))
		iat, exp := claims["iat"].(float64), claims["exp"].(float64)
		events, _ := claims["events"].(map[string]any)
		event, found := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		sid := map[any]string{"es": "S1", "ed": "S2"}[claims["aud"]]
		if claims["iss"] != issuer || claims["sub"] != "alice.near" || claims["sid"] != sid || claims["nonce"] != nil || claims["jti"] == "" || seen[claims["jti"]] ||
			!found || len(event) != 0 || len(events) != 1 || exp-iat > 120 || exp <= iat || time.Since(time.Unix(int64(iat), 0)) > time.Minute {
			t.Errorf("%s", payload)
		}
		seen[claims["jti"]] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d tokens", len(seen))
	}
}

// L05: a client that is down hears of it when it is back, with a token of that time.
func TestDeliveryIsTriedAgain(t *testing.T) {
	e := setup(t)
	p := newParty(t, func(w http.ResponseWriter, _ *http.Request, attempt int) {
		if attempt < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	e.client("rp", idp.ES256, p)
	e.fill("rp", "S1")
	e.run(here)
	e.eventually("it is delivered", e.empty)
	heard := p.heard()
	if len(heard) != 3 || heard[0] == heard[2] || !strings.Contains(e.log.String(), "delivered") {
		t.Errorf("%d attempts\n%s", len(heard), e.log.String())
	}
}

// L05: attempts are bounded; no redirect is followed; an answer costs little; and
// whatever one client does, others are told.
func TestDeliveryGivesUp(t *testing.T) {
	e := setup(t)
	var followed atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(canary.Close)
	bad := map[string]*party{
		"redirects": newParty(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, canary.URL, http.StatusTemporaryRedirect)
		}),
		"refuses": newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadRequest) }),
		"fails":   newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) }),
		"hangs":   newParty(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }),
		"breaks":  newParty(t, func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }),
	}
	for id, p := range bad {
		e.client(id, idp.ES256, p)
		e.fill(id, "S1")
	}
	good := newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		for range 100 { // more than is read
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})
	e.client("good", idp.ES256, good)
	e.fill("good", "S1", "S2")
	e.run(here)
	e.eventually("each is given up or delivered", e.empty)
	for id, p := range bad {
		if n := len(p.heard()); n != 4 {
			t.Errorf("%s: %d attempts", id, n)
		}
	}
	if len(good.heard()) != 2 || followed.Load() != 0 {
		t.Errorf("the good one heard %d, the canary %d", len(good.heard()), followed.Load())
	}
	if log := e.log.String(); strings.Count(log, "given up") != len(bad) || strings.Contains(log, "eyJ") || strings.Contains(log, "/bcl") {
		t.Error(log)
	}
}

// L05: a client cannot have the provider knock on its own machine's doors.
func TestCanaryOnLoopbackIsNeverTold(t *testing.T) {
	e := setup(t)
	canary := newParty(t, nil)
	e.client("rp", idp.ES256, canary)
	e.fill("rp", "S1")
	e.run(outbound.Policy{})
	e.eventually("it is given up", e.empty)
	if len(canary.heard()) != 0 || !strings.Contains(e.log.String(), "outbound.allow_private") {
		t.Errorf("heard %d times\n%s", len(canary.heard()), e.log.String())
	}
}

// L05: of two replicas one tells a client, and a wake-up is all that it takes.
func TestReplicasDeliverOnce(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("rp", idp.ES256, p)
	couriers := []*logout.Courier{e.run(here), e.run(here)}
	var sids []string
	for i := range 100 {
		sids = append(sids, fmt.Sprint("S", i))
	}
	e.fill("rp", sids...)
	for _, c := range couriers {
		c.Wake()
		c.Wake()
	}
	e.eventually("all are delivered", e.empty)
	seen := map[string]bool{}
	for _, token := range p.heard() {
		payload, err := e.ring.Verify(token, keyring.TypeLogoutToken)
		must(t, err)
		var claims struct{ SID string }
		must(t, json.Unmarshal(payload, &claims))
		seen[claims.SID] = true
	}
	if len(seen) != 100 || len(p.heard()) != 100 {
		t.Errorf("%d sessions in %d tokens", len(seen), len(p.heard()))
	}
}

// A client that was removed, disabled or changed its mind is not told.
func TestClientThatIsGoneIsForgotten(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("off", idp.ES256, p)
	off, err := e.store.Client(t.Context(), "off")
	must(t, err)
	off.Disabled = true
	must(t, e.store.UpdateClient(t.Context(), off))
	e.fill("off", "S1")
	e.fill("gone", "S1")
	e.run(here)
	e.eventually("they are forgotten", e.empty)
	if len(p.heard()) != 0 {
		t.Error("told all the same")
	}
}
