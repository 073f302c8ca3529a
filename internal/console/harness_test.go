package console_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"html"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/admin"
	"near-idp/internal/admin/admintest"
	"near-idp/internal/audit"
	"near-idp/internal/clients"
	"near-idp/internal/console"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	issuer   = "https://id.example.com"
	adminURL = "https://admin.example.com"
	alice    = "alice.near"
)

// keys are one MAC key.
type keys struct{}

func (keys) MAC(purpose string, data []byte) (sum [32]byte) {
	h := hmac.New(sha256.New, []byte("key of the tests"))
	h.Write([]byte(purpose + "\x00"))
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}

func (k keys) MACs(purpose string, data []byte) iter.Seq[[32]byte] {
	return func(yield func([32]byte) bool) { yield(k.MAC(purpose, data)) }
}

// A site is the admin pages over an API and a database of their own. What the
// provider answers to a code is in claims.
type site struct {
	testing.TB
	pool    *pgxpool.Pool
	store   *postgres.Store
	server  *console.Server
	clients *clients.Service
	vault   keyring.Vault // of the signing keys
	tokens  admin.Tokens  // nil: none are issued
	admins  []string
	now     time.Time
	// claims returns the ID token for a code; nil: there is none.
	claims func(code, verifier string) map[string]any
}

func newSite(t testing.TB, edits ...func(*console.Options)) *site {
	t.Helper()
	s := &site{TB: t, pool: pgtest.New(t), admins: []string{alice}, now: time.Now()}
	s.store = postgres.New(s.pool)
	s.clients = &clients.Service{Store: s.store}
	log, now := slog.New(slog.DiscardHandler), func() time.Time { return s.now }
	api := s.newAPI(log, now)
	options := console.Options{
		Issuer: issuer, URL: adminURL, Brand: "Example", Network: "mainnet", API: held(t, api),
		Admins: func() []string { return s.admins }, Redeem: s.redeem, Session: s.store.SessionBySID,
		End: func(ctx context.Context, sids ...string) error {
			_, err := s.store.EndSessions(ctx, true, sids...)
			return err
		},
		Keys: keys{}, Log: log, Now: now,
	}
	for _, edit := range edits {
		edit(&options)
	}
	var err error
	if s.server, err = console.New(options); err != nil {
		t.Fatal(err)
	}
	return s
}

// held is the API by its document, which speaks of keys alone: within this process the context says who calls.
func held(t testing.TB, api http.Handler) http.Handler {
	h := admintest.Held(t, api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer of nothing")
		h.ServeHTTP(w, r)
	})
}

func (s *site) newAPI(log *slog.Logger, now func() time.Time) *admin.Server {
	s.Helper()
	kek, err := keyring.ParseKEK("q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e")
	if err != nil {
		s.Fatal(err)
	}
	s.vault = keyring.Vault{Store: s.store, KEKs: []keyring.KEK{kek}, Algs: []string{"ES256"}}
	return admin.New(admin.Options{
		Issuer: issuer, Version: "test", Store: s.store, Ready: s.store.Ping, Clients: s.clients, Log: log, Now: now, Network: "mainnet",
		Accounts: &account.Admin{Store: s.store, Network: "mainnet"}, Audit: &audit.Log{Store: s.store}, Keys: s.vault, Tokens: s.tokens,
	})
}

func (s *site) redeem(_ context.Context, code, verifier string) ([]byte, error) {
	if s.claims == nil {
		return nil, console.ErrNoTokens
	}
	claims := s.claims(code, verifier)
	if claims == nil {
		return nil, console.ErrNoTokens
	}
	return json.Marshal(claims)
}

// session begins one of the provider for an account and returns its sid.
func (s *site) session(subject, network string) string {
	s.Helper()
	account, _, later := strings.Cut(subject, "#")
	incarnation := 1
	if later {
		incarnation = 2
		s.exec(`UPDATE subjects SET closed_at = now() WHERE account_id = $1 AND network = $2 AND incarnation = 1`, account, network)
	}
	sid := "sid of " + subject + " " + time.Now().String()
	hash := sha256.Sum256([]byte(sid))
	s.exec(`INSERT INTO subjects (network, account_id, incarnation) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, network, account, incarnation)
	s.exec(`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, 'ed25519:x', now(), now() + interval '1 day', now() + interval '1 day')`, sid, hash[:], subject, account, network)
	return sid
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(s.Context(), sql, args...); err != nil {
		s.Fatal(err)
	}
}

// A browser keeps cookies.
type browser struct {
	*site
	cookies map[string]string
}

func (s *site) browser() *browser { return &browser{s, map[string]string{}} }

// A reply is a page, or where it leads.
type reply struct {
	testing.TB
	status   int
	header   http.Header
	body     string
	location string
}

func (b *browser) send(r *http.Request) reply {
	b.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.server.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return reply{b, rec.Code, rec.Header(), rec.Body.String(), rec.Header().Get("Location")}
}

func (b *browser) get(path string) reply {
	b.Helper()
	return b.send(httptest.NewRequest("GET", path, nil))
}

// post sends a form as a page of ours does; headers are names and values.
func (b *browser) post(path string, form url.Values, headers ...string) reply {
	b.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

// begin starts a sign-in and returns the authorization request.
func (b *browser) begin() url.Values {
	b.Helper()
	to := b.get("/sign-in/start").want(http.StatusSeeOther).location
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, issuer+"/authorize?") {
		b.Fatalf("sent to %q", to)
	}
	return u.Query()
}

// token is the ID token that answers an authorization request of alice, changed by edit.
func (s *site) token(asked url.Values, subject, sid string, edit func(map[string]any)) func(code, verifier string) map[string]any {
	return func(code, verifier string) map[string]any {
		sum := sha256.Sum256([]byte(verifier))
		if code != "code" || base64URL(sum[:]) != asked.Get("code_challenge") {
			return nil
		}
		claims := map[string]any{
			"iss": issuer, "aud": idp.AdminClientID, "sub": subject, "nonce": asked.Get("nonce"), "sid": sid,
			"exp": s.now.Add(time.Minute).Unix(), "iat": s.now.Unix(), "auth_time": s.now.Unix(),
		}
		if edit != nil {
			edit(claims)
		}
		return claims
	}
}

func answer(asked url.Values) string {
	return "/callback?" + url.Values{"code": {"code"}, "state": {asked.Get("state")}, "iss": {issuer}}.Encode()
}

// signIn has a browser that is signed in as somebody, and their sid.
func (s *site) signIn(subject string) (*browser, string) {
	s.Helper()
	b := s.browser()
	sid := s.session(subject, "mainnet")
	asked := b.begin()
	s.claims = s.token(asked, subject, sid, nil)
	if got := b.get(answer(asked)).want(http.StatusSeeOther).location; got != "/clients" {
		s.Fatalf("sent to %q", got)
	}
	return b, sid
}

func (r reply) want(status int) reply {
	r.Helper()
	if r.status != status {
		r.Fatalf("%d, want %d: %s", r.status, status, r.text())
	}
	return r
}

var (
	tag    = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// text is what the page says.
func (r reply) text() string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tag.ReplaceAllString(r.body, " ")), " "))
}

func (r reply) says(words ...string) reply {
	r.Helper()
	for _, w := range words {
		if !strings.Contains(r.text(), w) {
			r.Errorf("the page does not say %q: %s", w, r.text())
		}
	}
	return r
}

func (r reply) hides(words ...string) reply {
	r.Helper()
	for _, w := range words {
		if strings.Contains(r.body, w) {
			r.Errorf("the page says %q", w)
		}
	}
	return r
}

// shut reports that the browser is sent to sign in.
func (r reply) shut() {
	r.Helper()
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.location, "/sign-in") {
		r.Errorf("%d to %q, want the sign-in page", r.status, r.location)
	}
}

// every is all pages of a signed-in administrator that need nothing to exist.
var every = []string{"/clients", "/register", "/register?preset=grafana", "/register?preset=", "/events", "/keys", "/keys/rotate", "/accounts", "/api-keys", "/status"}
