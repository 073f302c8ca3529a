package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"

	"github.com/go-jose/go-jose/v4"
)

// F02: each forgery by its name, and none of them spends the code.
func TestForgedProofsAreRefused(t *testing.T) {
	e := setup(t)
	h, other := newHolder(t), newHolder(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	p384, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) fields { return fields{"iat": time.Now().Add(d).Unix()} }
	good := h.proof(nil, nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none"}`))
	private := jose.JSONWebKey{Key: h.key}
	code := e.signIn(request()).Get("code")
	for name, proof := range map[string]string{
		"empty": "", "garbage": "x.y.z", "two parts": parts[0] + "." + parts[1],
		"far too long":        h.proof(nil, fields{"x": strings.Repeat("x", 9000)}),
		"alg none":            none + "." + parts[1] + ".",
		"other signature":     parts[0] + "." + parts[1] + "." + strings.Split(other.proof(nil, nil), ".")[2],
		"other payload":       parts[0] + "." + strings.Split(h.proof(nil, nil), ".")[1] + "." + parts[2],
		"other key":           h.proof(fields{"jwk": other.jwk()}, nil),
		"private key":         h.proof(fields{"jwk": private}, nil),
		"symmetric key":       h.proof(fields{"jwk": fields{"kty": "oct", "k": "AAAA"}}, nil),
		"no key":              h.proof(fields{"jwk": nil}, nil),
		"key by kid":          h.proof(fields{"jwk": nil, "kid": "ES256"}, nil),
		"key is a word":       h.proof(fields{"jwk": nil, "x5u": issuer}, nil),
		"short RSA key":       holder{t, idp.RS256, weak}.proof(nil, nil),
		"P-384":               holder{t, "ES384", p384}.proof(nil, nil),
		"no typ":              h.proof(fields{"typ": nil}, nil),
		"typ JWT":             h.proof(fields{"typ": "JWT"}, nil),
		"typ at+jwt":          h.proof(fields{"typ": "at+jwt"}, nil),
		"critical extension":  h.proof(fields{"crit": []string{"exp"}}, nil),
		"no jti":              h.proof(nil, fields{"jti": nil}),
		"empty jti":           h.proof(nil, fields{"jti": ""}),
		"long jti":            h.proof(nil, fields{"jti": strings.Repeat("j", 300)}),
		"jti is a number":     h.proof(nil, fields{"jti": 7}),
		"no htm":              h.proof(nil, fields{"htm": nil}),
		"htm GET":             h.proof(nil, fields{"htm": "GET"}),
		"htm post":            h.proof(nil, fields{"htm": "post"}),
		"no htu":              h.proof(nil, fields{"htu": nil}),
		"htu of userinfo":     h.proof(nil, fields{"htu": issuer + "/userinfo"}),
		"htu of a sibling":    h.proof(nil, fields{"htu": "https://evil.example.com/token"}),
		"htu over http":       h.proof(nil, fields{"htu": "http://id.example.com/token"}),
		"no iat":              h.proof(nil, fields{"iat": nil}),
		"iat is a word":       h.proof(nil, fields{"iat": "now"}),
		"old":                 h.proof(nil, at(-62*time.Second)),
		"from the future":     h.proof(nil, at(65*time.Second)), // J09
		"from year 1":         h.proof(nil, fields{"iat": -62135596800}),
		"from the far future": h.proof(nil, fields{"iat": 1e300}),
		"expired":             h.proof(nil, fields{"exp": time.Now().Add(-time.Second).Unix()}),
		"not yet":             h.proof(nil, fields{"nbf": time.Now().Add(65 * time.Second).Unix()}),
	} {
		_, err := e.postProof(codeForm(code), proof)
		if refusal := e.refused(err, "invalid_dpop_proof"); refusal.Status != 400 {
			t.Errorf("%s: status %d", name, refusal.Status)
		}
	}
	_, err = e.postProof(codeForm(code), good, h.proof(nil, nil))
	e.refused(err, "invalid_dpop_proof") // two headers
	e.bound(codeForm(code), h)
}

// What a careful reader accepts: clocks 10 s apart (J09), and the URL in another spelling.
func TestProofsAreReadAsRFC9449Says(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	for name, proof := range map[string]string{
		"ahead":    h.proof(nil, fields{"iat": time.Now().Add(10 * time.Second).Unix()}),
		"behind":   h.proof(nil, fields{"iat": time.Now().Add(-50 * time.Second).Unix()}),
		"fraction": h.proof(nil, fields{"iat": float64(time.Now().UnixMilli()) / 1000}),
		"query":    h.proof(nil, fields{"htu": issuer + "/token?a=b#c"}),
		"spelling": h.proof(nil, fields{"htu": "HTTPS://ID.example.com:443/token"}),
		"typ":      h.proof(fields{"typ": "DPoP+JWT"}, nil),
		"unknown":  h.proof(fields{"x": 1}, fields{"y": 2}),
	} {
		if _, err := e.postProof(codeForm(e.signIn(request()).Get("code")), proof); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// F02, U01: whoever has the token without its key gets nothing at userinfo.
func TestUserInfoEnforcesTheProof(t *testing.T) {
	e := setup(t)
	h, thief := newHolder(t), newHolder(t)
	token := e.bound(codeForm(e.signIn(request()).Get("code")), h).AccessToken
	other := e.bound(codeForm(e.signIn(request()).Get("code")), h).AccessToken
	for name, proofs := range map[string][]string{
		"no proof": nil, "two proofs": {h.atUserInfo(token, nil), h.atUserInfo(token, nil)},
		"thief's key":     {thief.atUserInfo(token, nil)},
		"no ath":          {h.atUserInfo(token, fields{"ath": nil})},
		"ath of another":  {h.atUserInfo(other, nil)},
		"for POST":        {h.atUserInfo(token, fields{"htm": "POST"})},
		"for the token":   {h.atUserInfo(token, fields{"htu": issuer + "/token"})},
		"thief's host":    {h.atUserInfo(token, fields{"htu": "https://evil.example.com/userinfo"})},
		"of another time": {h.atUserInfo(token, fields{"iat": time.Now().Add(-2 * time.Minute).Unix()})},
	} {
		refusal := e.refused(e.boundUserInfo(token, proofs...), "invalid_dpop_proof")
		if refusal.Status != 401 || refusal.Authenticate != `DPoP algs="ES256 EdDSA RS256 PS256", error="invalid_dpop_proof"` {
			t.Errorf("%s: %d %s", name, refusal.Status, refusal.Authenticate)
		}
	}
	bearer := e.tokens(codeForm(e.signIn(request()).Get("code"))).AccessToken
	refusal := e.refused(e.boundUserInfo(bearer, h.atUserInfo(bearer, nil)), "invalid_token")
	if refusal.Status != 401 || !strings.HasPrefix(refusal.Authenticate, "DPoP ") {
		t.Errorf("a bearer token with a proof: %d %s", refusal.Status, refusal.Authenticate)
	}
	if err := e.boundUserInfo(token, h.atUserInfo(token, nil)); err != nil {
		t.Error(err)
	}
}

// The endpoints of an issuer with a path are below it, and proofs name them there.
func TestProofNamesTheIssuersPath(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	options := e.options(e.store)
	options.Issuer = issuer + "/tenant"
	var err error
	if e.Provider, err = oauth.New(options); err != nil {
		t.Fatal(err)
	}
	code := e.signIn(request()).Get("code")
	for _, wrong := range []string{"/token", "/other/token", "/tenant/../tenant/token", "/tenant%2Ftoken", "/tenant/token/"} {
		_, err := e.postProof(codeForm(code), h.proof(nil, fields{"htu": issuer + wrong}))
		e.refused(err, "invalid_dpop_proof")
	}
	if _, err := e.postProof(codeForm(code), h.proof(nil, fields{"htu": issuer + "/tenant/token"})); err != nil {
		t.Error(err)
	}
}
