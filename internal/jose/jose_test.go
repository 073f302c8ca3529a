package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// pairs are one key pair for each algorithm; an RSA key takes long to make.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	rsa1, err1 := rsa.GenerateKey(rand.Reader, 2048)
	rsa2, err2 := rsa.GenerateKey(rand.Reader, 2048)
	ec, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{idp.RS256: rsa1, idp.PS256: rsa2, idp.ES256: ec, idp.EdDSA: ed}
})

func sign(t *testing.T, alg string, key any, header map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	for k, v := range header {
		opts.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"sub":"web"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func text(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func public(alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: pairs()[alg].Public(), KeyID: alg, Algorithm: alg, Use: "sig"}
}

func TestEachAlgorithmVerifiesWithItsOwnKeyAlone(t *testing.T) {
	t.Parallel()
	set, err := ParseSet(text(t, public(idp.RS256), public(idp.PS256), public(idp.ES256), public(idp.EdDSA)))
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range Algs {
		for _, header := range []map[string]any{{"kid": alg}, {}} { // a token may name no key
			token := sign(t, alg, pairs()[alg], header)
			if payload, err := set.Verify(token, Algs); err != nil || string(payload) != `{"sub":"web"}` {
				t.Errorf("%s: %s, %v", alg, payload, err)
			}
		}
		token := sign(t, alg, pairs()[alg], map[string]any{"kid": alg})
		for _, other := range Algs {
			if other == alg {
				continue
			}
			if _, err := set.Verify(token, []string{other}); err == nil {
				t.Errorf("%s passed where only %s is allowed", alg, other)
			}
		}
		if _, err := set.Verify(sign(t, alg, pairs()[alg], map[string]any{"kid": "new"}), Algs); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: unknown kid: %v", alg, err)
		}
	}
	// The same RSA key does not serve two paddings once it says which is its own.
	if _, err := set.Verify(sign(t, idp.PS256, pairs()[idp.RS256], map[string]any{"kid": idp.RS256}), Algs); !errors.Is(err, ErrNoKey) {
		t.Errorf("PS256 with the key of RS256: %v", err)
	}
}

// A10: no signature, and a MAC with the public key as its secret, are refused.
func TestNoneAndSymmetricSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	set, err := ParseSet(text(t, public(idp.RS256)))
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	publicKey, err := json.Marshal(public(idp.RS256))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"none":             b64([]byte(`{"alg":"none","kid":"RS256"}`)) + "." + b64([]byte(`{"sub":"web"}`)) + ".",
		"None":             b64([]byte(`{"alg":"None","kid":"RS256"}`)) + "." + b64([]byte(`{"sub":"web"}`)) + ".",
		"HS256":            sign(t, "HS256", publicKey, map[string]any{"kid": "RS256"}),
		"RS384":            sign(t, "RS384", pairs()[idp.RS256], map[string]any{"kid": "RS256"}),
		"empty":            "",
		"dots":             "..",
		"too long":         strings.Repeat("a", maxToken+1),
		"critical headers": sign(t, idp.RS256, pairs()[idp.RS256], map[string]any{"crit": []string{"x"}, "x": 1, "kid": "RS256"}),
	} {
		if _, err := set.Verify(token, Algs); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

// J05: keys that a token brings along, or points at, are ignored.
func TestKeysInTheTokenAreIgnored(t *testing.T) {
	t.Parallel()
	set, err := ParseSet(text(t, public(idp.ES256)))
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]map[string]any{
		"jwk": {"kid": idp.ES256, "jwk": jose.JSONWebKey{Key: mallory.Public(), KeyID: idp.ES256}},
		"jku": {"kid": idp.ES256, "jku": "http://127.0.0.1:1/jwks"},
		"x5u": {"kid": idp.ES256, "x5u": "http://127.0.0.1:1/cert"},
	} {
		if _, err := set.Verify(sign(t, idp.ES256, mallory, header), Algs); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

func TestKeysThatMustNotBeRegistered(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ set, want string }{
		"private EC":  {string(text(t, jose.JSONWebKey{Key: pairs()[idp.ES256]})), `"d"`},
		"private RSA": {string(text(t, jose.JSONWebKey{Key: pairs()[idp.RS256]})), "private"},
		"private Ed":  {string(text(t, jose.JSONWebKey{Key: pairs()[idp.EdDSA]})), `"d"`},
		"symmetric":   {`{"keys":[{"kty":"oct","k":"AAAA"}]}`, `"k"`},
		"short RSA":   {string(text(t, jose.JSONWebKey{Key: short.Public()})), "1024 bits"},
		"P-384":       {string(text(t, jose.JSONWebKey{Key: p384.Public()})), "P-256"},
		"encryption":  {string(text(t, jose.JSONWebKey{Key: pairs()[idp.ES256].Public(), Use: "enc"})), "use"},
		"wrong alg":   {string(text(t, jose.JSONWebKey{Key: pairs()[idp.ES256].Public(), Algorithm: "RS256"})), "alg"},
		"unknown kty": {`{"keys":[{"kty":"magic"}]}`, "public key"},
		"no keys":     {`{"keys":[]}`, "no public key"},
		"no set":      {`{"kty":"EC"}`, "no public key"},
		"no JSON":     {`keys`, "JWK Set"},
		"a list":      {`[]`, "JWK Set"},
		"a number":    {`{"keys":[1]}`, "object"},
		"too many":    {`{"keys":[` + strings.TrimSuffix(strings.Repeat("{},", 21), ",") + `]}`, "21 keys"},
		"too long":    {strings.Repeat(" ", MaxSet+1), "bytes"},
	} {
		if _, err := ParseSet([]byte(c.set)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestPublishedSetsMayHoldKeysOfOtherUses(t *testing.T) {
	t.Parallel()
	mixed := text(t, public(idp.ES256), jose.JSONWebKey{Key: pairs()[idp.RS256].Public(), Use: "enc"}, jose.JSONWebKey{Key: pairs()[idp.EdDSA], KeyID: "leaked"})
	set, err := ParsePublishedSet(mixed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Verify(sign(t, idp.ES256, pairs()[idp.ES256], nil), Algs); err != nil {
		t.Error(err)
	}
	if _, err := set.Verify(sign(t, idp.EdDSA, pairs()[idp.EdDSA], map[string]any{"kid": "leaked"}), Algs); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key whose private part is published: %v", err)
	}
}
