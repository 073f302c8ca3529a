package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/access"
	"near-idp/internal/account"
	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/login"
	"near-idp/internal/near"
	"near-idp/internal/neartest"
	"near-idp/internal/oauth"
	"near-idp/internal/outbound"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
	"near-idp/internal/relay"
	"near-idp/internal/web"
	"near-idp/web/templates"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	recipient = "id.example.com"
	appOrigin = "https://app.example.com"
	appURL    = appOrigin + "/cb?keep=1"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// A provider is the real one, over real PostgreSQL and TLS; only the chain behind its RPC is simulated.
type provider struct {
	t      *testing.T
	issuer string
	chain  *neartest.Chain
	relay  *neartest.Relay
	alice  *neartest.Wallet
	pool   *pgxpool.Pool
	server *httptest.Server
	ahead  atomic.Int64                 // how far the provider's clock is ahead
	access atomic.Pointer[access.Rules] // what the policy "members" of some clients is; nil: everybody
	log    syncBuffer
	fedCM  bool // browsers may ask by themselves
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newProvider(t *testing.T, change ...func(*provider)) *provider {
	t.Helper()
	p := &provider{t: t, chain: neartest.NewChain("testnet"), alice: neartest.NewWallet("alice.testnet"), pool: pgtest.New(t)}
	p.chain.AddKey("alice.testnet", p.alice.PublicKey(), neartest.FullAccess)
	for _, f := range change {
		f(p)
	}
	var handler http.Handler
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(p.server.Close)
	p.issuer = p.server.URL
	handler = p.wire(postgres.New(p.pool))
	t.Cleanup(func() {
		if logged := p.log.String(); strings.Contains(logged, `"status":500`) {
			t.Errorf("a request ended in a fault of the provider:\n%s", logged)
		}
	})
	return p
}

func (p *provider) allowed(c *idp.Client, account string) error {
	if rules := p.access.Load(); rules != nil {
		return rules.Check(c.AccessPolicy, account)
	}
	return nil
}

// let makes "members" be these.
func (p *provider) let(policy idp.AccessPolicy) {
	rules, problems := access.New(nil, map[string]idp.AccessPolicy{"members": policy})
	if len(problems) > 0 {
		p.t.Fatal(problems)
	}
	p.access.Store(rules)
}

func (p *provider) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func (p *provider) wire(store *postgres.Store) http.Handler {
	ctx, log := p.t.Context(), slog.New(slog.NewJSONHandler(&p.log, nil))
	policies, _ := claims.New("id.example.com", nil, func(string) []string { return []string{} })
	defaults := clients.Defaults{Alg: idp.ES256, Lifetimes: idp.DefaultLifetimes}
	service := clients.Service{Store: store, Defaults: defaults}
	for _, c := range []idp.Client{
		{ID: "app", Name: "Example <App>", PolicyURI: "https://app.example.com/privacy", RedirectURIs: []string{appURL}, TokenEndpointAuthMethod: idp.AuthNone, Scope: "openid profile offline_access", FirstParty: true, AccessPolicy: "members",
			PostLogoutRedirectURIs: []string{afterLogout}, BackchannelLogoutURI: appOrigin + "/bcl"},
		{ID: "third", Name: "Third <b>Party</b>", RedirectURIs: []string{"https://third.example.com/cb"}, TokenEndpointAuthMethod: idp.AuthNone},
		{ID: "tv", Name: "Tele <b>Vision</b>", TokenEndpointAuthMethod: idp.AuthNone, GrantTypes: []string{idp.GrantDeviceCode, idp.GrantRefreshToken}, FirstParty: true, AccessPolicy: "members"},
		{ID: "cli", Name: "Command Line", TokenEndpointAuthMethod: idp.AuthNone, GrantTypes: []string{idp.GrantDeviceCode, idp.GrantRefreshToken}, DeviceMatchNumber: true},
		{ID: "pushing", RedirectURIs: []string{"https://pushing.example.com/cb"}, TokenEndpointAuthMethod: idp.AuthNone, RequirePushedAuthorizationRequests: true},
		{ID: "lax", Name: "No PKCE", RedirectURIs: []string{"https://lax.example.com/cb"}, RequirePKCE: new(bool), FirstParty: true},
	} {
		_, _, err := service.Create(ctx, c, "")
		must(p.t, err)
	}
	registry := clients.New(store, log, time.Now)
	registry.SetDefaults(defaults)
	must(p.t, registry.Reload(ctx))
	kek, err := keyring.ParseKEK("0123456789abcdefghijklmnopqrstuvwxyzABCD")
	must(p.t, err)
	ring, err := keyring.Open(ctx, keyring.Vault{Store: store, KEKs: []keyring.KEK{kek}, Algs: []string{idp.ES256}})
	must(p.t, err)
	rpc := httptest.NewServer(p.chain)
	p.t.Cleanup(rpc.Close)
	chain, err := near.NewClient(near.Options{
		Network: "testnet", URLs: []string{rpc.URL}, TryTimeout: 4 * time.Second, Budget: 4 * time.Second, CacheTTL: -1, BreakerThreshold: 1000,
	})
	must(p.t, err)
	protocol, err := oauth.New(oauth.Options{
		Issuer: p.issuer, Clients: registry, Keys: ring, Store: store, Chain: askChain{chain}, Lifetimes: idp.DefaultLifetimes, DefaultAlg: idp.ES256,
		MatchRedirect: clients.MatchRedirect, CheckSecret: clients.CheckSecret, Profile: policies.Profile, ProfileClaims: policies.Names, Allowed: p.allowed, Scopes: claims.Scopes(), Now: p.now,
	})
	must(p.t, err)
	logins := login.New(login.Options{
		Store: store, Chain: chain, Issuer: protocol, IssuerURL: p.issuer, Recipient: recipient, Network: "testnet",
		TTL: 5 * time.Minute, Idle: time.Hour, Absolute: 2 * time.Hour, RevokeOffline: true, Now: p.now,
	})
	options := web.Options{
		Issuer: p.issuer, Brand: "Example ID", Network: "testnet", Logins: logins, Protocol: protocol, Clients: registry,
		Wallets:   []templates.Wallet{{ID: "meteor", Name: "Meteor", Kind: templates.WalletPopup, URL: "https://wallet.meteorwallet.app"}},
		Announced: true, CommandLine: true, AnotherDevice: true,
		Accounts: &account.Service{Store: store, Issuer: p.issuer, Now: p.now}, Sealer: ring, Ready: store.Ping, Describe: claims.Describe, Log: log, Now: p.now,
		Audit: func(e idp.Event) { _ = store.AppendEvents(ctx, []idp.Event{e}) }, // which the end of a test may cut off
	}
	if p.fedCM {
		options.FedCM = &web.FedCM{Sessions: &login.FedCM{Store: store, MACs: ring.MACs}, Protocol: protocol, Applications: store.Applications}
	}
	p.relay = neartest.NewRelay()
	relays := httptest.NewServer(p.relay)
	p.t.Cleanup(relays.Close)
	reach := relay.Options{URL: relays.URL, HTTP: outbound.Client(outbound.Policy{AllowLoopback: true})}
	options.Relays = &relay.Service{Store: store, Network: "testnet", Origin: p.issuer, Name: "Example ID", Now: p.now,
		Wallets: map[string]relay.Wallet{"hot-relay": &relay.HOT{Options: reach}, "near-mobile": &relay.NEARMobile{Options: reach}}}
	handler, err := web.New(options)
	must(p.t, err)
	return handler
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A browser keeps cookies and shows every redirect.
type browser struct {
	*provider
	client *http.Client
}

func (p *provider) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(p.t, err)
	return &browser{p, &http.Client{
		Transport: p.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A reply is an answer read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("not JSON: %d %s", r.status, r.body)
	}
	return m
}

func (b *browser) send(method, path, body string, header ...string) reply {
	b.t.Helper()
	to := path
	if strings.HasPrefix(path, "/") {
		to = b.issuer + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(body))
	must(b.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	must(b.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(b.t, err)
	return reply{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) postJSON(path string, body any, header ...string) reply {
	b.t.Helper()
	text, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		must(b.t, err)
		text = string(encoded)
	}
	return b.send("POST", path, text, append(header, "Content-Type", "application/json")...)
}

func (b *browser) postForm(path string, form url.Values, header ...string) reply {
	b.t.Helper()
	return b.send("POST", path, form.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

// request is an authorization request of the public client.
func request(change ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	form := url.Values{
		"client_id": {"app"}, "redirect_uri": {appURL}, "response_type": {"code"}, "scope": {"openid profile offline_access"}, "state": {"st&te=é"},
		"nonce": {"n-0S6"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return form
}

// A challenge is what GET /login/{id} gives to programs.
type challenge struct {
	LoginID     string   `json:"login_id"`
	Message     string   `json:"message"`
	Nonce       string   `json:"nonce"`
	NonceBytes  [32]byte `json:"nonce_bytes"`
	Recipient   string   `json:"recipient"`
	State       string   `json:"state"`
	CallbackURL string   `json:"callback_url"`
	Network     string   `json:"network"`
	path        string
}

// begin goes from the authorization request to the challenge, signed in or not.
func (b *browser) begin(change ...string) challenge {
	b.t.Helper()
	change = append([]string{"prompt", "login"}, change...)
	r := b.send("GET", "/authorize?"+request(change...).Encode(), "")
	path := r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(path, "/login/") {
		b.t.Fatalf("authorize: %d to %q: %s", r.status, path, r.body)
	}
	return b.challengeOf(strings.TrimPrefix(path, "/login/"))
}

func (b *browser) challengeOf(id string) challenge {
	b.t.Helper()
	c := challenge{path: "/login/" + id}
	r := b.send("GET", c.path, "", "Accept", "application/json")
	if r.status != http.StatusOK {
		b.t.Fatalf("challenge: %d %s", r.status, r.body)
	}
	must(b.t, json.Unmarshal([]byte(r.body), &c))
	return c
}

// answer signs a challenge as most wallets do: without the callback URL.
func answer(w *neartest.Wallet, c challenge) map[string]any {
	return map[string]any{
		"account_id": w.AccountID, "public_key": w.PublicKey(), "signature": w.Sign(c.Message, c.NonceBytes, c.Recipient, nil),
	}
}

// redeem exchanges the code of a redirect for tokens.
func (b *browser) redeem(code string) reply {
	b.t.Helper()
	return b.postForm("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {appURL}, "client_id": {"app"}, "code_verifier": {verifier},
	})
}

// wallet is that of another account of the chain.
func (p *provider) wallet(account string) *neartest.Wallet {
	w := neartest.NewWallet(account)
	p.chain.AddKey(account, w.PublicKey(), neartest.FullAccess)
	return w
}

// nothing is the rules of a configuration without any.
func nothing(t *testing.T) *access.Rules {
	t.Helper()
	rules, problems := access.New(nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return rules
}
