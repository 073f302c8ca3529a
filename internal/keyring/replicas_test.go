package keyring_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

// A clock is the time of several replicas.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// replicas are rings over one database and one clock.
type replicas struct {
	*testing.T
	*clock
	vault keyring.Vault
	a, b  *keyring.Ring
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	r := &replicas{T: t, clock: &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	r.vault = vault(t, postgres.New(pgtest.New(t)), secretA)
	r.vault.Now = r.now
	r.a, r.b = r.open(r.vault), r.open(r.vault)
	return r
}

func (r *replicas) open(v keyring.Vault) *keyring.Ring {
	r.Helper()
	ring, err := keyring.Open(r.Context(), v)
	if err != nil {
		r.Fatal(err)
	}
	return ring
}

func (r *replicas) reload(rings ...*keyring.Ring) {
	r.Helper()
	if len(rings) == 0 {
		rings = []*keyring.Ring{r.a, r.b}
	}
	for _, ring := range rings {
		if err := ring.Reload(r.Context()); err != nil {
			r.Fatal(err)
		}
	}
}

// sign signs with both and holds them to the same key.
func (r *replicas) sign(alg string) (token, kid string) {
	r.Helper()
	token, kid = signed(r, r.a, alg)
	if _, other := signed(r, r.b, alg); other != kid {
		r.Fatalf("%v: one replica signs with %s, the other with %s", r.now(), kid, other)
	}
	return token, kid
}

func signed(t testing.TB, ring *keyring.Ring, alg string) (token, kid string) {
	t.Helper()
	token, err := ring.Sign(keyring.TypeJWT, alg, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(head)
	var header struct{ Kid string }
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	return token, header.Kid
}

func published(t testing.TB, ring *keyring.Ring) (kids []string) {
	t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(ring.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

// both reports whether the two replicas verify the token, and fails if they disagree.
func (r *replicas) both(token string) bool {
	r.Helper()
	_, errA := r.a.Verify(token, keyring.TypeJWT)
	_, errB := r.b.Verify(token, keyring.TypeJWT)
	if (errA == nil) != (errB == nil) {
		r.Fatalf("%v: one replica says %v, the other %v", r.now(), errA, errB)
	}
	return errA == nil
}
