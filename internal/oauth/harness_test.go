package oauth_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/access"
	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/oauth"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	issuer   = "https://id.example.com"
	redirect = "https://app.example.com/cb"
	secret   = "s3cr3t-0123456789abcdef0123456789abcdef-xyz"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// An env is a provider over a database of its own.
type env struct {
	*testing.T
	*oauth.Provider
	store   *postgres.Store
	pool    *pgxpool.Pool
	clients map[string]*idp.Client
	queries atomic.Int64
	chain   atomic.Pointer[chainAnswer] // nil: every key is held
	// Policies besides the built-in ones; nil: none.
	claims atomic.Pointer[claims.Policies]
	access atomic.Pointer[access.Rules]
}

var builtin, _ = claims.New("id.example.com", nil, func(string) []string { return []string{} })

func (e *env) profile(c *idp.Client, who idp.Identity, scopes []string, place string) map[string]any {
	return cmp.Or(e.claims.Load(), builtin).Profile(c, who, scopes, place)
}

func (e *env) allowed(c *idp.Client, account string) error {
	rules := e.access.Load()
	if rules == nil {
		return nil
	}
	return rules.Check(c.AccessPolicy, account)
}

func (e *env) Client(_ context.Context, id string) (*idp.Client, error) {
	if c := e.clients[id]; c != nil {
		return c, nil
	}
	return nil, idp.ErrNotFound
}

func (e *env) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	e.queries.Add(1)
	return ctx
}
func (e *env) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// ring is shared, since an RSA key takes long to make.
var ring = sync.OnceValues(func() (*keyring.Ring, error) {
	kek, err := keyring.ParseKEK(strings.Repeat("oauth tests ", 4))
	if err != nil {
		return nil, err
	}
	return keyring.Open(context.Background(), keyring.Vault{Store: &memoryKeys{}, KEKs: []keyring.KEK{kek}, Algs: []string{idp.RS256, idp.ES256, idp.EdDSA}})
})

// memoryKeys lets keys be shared by tests whose databases are not.
type memoryKeys struct{ keys []idp.SigningKey }

func (m *memoryKeys) SigningKeys(context.Context) ([]idp.SigningKey, time.Time, error) {
	return m.keys, time.Now(), nil
}
func (m *memoryKeys) ChangeSigningKeys(_ context.Context, change func([]idp.SigningKey, time.Time) ([]idp.SigningKey, error)) (err error) {
	m.keys, err = change(m.keys, time.Now())
	return err
}

func setup(t *testing.T) *env {
	t.Helper()
	t.Parallel()
	e := &env{T: t, clients: map[string]*idp.Client{}}
	cfg, err := pgxpool.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.Tracer = e
	if e.pool, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.pool.Close)
	e.store = postgres.New(e.pool)
	hash := sha256.Sum256([]byte(secret))
	secrets := []idp.ClientSecret{{Hash: hash[:]}}
	off := false
	for _, c := range []idp.Client{
		{ID: "web", Secrets: secrets},
		{ID: "other", Secrets: secrets},
		{ID: "lax", Secrets: secrets, RequirePKCE: &off},
		{ID: "es", Secrets: secrets, IDTokenSignedResponseAlg: idp.ES256},
		{ID: "ed", Secrets: secrets, IDTokenSignedResponseAlg: idp.EdDSA},
		{ID: "spa", TokenEndpointAuthMethod: idp.AuthNone},
		{ID: "basic", Secrets: secrets, TokenEndpointAuthMethod: idp.AuthSecretBasic},
		{ID: "gone", Secrets: secrets, Disabled: true},
		{ID: "two", Secrets: secrets, RedirectURIs: []string{redirect, redirect + "/2"}},
		{ID: "app", Secrets: secrets, Scope: "openid profile offline_access files.read files.write mail.read"},
		{ID: "robot", Secrets: secrets, GrantTypes: []string{idp.GrantClientCredentials}, Scope: "files.read mail.read", RedirectURIs: []string{}},
		{ID: "files-api", Secrets: secrets, GrantTypes: []string{idp.GrantClientCredentials}, RedirectURIs: []string{}},
		{ID: "noscope", Secrets: secrets, Scope: "openid"},
	} {
		if c.RedirectURIs == nil {
			c.RedirectURIs = []string{redirect}
		}
		valid, err := clients.Defaults{Scopes: []string{"files.read", "files.write", "mail.read"}}.Validate(c)
		if err != nil {
			t.Fatal(err)
		}
		valid.Secrets, valid.Disabled = c.Secrets, c.Disabled
		e.clients[c.ID] = &valid
	}
	if e.Provider, err = oauth.New(e.options(e.store)); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *env) options(store oauth.Store) oauth.Options {
	e.Helper()
	keys, err := ring()
	if err != nil {
		e.Fatal(err)
	}
	return oauth.Options{
		Issuer: issuer, Clients: e, Keys: keys, Store: store, Chain: e, RecheckGrace: 24 * time.Hour,
		Lifetimes: idp.DefaultLifetimes, DefaultAlg: idp.RS256, MatchRedirect: clients.MatchRedirect, CheckSecret: clients.CheckSecret,
		Profile: e.profile, ProfileClaims: builtin.Names, Allowed: e.allowed, Scopes: claims.Scopes(), Resources: resources,
	}
}

// setSecret makes this the client's only secret.
func (e *env) setSecret(id, text string) {
	hash := sha256.Sum256([]byte(text))
	e.clients[id].Secrets = []idp.ClientSecret{{Hash: hash[:]}}
}

// request is an authorization request that succeeds, with changes: pairs of
// parameter and value, where "" removes the parameter.
func request(changes ...string) url.Values {
	form := url.Values{
		"client_id": {"web"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile offline_access"},
		"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {s256(verifier)}, "code_challenge_method": {"S256"},
	}
	return change(form, changes)
}

func change(form url.Values, changes []string) url.Values {
	form = maps.Clone(form)
	for pair := range slices.Chunk(changes, 2) {
		if pair[1] == "" {
			form.Del(pair[0])
		} else {
			form.Set(pair[0], pair[1])
		}
	}
	return form
}

func s256(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signIn runs an authorization request to its end and returns the response URL's query.
func (e *env) signIn(form url.Values) url.Values {
	e.Helper()
	ctx := e.Context()
	req, err := e.Authorize(ctx, form)
	if err != nil {
		e.Fatalf("authorize: %v", err)
	}
	l := &idp.Login{ID: rand.Text(), ClientID: req.Client.ID, Params: req.Params, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
	rand.Read(l.Nonce[:])
	if err := e.store.CreateLogin(ctx, l); err != nil {
		e.Fatal(err)
	}
	code, err := e.Issue(ctx, l, "alice.near", true)
	if err != nil {
		e.Fatalf("issue: %v", err)
	}
	hash := sha256.Sum256(l.Nonce[:])
	session := &idp.Session{Hash: hash[:], IdleExpires: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(time.Hour),
		Identity: idp.Identity{AccountID: "alice.near", Network: "mainnet", PublicKey: "ed25519:x", AuthTime: time.Now(), SID: rand.Text()}}
	proof := idp.Proof{AccountID: "alice.near", PublicKey: "ed25519:x"}
	code.Consent.Asked = idp.AskNever // consent is the login's matter
	if _, err := e.store.FinishLogin(ctx, l, proof, session, nil, code); err != nil {
		e.Fatal(err)
	}
	l.CodeHash, l.CodeExpiry = code.Hash, code.ExpiresAt
	response, err := e.Response(ctx, l)
	if err != nil {
		e.Fatalf("response: %v", err)
	}
	u, err := url.Parse(response.RedirectTo)
	if err != nil {
		e.Fatal(err)
	}
	return u.Query()
}

// codeForm is a token request for the code with changes.
func codeForm(code string, changes ...string) url.Values {
	return change(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_id": {"web"}, "client_secret": {secret},
	}, changes)
}

func refreshForm(token string, changes ...string) url.Values {
	return change(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"web"}, "client_secret": {secret},
	}, changes)
}

func (e *env) post(form url.Values) (*oauth.TokenResponse, error) {
	return e.Token(e.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: form})
}

func (e *env) tokens(form url.Values) *oauth.TokenResponse {
	e.Helper()
	response, err := e.post(form)
	if err != nil {
		e.Fatalf("token: %v", err)
	}
	return response
}

// refused asserts the error code of a protocol error and returns it.
func (e *env) refused(err error, code string) *oauth.Error {
	e.Helper()
	var refusal *oauth.Error
	if !errors.As(err, &refusal) {
		e.Fatalf("got %v, want the protocol error %s", err, code)
	}
	if refusal.Code != code {
		e.Fatalf("got %v, want %s", err, code)
	}
	return refusal
}

// payload decodes a JWT's claims without verifying.
func (e *env) payload(token string) map[string]any {
	e.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		e.Fatalf("not a JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		e.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		e.Fatal(err)
	}
	return m
}

func (e *env) exec(sql string, args ...any) {
	e.Helper()
	if _, err := e.pool.Exec(e.Context(), sql, args...); err != nil {
		e.Fatal(err)
	}
}
