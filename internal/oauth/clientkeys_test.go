package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/oauth"
	"near-idp/internal/outbound"

	"github.com/go-jose/go-jose/v4"
)

// A publisher is where a client publishes its keys.
type publisher struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	status  int
	caching string
	asked   atomic.Int64
}

func publish(t *testing.T, kids ...string) *publisher {
	p := &publisher{status: http.StatusOK}
	for _, kid := range kids {
		p.keys = append(p.keys, jose.JSONWebKey{Key: signers()[kid].Public(), KeyID: kid})
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.Header().Set("Cache-Control", p.caching)
		w.WriteHeader(p.status)
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// publishing is an env with a client whose keys are at p, and a clock to turn.
func publishing(e *env, p *publisher, policy outbound.Policy) (*env, *atomic.Int64) {
	c, err := clients.Validate(idp.Client{ID: "uri", RedirectURIs: []string{redirect}, TokenEndpointAuthMethod: idp.AuthPrivateKey, JWKSURI: p.URL})
	if err != nil {
		e.Fatal(err)
	}
	e.clients["uri"] = &c
	ahead := &atomic.Int64{}
	opts := e.options(e.store)
	opts.Outbound = outbound.Client(policy)
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	if e.Provider, err = oauth.New(opts); err != nil {
		e.Fatal(err)
	}
	return e, ahead
}

// C07, G02: published keys are fetched once and kept within bounds, and forged
// assertions do not make the provider knock more often.
func TestPublishedKeysAreCachedWithinBounds(t *testing.T) {
	p := publish(t, idp.ES256)
	e, ahead := publishing(setup(t), p, outbound.Policy{AllowLoopback: true})
	try := func(alg, code string) {
		t.Helper()
		now := time.Now().Add(time.Duration(ahead.Load())).Unix()
		_, err := e.post(asserted(assertion(t, alg, "uri", map[string]any{"iat": now, "exp": now + 60})))
		e.refused(err, code)
	}
	asked := func(want int64) {
		t.Helper()
		if got := p.asked.Load(); got != want {
			t.Errorf("fetched %d times, want %d", got, want)
		}
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { try(idp.ES256, "invalid_grant") })
	}
	wg.Wait()
	asked(1)
	for range 20 {
		try(idp.EdDSA, "invalid_client") // a kid that is not there
	}
	asked(1)
	p.set(func() {
		p.keys = append(p.keys, jose.JSONWebKey{Key: signers()[idp.EdDSA].Public(), KeyID: idp.EdDSA})
	})
	ahead.Add(int64(time.Minute))
	try(idp.EdDSA, "invalid_grant") // asked for again, since the last time was a minute ago
	asked(2)
	ahead.Add(int64(4 * time.Minute))
	try(idp.EdDSA, "invalid_grant")
	asked(2)
	p.set(func() { p.caching = "max-age=864000" }) // longer than an hour is an hour
	ahead.Add(int64(2 * time.Minute))
	try(idp.ES256, "invalid_grant")
	asked(3)
	ahead.Add(int64(59 * time.Minute))
	try(idp.ES256, "invalid_grant")
	asked(3)
	p.set(func() { p.caching = "no-store" }) // less than a minute is a minute
	ahead.Add(int64(2 * time.Minute))
	for range 5 {
		try(idp.ES256, "invalid_grant")
	}
	asked(4)

	// While the server fails, the keys serve for an hour more, and it is not hammered.
	p.set(func() { p.status = http.StatusInternalServerError })
	ahead.Add(int64(2 * time.Minute))
	for range 5 {
		try(idp.ES256, "invalid_grant")
	}
	asked(5)
	ahead.Add(int64(time.Hour))
	try(idp.ES256, "invalid_client")
	try(idp.ES256, "invalid_client")
	asked(6)
	p.set(func() { p.status = http.StatusOK })
	ahead.Add(int64(11 * time.Second))
	try(idp.ES256, "invalid_grant")
	asked(7)
}

// G02: neither an address that is not public nor a redirect to one is reached.
func TestKeysAreNotFetchedFromForbiddenAddresses(t *testing.T) {
	p := publish(t, idp.ES256)
	e, _ := publishing(setup(t), p, outbound.Policy{})
	_, err := e.post(asserted(assertion(t, idp.ES256, "uri", nil)))
	e.refused(err, "invalid_client")
	if p.asked.Load() != 0 {
		t.Error("the canary on loopback was hit")
	}
	door := httptest.NewServer(http.RedirectHandler(p.URL, http.StatusFound))
	t.Cleanup(door.Close)
	e, _ = publishing(e, &publisher{Server: door}, outbound.Policy{AllowLoopback: true})
	_, err = e.post(asserted(assertion(t, idp.ES256, "uri", nil)))
	e.refused(err, "invalid_client")
	if p.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// What a client publishes may be large, slow or no key set at all.
func TestUnusableKeySetsAreInvalidClient(t *testing.T) {
	p := publish(t)
	e, ahead := publishing(setup(t), p, outbound.Policy{AllowLoopback: true})
	weak, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][]jose.JSONWebKey{nil, {{Key: weak.Public(), KeyID: "ES256"}}, {{Key: signers()[idp.ES256], KeyID: "ES256"}}} {
		p.set(func() { p.keys = keys })
		ahead.Add(int64(15 * time.Second))
		now := time.Now().Add(time.Duration(ahead.Load())).Unix()
		_, err := e.post(asserted(assertion(t, idp.ES256, "uri", map[string]any{"iat": now, "exp": now + 60})))
		e.refused(err, "invalid_client")
	}
}
