package e2e

import (
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

// A cost is what a request takes of the database.
type cost struct {
	step           string
	trips, commits int // round trips; commits that write
}

// The budget: five round trips and three writing commits for a login with a new
// session, and one statement for whatever follows.
var budget = []cost{
	{"authorize", 1, 1},
	{"login page", 1, 0},
	{"verify", 1, 1}, // the challenge is remembered; nonce, session and code are one statement
	{"token", 1, 1},
	{"userinfo", 1, 0},
	{"refresh", 1, 1}, // the grant is remembered, the chain asked, the token rotated
	{"userinfo again", 1, 0},
	{"introspect", 1, 0},
	{"revoke", 1, 1},
}

// answerBudget is how many bytes answers have at most, their header included but
// for what net/http adds.
var answerBudget = map[string]int{
	"authorize":  830,
	"login page": 23500,
	"verify":     780,
	"token":      2280,
	"userinfo":   550,
	"refresh":    2230,
	"introspect": 650,
	"revoke":     270,
	"discovery":  4000,
	"jwks":       1500,
}

// walBudget is how many bytes a login adds to the write-ahead log, without the images of whole
// pages that follow a checkpoint, which the tests' server does not write.
const walBudget = 5000

func TestLoginKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	watch := connect(t, server.DSN())
	// Its housekeeping would take transaction ids too.
	for _, sql := range []string{"ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"} {
		if _, err := watch.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	m := &meter{T: t, wire: newWire(t, server.DSN()), watch: watch}
	p := newSite(t, m.wire.dsn).serve()
	m.login(p.browser()) // each statement is prepared once per connection
	m.wire.quiet()
	m.costs = nil
	m.login(p.browser())
	if !slices.Equal(m.costs, budget) {
		t.Errorf("a login took %v, its budget is %v", m.costs, budget)
	}
	trips, commits := 0, 0
	for _, c := range m.costs[:5] {
		trips, commits = trips+c.trips, commits+c.commits
	}
	t.Logf("login: %d round trips, %d commits that write", trips, commits)
	for name, path := range map[string]string{"discovery": "/.well-known/openid-configuration", "jwks": "/jwks"} {
		m.step(name, func() reply { return p.browser().send("GET", path, "") })
	}
	const logins = 10
	before := logged(t, watch)
	for range logins {
		m.signIn(p.browser())
	}
	if wal := (logged(t, watch) - before) / logins; wal > walBudget {
		t.Errorf("a login writes %d bytes of WAL, its budget is %d", wal, walBudget)
	} else {
		t.Logf("login: %d bytes of WAL", wal)
	}
}

// A meter takes the cost of each step.
type meter struct {
	*testing.T
	wire  *wire
	watch *pgx.Conn
	costs []cost
}

// step makes one request, which must succeed, and notes what it took.
func (m *meter) step(name string, send func() reply) (r reply) {
	m.Helper()
	before := nextTransaction(m, m.watch)
	trips := m.wire.during(func() { r = send() })
	// Work of idp's own may have left another connection on top, which prepares once for itself.
	trips = slices.DeleteFunc(trips, func(trip string) bool { return trip == prepare })
	m.costs = append(m.costs, cost{name, len(trips), int(nextTransaction(m, m.watch) - before)})
	if r.status >= http.StatusBadRequest {
		m.Fatalf("%s: %d %s", name, r.status, r.body)
	}
	if most, size := answerBudget[name], r.size(); most > 0 && size > most {
		m.Errorf("%s answers with %d bytes, its budget is %d", name, size, most)
	} else if size*2 < most {
		m.Errorf("%s answers with %d bytes, far less than its budget of %d: lower that", name, size, most)
	}
	return r
}

// size is that of an answer with its header but for what net/http adds.
func (r reply) size() int {
	size := len(r.body)
	for name, values := range r.header {
		if name == "Date" || name == "Content-Length" {
			continue
		}
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}

// login takes every step once.
func (m *meter) login(b *browser) {
	m.Helper()
	tokens := m.signIn(b)
	tokens = m.step("refresh", func() reply { return b.postForm("/token", refresh("rs256", tokens.text("refresh_token"))) })
	m.step("userinfo again", func() reply { return b.userInfo(tokens.text("access_token")) })
	m.step("introspect", func() reply { return b.postForm("/introspect", shown("rs256", tokens.text("access_token"))) })
	m.step("revoke", func() reply { return b.postForm("/revoke", shown("rs256", tokens.text("refresh_token"))) })
}

// signIn takes every step of a login, userinfo included, and returns the answer
// of the token endpoint.
func (m *meter) signIn(b *browser) (tokens reply) {
	m.Helper()
	q := newRequest("rs256", "openid profile offline_access")
	to := m.step("authorize", func() reply { return b.send("GET", "/authorize?"+q.form().Encode(), "") }).header.Get("Location")
	page := m.step("login page", func() reply { return b.send("GET", to, "", "Accept", "text/html") })
	proof := b.answer(onPage(b, page.body))
	verified := m.step("verify", func() reply { return b.postJSON(to+"/verify", proof) })
	callback, err := url.Parse(verified.text("redirect_to"))
	if err != nil {
		m.Fatal(err)
	}
	tokens = m.step("token", func() reply { return b.postForm("/token", q.redeem(callback.Query().Get("code"))) })
	m.step("userinfo", func() reply { return b.userInfo(tokens.text("access_token")) })
	return tokens
}

// onPage reads the challenge as the login page's script does.
func onPage(b *browser, page string) challenge {
	b.Helper()
	data := map[string]string{}
	for _, match := range regexp.MustCompile(` data-([a-z]+)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if _, seen := data[match[1]]; !seen {
			data[match[1]] = html.UnescapeString(match[2])
		}
	}
	nonce, err := base64.StdEncoding.DecodeString(data["nonce"])
	if err != nil || len(nonce) != 32 {
		b.Fatalf("no nonce on the page: %q", data["nonce"])
	}
	return challenge{LoginID: data["login"], Message: data["message"], NonceBytes: [32]byte(nonce), Recipient: data["recipient"]}
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// nextTransaction is the id that the next writing transaction of the server
// will take; only those that write take one.
func nextTransaction(t testing.TB, conn *pgx.Conn) (id int64) {
	t.Helper()
	const sql = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
	if err := conn.QueryRow(t.Context(), sql).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// logged is how far the write-ahead log has got, in bytes.
func logged(t testing.TB, conn *pgx.Conn) (position int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn() - '0/0'").Scan(&position); err != nil {
		t.Fatal(err)
	}
	return position
}
