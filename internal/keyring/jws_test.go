package keyring

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

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
	older := formerRing(t)
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

// J04, J05: neither the algorithm nor a key that a token brings along is believed.
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
	ours := genuine[:strings.Index(genuine, ".")]
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
		"our header alone":            ours,
		"our header and a dot":        ours + ".",
		"our header, no signature":    genuine[:strings.LastIndex(genuine, ".")],
		"our header, another payload": ours + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"mallory.near"}`)) + genuine[strings.LastIndex(genuine, "."):],
		"our header, short signature": genuine[:len(genuine)-4],
		"our header, long signature":  genuine + "AAAA",
		"empty":                       "",
		"huge":                        strings.Repeat("A", maxToken) + genuine,
		"JSON serialization":          `{"payload":"","protected":"","signature":""}`,
	} {
		if claims, err := r.Verify(token, TypeJWT); err == nil {
			t.Errorf("%s: accepted as %s", name, claims)
		}
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

// A token that anybody else can check is one that go-jose, which wrote none of it, verifies.
func TestTokensVerifyElsewhere(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	for _, alg := range asymmetric {
		token := mustSign(t, r, TypeAccessToken, alg)
		jws, err := jose.ParseSignedCompact(token, verifiable)
		if err != nil {
			t.Fatal(err)
		}
		public := r.current.Load().public[newest(alg).KID]
		if claims, err := jws.Verify(public.Key); err != nil || string(claims) != `{"sub":"alice.near"}` {
			t.Errorf("%s: %s, %v", alg, claims, err)
		}
	}
}

// What is remembered of a token is that its signature was right, and no more: not its type, and
// not that its key counts.
func TestRememberedTokenIsStillHeldToItsTypeAndKey(t *testing.T) {
	t.Parallel()
	r := newRing(t, keys())
	token := mustSign(t, r, TypeAccessToken, idp.ES256)
	for range 2 {
		if _, err := r.Verify(token, TypeAccessToken); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Verify(token, TypeJWT); err == nil {
		t.Error("it passed as a token of another type")
	}
	if _, err := r.Verify(token[:len(token)-1], TypeAccessToken); err == nil {
		t.Error("it passed with its end cut off")
	}
	r.current.Store(formerRing(t).current.Load())
	if _, err := r.Verify(token, TypeAccessToken); err == nil {
		t.Error("it passed after its key was gone")
	}
}
