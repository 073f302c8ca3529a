package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/go-jose/go-jose/v4"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bank is the configuration of a client that is held to FAPI 2.0.
func bank(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	set := strings.TrimSpace(encode(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "bank"}}}))
	return `  - {client_id: bank, profile: fapi2, token_endpoint_auth_method: private_key_jwt, jwks: '` + set + `', first_party: true, redirect_uris: ["` + redirectURI + `"]}
`
}

// F01, F02, C07, RT01: a confidential client, a public one, and one that is held to FAPI
// 2.0, each of openid-client, with and without server nonces.
func TestOpenIDClientBindsItsTokens(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var jwk map[string]any
	if err := json.Unmarshal([]byte(encode(t, jose.JSONWebKey{Key: key})), &jwk); err != nil {
		t.Fatal(err)
	}
	for _, nonces := range []string{"", "dpop: {require_nonce: true}\n"} {
		s := newSite(t, pgtest.DSN(t))
		s.more = bank(t, key) + `  - {client_id: native, token_endpoint_auth_method: none, dpop_bound_access_tokens: true, first_party: true, redirect_uris: ["` + redirectURI + `"]}
` + nonces
		p := s.serve()
		for clientID, c := range map[string]struct {
			more          map[string]any
			stolenRefresh string
			rotated       bool
		}{
			"rs256":  {map[string]any{"client_secret": clientSecret, "alg": "PS256"}, "accepted", true}, // tied to the client alone
			"native": {map[string]any{"alg": "Ed25519"}, "invalid_grant", true},
			"bank":   {map[string]any{"par": true, "private_jwk": jwk, "alg": "ES256"}, "accepted", false},
		} {
			input := map[string]any{"issuer": p.issuer, "client_id": clientID, "redirect_uri": redirectURI}
			for name, value := range c.more {
				input[name] = value
			}
			t.Run(clientID+" "+strings.TrimSpace(nonces), func(t *testing.T) {
				t.Parallel()
				got := node(t, p, "dpop.mjs", input)
				for name, want := range map[string]any{
					"type": "dpop", "sub": "alice.testnet", "again": "alice.testnet", "refreshed": "alice.testnet", "rotated": c.rotated,
					"bearer": float64(401), "challenge": `DPoP algs="ES256 EdDSA RS256 PS256", error="invalid_token"`,
					"byThief": "invalid_dpop_proof", "stolenCode": "invalid_grant", "stolenRefresh": c.stolenRefresh,
				} {
					if got[name] != want {
						t.Errorf("%s is %v, want %v", name, got[name], want)
					}
				}
			})
		}
	}
}

// proof is a DPoP proof for a request to the issuer.
func (s *site) proof(key *ecdsa.PrivateKey, method, path, accessToken string) string {
	s.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": s.issuer + path, "iat": time.Now().Unix()}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: key.Public()}))
	if err != nil {
		s.Fatal(err)
	}
	jws, err := signer.Sign([]byte(encode(s, claims)))
	if err != nil {
		s.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		s.Fatal(err)
	}
	return token
}

// F02: of two replicas one takes a proof, once, and the Host header of a request changes
// nothing about whom its proof must name (D03).
func TestProofWorksOnceAtTwoReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	first := s.serve()
	replicas := []*process{first, s.serve()}
	key := newKey(t)
	q := newRequest("rs256", "openid")
	b := first.browser()
	code := b.visit("/authorize?" + q.form().Encode()).Query().Get("code")
	tokens := b.postForm("/token", q.redeem(code), "DPoP", s.proof(key, "POST", "/token", ""))
	access := tokens.text("access_token")
	if tokens.status != http.StatusOK || tokens.text("token_type") != "DPoP" {
		t.Fatalf("%d %s", tokens.status, tokens.body)
	}
	for range 5 {
		proof := s.proof(key, "GET", "/userinfo", access)
		var mu sync.Mutex
		var group sync.WaitGroup
		var statuses []int
		for i := range 8 {
			group.Go(func() {
				r, err := replicas[i%2].browser().do("GET", "/userinfo", "", "Authorization", "DPoP "+access, "DPoP", proof)
				mu.Lock()
				defer mu.Unlock()
				statuses = append(statuses, r.status)
				if err != nil || r.status != http.StatusOK && r.text("error") != "invalid_dpop_proof" {
					t.Errorf("%v %d %s", err, r.status, r.body)
				}
			})
		}
		group.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{200, 401, 401, 401, 401, 401, 401, 401}) {
			t.Errorf("one proof gave %v", statuses)
		}
	}
	// The second replica listens elsewhere than the issuer says: a proof names the issuer's URL.
	elsewhere := &site{TB: t, issuer: replicas[1].base}
	if r := replicas[1].browser().send("GET", "/userinfo", "", "Authorization", "DPoP "+access, "DPoP", elsewhere.proof(key, "GET", "/userinfo", access)); r.status != 401 {
		t.Errorf("a proof for the Host header: %d %s", r.status, r.body)
	}
}
