package keyring

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

const (
	secretA = "q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e"
	secretB = "M9aEo2iUy7tRw5qPz1xCv3bNn8mKj6hG"
)

func kek(t testing.TB, secret string) KEK {
	t.Helper()
	k, err := ParseKEK(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// start is the time of these tests.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// keys are made once, since an RSA key takes long: one of each algorithm that
// signs since start, then its predecessors, all wrapped with secretA.
var keys = sync.OnceValue(func() []idp.SigningKey {
	k, err := ParseKEK(secretA)
	if err != nil {
		panic(err)
	}
	var rows []idp.SigningKey
	for former := range 2 {
		for _, alg := range append([]string{hs256}, asymmetric...) {
			kid, private, err := generate(alg)
			if err != nil {
				panic(err)
			}
			row := idp.SigningKey{KID: kid, Alg: alg, Wrapped: k.wrap(kid, alg, private), CreatedAt: start, ActivatesAt: start}
			if former == 1 {
				row.ActivatesAt, row.RetiresAt, row.ExpiresAt = start.Add(-time.Hour), start, start.Add(time.Hour)
			}
			rows = append(rows, row)
		}
	}
	return rows
})

// newRing returns the ring of a replica at start.
func newRing(t testing.TB, rows []idp.SigningKey) *Ring {
	t.Helper()
	return newRingAt(t, rows, start)
}

// formerRing returns the ring of a replica that knows the former keys alone.
func formerRing(t testing.TB) *Ring {
	t.Helper()
	return newRingAt(t, keys()[1+len(asymmetric):], start.Add(-time.Minute))
}

func newRingAt(t testing.TB, rows []idp.SigningKey, now time.Time) *Ring {
	t.Helper()
	v := vault(t, secretA)
	v.Now = func() time.Time { return now }
	s, err := newSnapshot(rows, v, now)
	if err != nil {
		t.Fatal(err)
	}
	r := empty(v)
	r.current.Store(s)
	return r
}

func vault(t testing.TB, secret string) Vault {
	t.Helper()
	return Vault{KEKs: []KEK{kek(t, secret)}, Algs: asymmetric}
}

func mustSign(t testing.TB, r *Ring, typ, alg string) string {
	t.Helper()
	token, err := r.Sign(typ, alg, []byte(`{"sub":"alice.near"}`))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func newest(alg string) idp.SigningKey {
	rows := keys()
	return rows[slices.IndexFunc(rows, func(k idp.SigningKey) bool { return k.Alg == alg })]
}

// J07, J08: private parts are never in the JWKS, each kid is unique, RSA keys are long enough.
func TestJWKSHoldsPublicPartsOnly(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2*len(asymmetric) {
		t.Fatalf("%d keys, want two of each asymmetric algorithm", len(set.Keys))
	}
	seen := map[any]bool{}
	for _, key := range set.Keys {
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key[member]; there {
				t.Errorf("key %v shows %q", key["kid"], member)
			}
		}
		if key["use"] != "sig" || key["kty"] == "oct" || !slices.Contains(asymmetric, key["alg"].(string)) {
			t.Errorf("unexpected key %v", key)
		}
		raw, _ := json.Marshal(key)
		var parsed jose.JSONWebKey
		if err := json.Unmarshal(raw, &parsed); err != nil {
			t.Fatal(err)
		}
		sum, _ := parsed.Thumbprint(crypto.SHA256)
		if base64.RawURLEncoding.EncodeToString(sum) != key["kid"] || seen[key["kid"]] {
			t.Errorf("kid %v is not the thumbprint or not unique", key["kid"])
		}
		seen[key["kid"]] = true
		if public, ok := parsed.Key.(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
			t.Errorf("RSA key of %d bits", public.N.BitLen())
		}
	}
	if set.Keys[0]["alg"] != idp.RS256 {
		t.Errorf("first key is for %v", set.Keys[0]["alg"])
	}
}

func TestUnknownAlgorithmsAreRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for _, algs := range [][]string{nil, {"HS256"}, {"none"}, {"rs256"}, {"RS256", "RS256"}} {
		if _, err := Open(t.Context(), Vault{KEKs: []KEK{kek(t, secretA)}, Algs: algs}); err == nil {
			t.Errorf("opened with %q", algs)
		}
	}
	r := newRing(t, append([]idp.SigningKey{{KID: "later", Alg: "ML-DSA-65", Wrapped: []byte{9}}}, keys()...))
	if _, err := r.Sign(TypeJWT, "ML-DSA-65", nil); err == nil {
		t.Error("signed with an unknown algorithm")
	}
	if _, err := r.Sign(TypeJWT, hs256, nil); err == nil {
		t.Error("signed with the MAC key")
	}
	if _, err := r.Sign("other", idp.RS256, nil); err == nil {
		t.Error("signed an unknown type")
	}
}

func TestMACsOfOnePurposeAreNotValidForAnother(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	if r.MAC("a", []byte("bc")) == r.MAC("ab", []byte("c")) {
		t.Error("purpose and data run together")
	}
	if newRing(t, keys()).MAC("refresh", []byte("x")) != r.MAC("refresh", []byte("x")) {
		t.Error("two replicas with the same keys disagree")
	}
	former := formerRing(t).MAC("refresh", []byte("x"))
	all := slices.Collect(r.MACs("refresh", []byte("x")))
	if len(all) != 2 || all[0] != r.MAC("refresh", []byte("x")) || all[1] != former {
		t.Error("MACs is not newest first, the former after it")
	}
	for range r.MACs("refresh", nil) {
		break
	}
}

// The commands take a kid as an argument.
func TestNoKidLooksLikeAFlag(t *testing.T) {
	t.Parallel()
	for range 300 {
		if kid, _, err := generate(idp.EdDSA); err != nil || kid[0] == '-' {
			t.Fatalf("kid %q, %v", kid, err)
		}
	}
}

// J04, J07: RS256 and PS256 share no key, so a token of the one is none of the other.
func TestRSAKeysServeOneAlgorithm(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	rs, ps := newest(idp.RS256), newest(idp.PS256)
	public := r.current.Load().public
	if rs.KID == ps.KID || public[rs.KID].Key.(*rsa.PublicKey).Equal(public[ps.KID].Key) {
		t.Fatal("they share a key")
	}
	private, err := unwrap(r.vault.KEKs, ps)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := parsePair(ps.KID, ps.Alg, private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(forge(t, jose.RS256, pair.Key, map[string]any{"kid": ps.KID, "typ": "JWT"}), TypeJWT); err == nil {
		t.Error("a PS256 key verified an RS256 signature")
	}
	// Not even whoever writes the database can give a key another algorithm.
	swapped := rs
	swapped.Alg = idp.PS256
	if _, err := unwrap(r.vault.KEKs, swapped); err == nil {
		t.Error("an RS256 key became a PS256 key")
	}
}
