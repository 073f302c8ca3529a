package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"

	"github.com/go-jose/go-jose/v4"
)

// A holder is a client that holds a key.
type holder struct {
	t   *testing.T
	alg string
	key crypto.Signer
}

func newHolder(t *testing.T) holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return holder{t, idp.ES256, key}
}

func (h holder) jwk() jose.JSONWebKey { return jose.JSONWebKey{Key: h.key.Public()} }

func (h holder) thumbprint() string {
	h.t.Helper()
	key := h.jwk()
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		h.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

type fields = map[string]any

// proof is a good proof for the token endpoint with changes; nil removes a member.
func (h holder) proof(header, claims fields) string {
	h.t.Helper()
	full := fields{"jti": rand.Text(), "htm": "POST", "htu": issuer + "/token", "iat": time.Now().Unix()}
	edit(full, claims)
	payload, err := json.Marshal(full)
	if err != nil {
		h.t.Fatal(err)
	}
	head := fields{"typ": "dpop+jwt", "jwk": h.jwk()}
	edit(head, header)
	opts := &jose.SignerOptions{}
	for name, value := range head {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(h.alg), Key: h.key}, opts)
	if err != nil {
		h.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

func edit(m, changes fields) {
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, value any) bool { return value == nil })
}

// atUserInfo is a good proof for userinfo with changes.
func (h holder) atUserInfo(token string, changes fields) string {
	sum := sha256.Sum256([]byte(token))
	claims := fields{"htm": "GET", "htu": issuer + "/userinfo", "ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	maps.Copy(claims, changes)
	return h.proof(nil, claims)
}

func (e *env) postProof(form url.Values, proofs ...string) (*oauth.TokenResponse, error) {
	return e.Token(e.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{"Dpop": proofs}, PostForm: form})
}

func (e *env) bound(form url.Values, h holder) *oauth.TokenResponse {
	e.Helper()
	got, err := e.postProof(form, h.proof(nil, nil))
	if err != nil {
		e.Fatalf("token: %v", err)
	}
	if key, _ := e.payload(got.AccessToken)["cnf"].(map[string]any); got.TokenType != "DPoP" || key["jkt"] != h.thumbprint() {
		e.Fatalf("token_type %s, cnf %v", got.TokenType, key)
	}
	return got
}

func (e *env) boundUserInfo(token string, proofs ...string) error {
	_, err := e.UserInfoDPoP(e.Context(), token, http.MethodGet, proofs)
	return err
}

// F02, J02, U01: a token is worth something with proofs of its key alone; the
// proof costs one more statement.
func TestTokenIsBoundToTheKeyOfTheProof(t *testing.T) {
	e := setup(t)
	for alg, key := range signers() {
		h := holder{t, alg, key}
		code := e.signIn(request()).Get("code")
		before := e.queries.Load()
		got := e.bound(codeForm(code), h)
		if n := e.queries.Load() - before; n != 2 {
			t.Errorf("token took %d statements, want 2", n)
		}
		before = e.queries.Load()
		if err := e.boundUserInfo(got.AccessToken, h.atUserInfo(got.AccessToken, nil)); err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if n := e.queries.Load() - before; n != 2 {
			t.Errorf("userinfo took %d statements, want 2", n)
		}
		_, err := e.UserInfo(t.Context(), got.AccessToken)
		refusal := e.refused(err, "invalid_token")
		if refusal.Status != 401 || !strings.HasPrefix(refusal.Authenticate, "DPoP ") || !strings.Contains(refusal.Authenticate, `error="invalid_token"`) {
			t.Errorf("as a bearer token: %d %s", refusal.Status, refusal.Authenticate)
		}
		told := e.introspect(got.AccessToken)
		if told.TokenType != "DPoP" || told.Confirmation == nil || told.Confirmation.Thumbprint != h.thumbprint() {
			t.Errorf("introspection: %+v", told)
		}
	}
}

// F02: a proof works once, whatever replica it reaches.
func TestProofWorksOnceAmongReplicas(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	replica, err := oauth.New(e.options(e.store))
	if err != nil {
		t.Fatal(err)
	}
	tokens := e.bound(codeForm(e.signIn(request()).Get("code")), h)
	proof := h.atUserInfo(tokens.AccessToken, nil)
	var mu sync.Mutex
	var group sync.WaitGroup
	won := 0
	for i := range 16 {
		group.Go(func() {
			provider := []*oauth.Provider{e.Provider, replica}[i%2]
			_, err := provider.UserInfoDPoP(t.Context(), tokens.AccessToken, "GET", []string{proof})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if refusal := e.refused(err, "invalid_dpop_proof"); refusal.Status != 401 {
				t.Errorf("status %d", refusal.Status)
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("one proof worked %d times", won)
	}
	// At the token endpoint a replay costs the owner nothing.
	code := e.signIn(request()).Get("code")
	used := h.proof(nil, nil)
	e.postProof(codeForm("nac_none"), used)
	_, err = e.postProof(codeForm(code), used)
	e.refused(err, "invalid_dpop_proof")
	e.bound(codeForm(code), h)
}

// F02: RFC 9449 section 10. The code is worth nothing to another key, once and for all.
func TestCodeIsBoundToTheKeyOfTheRequest(t *testing.T) {
	e := setup(t)
	h, thief := newHolder(t), newHolder(t)
	for name, proofs := range map[string][]string{"no proof": nil, "another key": {thief.proof(nil, nil)}} {
		code := e.signIn(request("dpop_jkt", h.thumbprint())).Get("code")
		_, err := e.postProof(codeForm(code), proofs...)
		e.refused(err, "invalid_grant")
		if _, err = e.postProof(codeForm(code), h.proof(nil, nil)); err == nil {
			t.Errorf("%s: the code worked afterwards", name)
		}
	}
	e.bound(codeForm(e.signIn(request("dpop_jkt", h.thumbprint())).Get("code")), h)
	for _, malformed := range []string{"x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("=", 43), strings.Repeat("A", 42) + "B"} {
		_, err := e.Authorize(t.Context(), request("dpop_jkt", malformed))
		if refusal := e.refused(err, "invalid_request"); !strings.HasPrefix(refusal.RedirectTo, redirect) {
			t.Errorf("%s: %+v", malformed, refusal)
		}
	}
}

// RT01, F02: a stolen refresh token of a public client is worth nothing without
// the key, and trying does not end the owner's grant. A confidential client
// may change its key (RFC 9449 section 5).
func TestRefreshTokenOfPublicClientIsBoundToTheKey(t *testing.T) {
	e := setup(t)
	h, thief := newHolder(t), newHolder(t)
	public := []string{"client_id", "spa", "client_secret", ""}
	tokens := e.bound(codeForm(e.signIn(request("client_id", "spa")).Get("code"), public...), h)
	for _, proofs := range [][]string{nil, {thief.proof(nil, nil)}} {
		_, err := e.postProof(refreshForm(tokens.RefreshToken, public...), proofs...)
		e.refused(err, "invalid_grant")
	}
	e.bound(refreshForm(tokens.RefreshToken, public...), h)

	tokens = e.bound(codeForm(e.signIn(request()).Get("code")), h)
	tokens = e.bound(refreshForm(tokens.RefreshToken), thief)
	if got := e.tokens(refreshForm(tokens.RefreshToken)); got.TokenType != "Bearer" || e.payload(got.AccessToken)["cnf"] != nil {
		t.Errorf("a refresh without a proof gave %s", got.TokenType)
	}
}

// F02: a client that is registered so gets no bearer tokens, at no grant.
func TestClientWithBoundTokensNeedsAProof(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	e.clients["web"].DPoPBoundAccessTokens = true
	code := e.signIn(request()).Get("code")
	_, err := e.post(codeForm(code))
	e.refused(err, "invalid_dpop_proof")
	tokens := e.bound(codeForm(code), h)
	_, err = e.post(refreshForm(tokens.RefreshToken))
	e.refused(err, "invalid_dpop_proof")
	e.bound(refreshForm(tokens.RefreshToken), h)
}

// F02: RFC 9449 sections 8 and 9. The nonce comes with the refusal; one that is
// old, or not ours, is exchanged even where none is demanded.
func TestServerNonce(t *testing.T) {
	e := setup(t)
	h := newHolder(t)
	lax, options := e.Provider, e.options(e.store)
	now := time.Now()
	options.RequireDPoPNonce, options.Now = true, func() time.Time { return now }
	strict, err := oauth.New(options)
	if err != nil {
		t.Fatal(err)
	}
	e.Provider = strict
	code := e.signIn(request()).Get("code")
	ask := func(claims fields) *oauth.Error {
		t.Helper()
		_, err := e.postProof(codeForm(code), h.proof(nil, claims))
		refusal := e.refused(err, "use_dpop_nonce")
		if refusal.Status != 400 || refusal.Nonce == "" {
			t.Errorf("%+v", refusal)
		}
		return refusal
	}
	nonce := ask(nil).Nonce
	ask(fields{"nonce": "made-up"})
	ask(fields{"nonce": nonce[1:]})
	now = now.Add(5 * time.Minute)
	ask(fields{"nonce": nonce, "iat": now.Unix()})
	now = now.Add(-5 * time.Minute)
	if nonce != strict.DPoPNonce() || lax.DPoPNonce() != "" {
		t.Error("the nonce is offered by whom, and who it is for?")
	}
	tokens, err := e.postProof(codeForm(code), h.proof(nil, fields{"nonce": nonce}))
	if err != nil {
		t.Fatal(err)
	}
	refusal := e.refused(e.boundUserInfo(tokens.AccessToken, h.atUserInfo(tokens.AccessToken, nil)), "use_dpop_nonce")
	if refusal.Status != 401 || !strings.Contains(refusal.Authenticate, `error="use_dpop_nonce"`) {
		t.Errorf("%+v", refusal)
	}
	if err := e.boundUserInfo(tokens.AccessToken, h.atUserInfo(tokens.AccessToken, fields{"nonce": refusal.Nonce})); err != nil {
		t.Error(err)
	}
	e.Provider = lax
	code = e.signIn(request()).Get("code")
	ask(fields{"nonce": "of-another-server"})
	if _, err := e.postProof(codeForm(code), h.proof(nil, fields{"nonce": nonce})); err != nil {
		t.Error(err)
	}
}
