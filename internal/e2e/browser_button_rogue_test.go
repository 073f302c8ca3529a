package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A rogue is a provider that answers as a test wants: what the button must not believe.
// Without a change it is honest. Nobody is asked anything.
type rogue struct {
	testing.TB
	origin string

	discovery func(map[string]any)
	answer    func(url.Values)                   // to the redirect URI
	token     func(http.ResponseWriter) bool     // reports that it has answered
	claims    func(map[string]any)               // of the ID token
	sign      func(header, claims string) string // the ID token from its encoded parts
	header    map[string]any                     // of the ID token
	keys      func([]map[string]any) []any       // what the JWKS holds
	asked     url.Values                         // the last authorization request

	mu       sync.Mutex
	redeemed int
}

var rogueKeys = sync.OnceValue(func() (k struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}) {
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err) // the source of randomness never fails
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	if _, k.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	return k
})

func newRogue(t testing.TB) *rogue {
	t.Helper()
	r := &rogue{TB: t, header: map[string]any{"alg": "RS256", "kid": "rsa"}, sign: signedBy("RS256")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		d := map[string]any{
			"issuer": r.origin, "authorization_endpoint": r.origin + "/authorize", "token_endpoint": r.origin + "/token", "jwks_uri": r.origin + "/jwks",
		}
		if r.discovery != nil {
			r.discovery(d)
		}
		writeTo(w, d)
	})
	mux.HandleFunc("GET /authorize", r.authorize)
	mux.HandleFunc("POST /token", r.redeem)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		keys := rogueJWKS()
		if r.keys != nil {
			writeTo(w, map[string]any{"keys": r.keys(keys)})
			return
		}
		writeTo(w, map[string]any{"keys": keys})
	})
	mux.HandleFunc("/stolen", func(http.ResponseWriter, *http.Request) {
		t.Error("the code was posted to where the token endpoint redirects")
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		mux.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.origin = server.URL
	return r
}

func writeTo(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the browser is gone; nobody to tell
}

func (r *rogue) authorize(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.asked = q.URL.Query()
	r.mu.Unlock()
	if got := r.asked.Get("code_challenge_method") + " " + r.asked.Get("response_type"); got != "S256 code" || len(r.asked.Get("state")) < 32 || len(r.asked.Get("nonce")) < 32 {
		r.Errorf("asked for %v", r.asked)
	}
	back := url.Values{"code": {"c"}, "state": {r.asked.Get("state")}, "iss": {r.origin}}
	if r.answer != nil {
		r.answer(back)
	}
	http.Redirect(w, q, r.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (r *rogue) redeem(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.redeemed++
	asked := r.asked
	r.mu.Unlock()
	verifier := sha256.Sum256([]byte(q.FormValue("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(verifier[:]) != asked.Get("code_challenge") || len(q.FormValue("code_verifier")) < 43 ||
		q.FormValue("code") != "c" || q.FormValue("client_id") != "app" || q.FormValue("redirect_uri") != asked.Get("redirect_uri") || q.Header.Get("Cookie") != "" {
		r.Errorf("redeemed with %v", q.Form)
	}
	if r.token != nil && r.token(w) {
		return
	}
	claims := map[string]any{
		"iss": r.origin, "aud": "app", "sub": "zoë.near", "nonce": asked.Get("nonce"), "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	if r.claims != nil {
		r.claims(claims)
	}
	writeTo(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": r.sign(r.part(r.header), r.part(claims))})
}

func (r *rogue) part(value any) string {
	return base64.RawURLEncoding.EncodeToString([]byte(encode(r, value)))
}

func (r *rogue) redemptions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.redeemed
}

// signedBy signs as an algorithm says, with the rogue's own keys.
func signedBy(alg string) func(header, claims string) string {
	return func(header, claims string) string {
		text, k := header+"."+claims, rogueKeys()
		digest := sha256.Sum256([]byte(text))
		var signature []byte
		var err error
		switch alg {
		case "RS256":
			signature, err = rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, digest[:])
		case "PS256":
			signature, err = rsa.SignPSS(rand.Reader, k.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
		case "ES256":
			var r, s *big.Int
			if r, s, err = ecdsa.Sign(rand.Reader, k.ec, digest[:]); err == nil {
				signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
			}
		case "EdDSA":
			signature = ed25519.Sign(k.ed, []byte(text))
		case "HS256": // with what everybody knows
			mac := hmac.New(sha256.New, k.rsa.N.Bytes())
			mac.Write([]byte(text))
			signature = mac.Sum(nil)
		}
		if err != nil {
			panic(fmt.Sprintf("sign with %s: %v", alg, err))
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
}

func rogueJWKS() []map[string]any {
	k, b64 := rogueKeys(), base64.RawURLEncoding.EncodeToString
	point, err := k.ec.PublicKey.Bytes()
	if err != nil {
		panic(err) // unreachable: the key is on the curve
	}
	return []map[string]any{
		{"kty": "RSA", "kid": "rsa", "use": "sig", "n": b64(k.rsa.N.Bytes()), "e": "AQAB"},
		{"kty": "EC", "kid": "ec", "use": "sig", "alg": "ES256", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "OKP", "kid": "ed", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": b64(k.ed.Public().(ed25519.PublicKey))},
	}
}
