package admin_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/admin"
	"near-idp/internal/admin/admintest"
	"near-idp/internal/audit"
	"near-idp/internal/clients"
	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// A site is the admin API over a database of its own; each answer is held to the document.
type site struct {
	testing.TB
	pool    *pgxpool.Pool
	store   *postgres.Store
	options admin.Options
	server  *admin.Server
	key     string // that requests are sent with
	now     time.Time
}

func newSite(t testing.TB, edits ...func(*admin.Options)) *site {
	t.Helper()
	kek, err := keyring.ParseKEK("q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e")
	if err != nil {
		t.Fatal(err)
	}
	pool := pgtest.New(t)
	store := postgres.New(pool)
	s := &site{TB: t, pool: pool, store: store, now: time.Now()}
	s.options = admin.Options{
		Issuer: "https://id.example.com", Version: "test", Network: "testnet", Algs: []string{"RS256"}, Store: store, Ready: store.Ping,
		Clients: &clients.Service{Store: store}, Accounts: &account.Admin{Store: store, Network: "testnet"}, Audit: &audit.Log{Store: store},
		Keys: keyring.Vault{Store: store, KEKs: []keyring.KEK{kek}, Algs: []string{"ES256", "EdDSA"}},
		Log:  slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
	}
	for _, edit := range edits {
		edit(&s.options)
	}
	s.server = admin.New(s.options)
	s.key = s.newKey(admin.Scopes()...)
	return s
}

// newKey makes a key as the command line does on the machine itself.
func (s *site) newKey(scopes ...string) string {
	s.Helper()
	r := httptest.NewRequest("POST", "/admin/v1/api-keys", strings.NewReader(encode(s, map[string]any{
		"name": s.Name(), "scopes": scopes, "expires_at": s.now.Add(time.Hour),
	})))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer of nothing: the context says who calls")
	r = r.WithContext(admin.As(s.Context(), admin.Principal{Actor: "local", Scopes: admin.Scopes()}))
	made := s.send(r)
	if made.status != http.StatusCreated {
		s.Fatalf("create key: %d %s", made.status, made.body)
	}
	return made.text("key")
}

// A reply is an answer of the API.
type reply struct {
	testing.TB
	status int
	header http.Header
	body   string
}

func (s *site) send(r *http.Request) reply {
	s.Helper()
	if strings.HasSuffix(r.URL.Path, ":stream") { // which has no end of its own
		ctx, cancel := context.WithTimeout(r.Context(), 200*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	rec := httptest.NewRecorder()
	admintest.Held(s, s.server).ServeHTTP(rec, r)
	return reply{s, rec.Code, rec.Header(), rec.Body.String()}
}

// do sends a request with the site's key. body is JSON text or a value; headers are names and values.
func (s *site) do(method, path string, body any, headers ...string) reply {
	s.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		text = encode(s, body)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.send(r)
}

// as is the same site with another key.
func (s *site) as(key string) *site {
	other := *s
	other.key = key
	return &other
}

// want fails the test unless the answer has this status and, for a problem, this code.
func (r reply) want(status int, code string) reply {
	r.Helper()
	if r.status != status || (code != "" && r.text("code") != code) {
		r.Fatalf("%d %s, want %d %s", r.status, r.body, status, code)
	}
	return r
}

// text is a member of the answer; dots lead into objects.
func (r reply) text(path string) string {
	var value any
	if json.Unmarshal([]byte(r.body), &value) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	if text, ok := value.(string); ok {
		return text
	}
	if value == nil {
		return ""
	}
	return encode(r, value)
}

func (r reply) items() (list []map[string]any) {
	r.Helper()
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(r.body), &page); err != nil {
		r.Fatalf("%v: %s", err, r.body)
	}
	return page.Items
}

func encode(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func grafana() map[string]any {
	return map[string]any{
		"client_id": "grafana", "client_name": "Grafana",
		"redirect_uris": []string{"https://grafana.example.com/login/generic_oauth"},
		"idp":           map[string]any{"first_party": true},
	}
}

// errors is what the answer says of each field.
func (r reply) errors() []map[string]string {
	var p struct{ Errors []map[string]string }
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		r.Fatalf("%v: %s", err, r.body)
	}
	return p.Errors
}

// withTokens is the same site where tokens are issued.
func (s *site) withTokens(tokens admin.Tokens) {
	s.options.Tokens = tokens
	s.server = admin.New(s.options)
}

// unheld sends a request whose answer nothing is held to: there are many of them.
func (s *site) unheld(method, path, body string) reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	s.server.ServeHTTP(rec, r)
	return reply{s, rec.Code, rec.Header(), rec.Body.String()}
}
