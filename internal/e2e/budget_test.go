package e2e

import (
	"encoding/base64"
	"html"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

// TestLoginKeepsToItsBudget holds a login with a new session to six round trips
// to the database, three of which write, and names them one by one.
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
	w := newWire(t, server.DSN())
	p := newSite(t, w.dsn).serve()
	run := func() (login, refreshed, userinfo []string, writes int64) {
		b := p.browser() // a new one: its session is new
		var tokens reply
		before := nextTransaction(t, watch)
		login = w.during(func() { tokens = wholeLogin(b, newRequest("rs256", "openid profile offline_access")) })
		writes = nextTransaction(t, watch) - before
		refreshed = w.during(func() { tokens = b.postForm("/token", refresh("rs256", tokens.text("refresh_token"))) })
		userinfo = w.during(func() { b.userInfo(tokens.text("access_token")) })
		return login, refreshed, userinfo, writes
	}
	run() // each statement is prepared once per connection
	login, refreshed, userinfo, writes := run()

	want := []string{
		"INSERT 0 1", // authorize: the challenge
		"SELECT 1",   // the login page
		"SELECT 1",   // verify: the challenge again
		"INSERT 0 1", // verify: nonce, session and code
		"INSERT 0 1", // token: code and grant
		"SELECT 1",   // userinfo
	}
	if !slices.Equal(login, want) {
		t.Errorf("a login took %d round trips: %v", len(login), login)
	}
	if writes != 3 {
		t.Errorf("a login took %d writing transactions, want 3", writes)
	}
	if !slices.Equal(refreshed, []string{"UPDATE 1"}) || !slices.Equal(userinfo, []string{"SELECT 1"}) {
		t.Errorf("a refresh took %v, userinfo %v", refreshed, userinfo)
	}
	t.Logf("login: %d round trips, %d commits that write; refresh %d, userinfo %d", len(login), writes, len(refreshed), len(userinfo))
}

// wholeLogin is authorize, login page, verify, token, userinfo, each once.
func wholeLogin(b *browser, q request) reply {
	b.Helper()
	to := b.send("GET", "/authorize?"+q.form().Encode(), "").header.Get("Location")
	page := b.send("GET", to, "", "Accept", "text/html")
	if page.status != http.StatusOK {
		b.Fatalf("login page: %d", page.status)
	}
	c := onPage(b, page.body)
	if c.path() != to {
		b.Fatalf("the page at %s is of the login %s", to, c.LoginID)
	}
	tokens := b.postForm("/token", q.redeem(b.approve(c).Query().Get("code")))
	if info := b.userInfo(tokens.text("access_token")); tokens.status != http.StatusOK || info.status != http.StatusOK {
		b.Fatalf("token: %d %s, userinfo: %d", tokens.status, tokens.body, info.status)
	}
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
