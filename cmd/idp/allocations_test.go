package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/config"
	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// The budget: allocations of the handler, from the request's header to the
// answer's last byte, database driver and question to the chain included. The
// server of net/http adds some thirty to each.
var allocationBudget = map[string]int{
	"authorize":  110,
	"challenge":  46,
	"verify":     420,
	"token":      690,
	"userinfo":   122,
	"refresh":    690,
	"introspect": 112,
	"discovery":  75,
	"jwks":       40,
}

const allocationsConfig = `issuer: https://id.example.com
listen: {admin: "off"}
near: {network: testnet, rpc: [%q]}
encryption: {keys: [kkkk0123456789abcdef0123456789ab]}
signing: {default_alg: ES256}
rate_limits: {authorize: off, verify: off, token: off, par: off, token_failures: off}
clients:
  - {client_id: app, first_party: true, redirect_uris: [https://app.example.com/cb], secret: %s}
`

var appSecret = strings.Repeat("secret-", 8)

// TestHotPathsAllocateLittle is not parallel: it counts what the process allocates.
func TestHotPathsAllocateLittle(t *testing.T) {
	a := newAllocations(t)
	const logins = 25
	for range logins {
		a.login()
	}
	for name, most := range allocationBudget {
		counts := a.counts[name]
		if len(counts) != logins {
			t.Errorf("%s was measured %d times", name, len(counts))
			continue
		}
		slices.Sort(counts)
		got := counts[logins/2]
		t.Logf("%s: %d", name, got)
		if got > most || got*2 < most {
			t.Errorf("%s allocates %d times, its budget is %d: lower the one or the other", name, got, most)
		}
	}
}

type allocations struct {
	*testing.T
	handler http.Handler
	wallet  *neartest.Wallet
	counts  map[string][]int
}

func newAllocations(t *testing.T) *allocations {
	t.Helper()
	a := &allocations{T: t, wallet: neartest.NewWallet("alice.testnet"), counts: map[string][]int{}}
	chain := neartest.NewChain("testnet")
	chain.AddKey(a.wallet.AccountID, a.wallet.PublicKey(), neartest.FullAccess)
	rpc := httptest.NewServer(chain)
	t.Cleanup(rpc.Close)
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, allocationsConfig, rpc.URL, appSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProvider(t.Context(), cfg, postgres.New(pgtest.New(t)), providerOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	a.handler = p.handler
	return a
}

// ask sends a request and notes what answering it allocates.
func (a *allocations) ask(name, method, target, body string, header ...string) *httptest.ResponseRecorder {
	a.Helper()
	r := httptest.NewRequest(method, "https://id.example.com"+target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a.handler.ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	a.counts[name] = append(a.counts[name], int(after.Mallocs-before.Mallocs))
	if w.Code >= http.StatusBadRequest {
		a.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	return w
}

func (a *allocations) form(name, target string, form url.Values) map[string]any {
	a.Helper()
	form.Set("client_id", "app")
	form.Set("client_secret", appSecret)
	return a.object(a.ask(name, "POST", target, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
}

func (a *allocations) object(w *httptest.ResponseRecorder) (object map[string]any) {
	a.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &object); err != nil {
		a.Fatal(err)
	}
	return object
}

// login takes every hot path once.
func (a *allocations) login() {
	a.Helper()
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	begun := a.ask("authorize", "GET", "/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"https://app.example.com/cb"}, "scope": {"openid profile offline_access"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode(), "")
	login, cookies := begun.Header().Get("Location"), begun.Result().Cookies()
	cookie := cookies[0].Name + "=" + cookies[0].Value
	asked := a.object(a.ask("challenge", "GET", login, "", "Accept", "application/json", "Cookie", cookie))
	nonce, err := base64.StdEncoding.DecodeString(asked["nonce"].(string))
	if err != nil {
		a.Fatal(err)
	}
	callback := asked["callback_url"].(string)
	proof, err := json.Marshal(map[string]string{"account_id": a.wallet.AccountID, "public_key": a.wallet.PublicKey(),
		"signature": a.wallet.Sign(asked["message"].(string), [32]byte(nonce), asked["recipient"].(string), &callback)})
	if err != nil {
		a.Fatal(err)
	}
	verified := a.object(a.ask("verify", "POST", login+"/verify", string(proof), "Content-Type", "application/json", "Cookie", cookie))
	to, err := url.Parse(verified["redirect_to"].(string))
	if err != nil {
		a.Fatal(err)
	}
	tokens := a.form("token", "/token", url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")},
		"redirect_uri": {"https://app.example.com/cb"}, "code_verifier": {verifier}})
	a.ask("userinfo", "GET", "/userinfo", "", "Authorization", "Bearer "+tokens["access_token"].(string))
	a.form("refresh", "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
	if got := a.form("introspect", "/introspect", url.Values{"token": {tokens["access_token"].(string)}}); got["active"] != true {
		a.Errorf("introspect: %v", got)
	}
	a.ask("discovery", "GET", "/.well-known/openid-configuration", "")
	a.ask("jwks", "GET", "/jwks", "")
}
