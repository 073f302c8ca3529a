package keyring

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

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

// keys are made once, since an RSA key takes long: two of each algorithm,
// newest first, wrapped with secretA.
var keys = sync.OnceValue(func() []idp.SigningKey {
	k, err := ParseKEK(secretA)
	if err != nil {
		panic(err)
	}
	var rows []idp.SigningKey
	for range 2 {
		for _, alg := range append([]string{hs256}, asymmetric...) {
			kid, private, err := generate(alg)
			if err != nil {
				panic(err)
			}
			rows = append(rows, idp.SigningKey{KID: kid, Alg: alg, Wrapped: k.wrap(kid, alg, private)})
		}
	}
	return rows
})

func newRing(t testing.TB, rows []idp.SigningKey) *Ring {
	t.Helper()
	s, err := newSnapshot(rows, []KEK{kek(t, secretA)}, asymmetric)
	if err != nil {
		t.Fatal(err)
	}
	r := &Ring{algs: asymmetric}
	r.current.Store(s)
	return r
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

// forge signs with whatever key and headers the attacker likes.
func forge(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	for k, v := range header {
		opts.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"sub":"mallory.near"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSignedTokenVerifiesWithTheThreeHeaders(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	for _, alg := range asymmetric {
		for _, typ := range types {
			token := mustSign(t, r, typ, alg)
			claims, err := r.Verify(token, typ)
			if err != nil || string(claims) != `{"sub":"alice.near"}` {
				t.Errorf("%s %s: %s, %v", alg, typ, claims, err)
			}
			head, _, _ := strings.Cut(token, ".")
			raw, _ := base64.RawURLEncoding.DecodeString(head)
			if want := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, alg, newest(alg).KID, typ); string(raw) != want {
				t.Errorf("header %s, want %s", raw, want)
			}
		}
	}
}

func TestOlderKeysStillVerify(t *testing.T) {
	t.Parallel()
	older := newRing(t, keys()[4:])
	for _, alg := range asymmetric {
		if _, err := newRing(t, keys()).Verify(mustSign(t, older, TypeJWT, alg), TypeJWT); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := older.Verify(mustSign(t, newRing(t, keys()), TypeJWT, alg), TypeJWT); err == nil {
			t.Errorf("%s: a key that the ring does not hold verified", alg)
		}
	}
}

func TestTokenOfAnotherTypeIsRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	idToken, access := mustSign(t, r, TypeJWT, idp.ES256), mustSign(t, r, TypeAccessToken, idp.ES256)
	if _, err := r.Verify(idToken, TypeAccessToken); err == nil {
		t.Error("an ID token passed as an access token")
	}
	if _, err := r.Verify(access, TypeJWT); err == nil {
		t.Error("an access token passed as an ID token")
	}
	row := newest(idp.EdDSA)
	private, err := unwrap([]KEK{kek(t, secretA)}, row)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := parsePair(row.KID, row.Alg, private)
	if err != nil {
		t.Fatal(err)
	}
	for typ, ok := range map[any]bool{"AT+JWT": true, "at+jwt ": false, "": false, nil: false, 7: false, "application/at+jwt": false} {
		_, err := r.Verify(forge(t, jose.EdDSA, pair.Key, map[string]any{"kid": row.KID, "typ": typ}), TypeAccessToken)
		if (err == nil) != ok {
			t.Errorf("typ %#v: %v", typ, err)
		}
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	rs, es := newest(idp.RS256), newest(idp.ES256)
	public := r.current.Load().public
	_, other, err := generate(idp.ES256)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := parsePair(es.KID, idp.ES256, other)
	if err != nil {
		t.Fatal(err)
	}
	head := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"mallory.near"}`)) + "."
	}
	jwk, err := json.Marshal(public[rs.KID])
	if err != nil {
		t.Fatal(err)
	}
	modulus := public[rs.KID].Key.(*rsa.PublicKey).N.Bytes()
	genuine := mustSign(t, r, TypeJWT, idp.ES256)
	last := genuine[len(genuine)-1]
	// The last character of an ES256 signature holds four spare bits.
	respelled := genuine[:len(genuine)-1] + string(last+1)

	for name, token := range map[string]string{
		"alg none":                    head(`{"alg":"none","kid":"` + rs.KID + `","typ":"JWT"}`),
		"alg none with a signature":   head(`{"alg":"none","kid":"`+rs.KID+`","typ":"JWT"}`) + "AAAA",
		"HS256 with the public key":   forge(t, jose.HS256, jwk, map[string]any{"kid": rs.KID, "typ": "JWT"}),
		"HS256 with the modulus":      forge(t, jose.HS256, modulus, map[string]any{"kid": rs.KID, "typ": "JWT"}),
		"kid of another algorithm":    forge(t, jose.ES256, mine.Key, map[string]any{"kid": rs.KID, "typ": "JWT"}),
		"kid of the MAC key":          forge(t, jose.ES256, mine.Key, map[string]any{"kid": newest(hs256).KID, "typ": "JWT"}),
		"own key, our kid":            forge(t, jose.ES256, mine.Key, map[string]any{"kid": es.KID, "typ": "JWT"}),
		"own key, no kid":             forge(t, jose.ES256, mine.Key, map[string]any{"typ": "JWT"}),
		"own key embedded":            forge(t, jose.ES256, mine.Key, map[string]any{"kid": es.KID, "typ": "JWT", "jwk": mine.Public()}),
		"own key behind jku":          forge(t, jose.ES256, mine.Key, map[string]any{"kid": es.KID, "typ": "JWT", "jku": "https://evil.example/jwks"}),
		"own key behind x5u":          forge(t, jose.ES256, mine.Key, map[string]any{"kid": es.KID, "typ": "JWT", "x5u": "https://evil.example/x"}),
		"spare bits of the signature": respelled,
		"line feed inside":            genuine[:10] + "\n" + genuine[10:],
		"line feed after":             genuine + "\n",
		"padding":                     genuine + "=",
		"four parts":                  genuine + ".",
		"empty":                       "",
		"huge":                        strings.Repeat("A", maxToken) + genuine,
		"JSON serialization":          `{"payload":"","protected":"","signature":""}`,
	} {
		if claims, err := r.Verify(token, TypeJWT); err == nil {
			t.Errorf("%s: accepted as %s", name, claims)
		}
	}
}

func TestJWKSHoldsPublicPartsOnly(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 6 {
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
		if _, err := Open(t.Context(), nil, []KEK{kek(t, secretA)}, algs); err == nil {
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
	if r.MAC("refresh", []byte("x")) != r.MAC("refresh", []byte("x")) {
		t.Error("a MAC changes")
	}
	former := newRing(t, keys()[4:]).MAC("refresh", []byte("x"))
	all := slices.Collect(r.MACs("refresh", []byte("x")))
	if len(all) != 2 || all[0] != r.MAC("refresh", []byte("x")) || all[1] != former {
		t.Error("MACs is not newest first, the former after it")
	}
	for range r.MACs("refresh", nil) {
		break
	}
}

func BenchmarkSign(b *testing.B) {
	r := newRing(b, keys())
	claims := []byte(`{"iss":"https://id.example.com","sub":"alice.near","aud":["web"],"client_id":"web","scope":"openid","exp":1795340680,"iat":1795340680,"jti":"x"}`)
	for _, alg := range asymmetric {
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Sign(TypeAccessToken, alg, claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	r := newRing(b, keys())
	for _, alg := range asymmetric {
		token := mustSign(b, r, TypeAccessToken, alg)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(token, TypeAccessToken); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
