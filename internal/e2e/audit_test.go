package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

// auditRows are all rows of a site as JSON, by request id.
func auditRows(t testing.TB, conn *pgx.Conn) (all string, byRequest map[string][]map[string]any) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT to_jsonb(e)::text FROM audit_events e ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	byRequest = map[string][]map[string]any{}
	for _, text := range list {
		var row map[string]any
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			t.Fatal(err)
		}
		id, _ := row["request_id"].(string)
		byRequest[id] = append(byRequest[id], row)
	}
	return strings.Join(list, "\n"), byRequest
}

// H04: whatever succeeds and fails, no row of the audit log holds a secret, and
// the request id of every error leads to its row: of pages, of JSON, and of errors that
// are told to the client by a redirect.
func TestAuditHoldsNoSecretsAndEveryErrorsRow(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	p := newSite(t, dsn).serve()
	b := &counting{ids: map[string]reply{}}
	found := secrets{}
	found.add("client secret", clientSecret)
	found.add("encryption key", encryptionKey)
	for _, use := range []func(secrets){b.succeed, b.fail, b.embedded} {
		b.browser = p.browser()
		use(found)
		for _, cookie := range b.cookies() {
			found.add("cookie "+cookie.Name, cookie.Value)
		}
	}
	p.Stop() // which stores what is queued
	all, rows := auditRows(t, connect(t, dsn))
	// The path of a redirect URI is shown, and fail puts its state there.
	for _, match := range regexp.MustCompile(`https://evil\.example/(\w+)`).FindAllStringSubmatch(all, -1) {
		for name, value := range found {
			if value == match[1] {
				delete(found, name)
			}
		}
	}
	for name, value := range found {
		if strings.Contains(all, value) {
			t.Errorf("an audit row holds the %s: %q", name, value)
		}
	}
	kinds := map[string]int{}
	for id, r := range b.ids {
		kind := errorKind(r)
		if kind == "" {
			continue
		}
		kinds[kind]++
		if !slices.ContainsFunc(rows[id], func(row map[string]any) bool { return row["reason"] != "" && row["outcome"] != "done" }) {
			t.Errorf("the request id of an error leads to no row: %d %.200s", r.status, r.body)
		}
	}
	if kinds["page"] < 5 || kinds["json"] < 5 || kinds["redirect"] < 5 {
		t.Errorf("too few errors were made: %v", kinds)
	}
}

// errorKind says how a reply tells an error, "" if it is none.
func errorKind(r reply) string {
	to, err := url.Parse(r.header.Get("Location"))
	switch {
	case err == nil && to.Query().Has("error"):
		return "redirect"
	case r.status < http.StatusBadRequest:
		return ""
	case strings.HasPrefix(r.header.Get("Content-Type"), "text/html"):
		return "page"
	}
	return "json"
}

// H04: a whole life of a login is recorded, in order, each row with the request that caused it.
func TestLoginIsRecordedFromSignInToSignOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = "audit: {log: true}\n"
	p := s.serve()
	b := p.browser()
	tokens := b.signInTo("rs256")
	next := b.postForm("/token", refresh("rs256", tokens.text("refresh_token")))
	b.postForm("/revoke", shown("rs256", next.text("refresh_token")))
	again := b.signInTo("rs256")
	b.send("GET", "/logout?"+url.Values{"id_token_hint": {again.text("id_token")}}.Encode(), "")
	s.run("session", "end", "--config", p.config, s.alice.AccountID)
	conn := connect(t, s.dsn)
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(p.Written.String(), `"type":"session.ended"`); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("audit.log: the end of the session is not written")
		}
	}
	p.Stop()
	rows, err := conn.Query(t.Context(), `
		SELECT type || ' ' || client_id || ' ' || (request_id <> '') || ' ' || (sid <> '') FROM audit_events
		WHERE account_id = $1 AND subject = $1 AND (address = '127.0.0.1' OR actor = 'local') ORDER BY id`, s.alice.AccountID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{"login.succeeded rs256 true true", "token.issued rs256 true true", "token.refreshed rs256 true true", "token.revoked rs256 true true",
		"login.resumed rs256 true true", "token.issued rs256 true true", "session.ended  true true"}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded:\n%s\n%v", strings.Join(got, "\n"), err)
	}
}

// Each refusal says what was expected, and what came instead without what may be secret in it.
func TestRefusalsSayWhatWasExpected(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = `
  - {client_id: grafana, client_name: Grafana, secret: "${CLIENT_SECRET}", first_party: true, token_endpoint_auth_method: client_secret_post, redirect_uris: ["https://grafana.example.com/login/generic_oauth"]}
`
	p := s.serve()
	b := p.browser()
	code := func() (request, string) {
		q := newRequest("rs256", "openid")
		return q, p.browser().visit("/authorize?" + q.form().Encode()).Query().Get("code")
	}
	authorize := func(changes ...string) reply {
		q := newRequest("grafana", "openid")
		q.redirectURI = "https://grafana.example.com/login/generic_oauth"
		form := q.form()
		for i := 0; i < len(changes); i += 2 {
			form.Set(changes[i], changes[i+1])
		}
		return b.send("GET", "/authorize?"+form.Encode(), "")
	}
	token := func(change string, value string) reply {
		q, c := code()
		form := q.redeem(c)
		form.Set(change, value)
		return b.postForm("/token", form)
	}
	basic := func() reply {
		q, c := code()
		form := q.redeem(c)
		form.Del("client_id")
		form.Del("client_secret")
		return b.postForm("/token", form, "Authorization", "Basic Z3JhZmFuYTp3cm9uZw==") // grafana:wrong
	}
	spent := func() reply {
		q, c := code()
		b.postForm("/token", q.redeem(c))
		return b.postForm("/token", q.redeem(c))
	}
	cases := map[string]struct {
		r                    reply
		client, reason, want string // want is part of the details
	}{
		"plain http":         {authorize("redirect_uri", "http://grafana:3000/login/generic_oauth?secret=hunter2"), "grafana", "invalid_request", `redirect_uri http://grafana:3000/login/generic_oauth is not registered; the nearest registered is https://grafana.example.com/login/generic_oauth, which differs in its scheme and host and port and query`},
		"trailing slash":     {authorize("redirect_uri", "https://grafana.example.com/login/generic_oauth/"), "grafana", "invalid_request", `which differs in its trailing slash`},
		"misspelled client":  {authorize("client_id", "grafna"), "", "invalid_request", `"nearest": "grafana"`},
		"a secret as client": {authorize("client_id", clientSecret), "", "invalid_request", `"given": "(39 bytes)"`},
		"no PKCE":            {authorize("code_challenge", "", "code_challenge_method", ""), "grafana", "invalid_request", `require_pkce: false`},
		"plain PKCE":         {authorize("code_challenge_method", "plain"), "grafana", "invalid_request", `"given": "plain"`},
		"implicit flow":      {authorize("response_type", "id_token token"), "grafana", "unsupported_response_type", `"expected": "code"`},
		"header injection":   {authorize("response_mode", "x\r\n{\"msg\":\"audit\"}\x1b[2J\u202e"), "grafana", "invalid_request", `"description"`},
		"wrong secret":       {token("client_secret", clientSecret+"x"), "rs256", "invalid_client", `no live secret of the client matches`},
		"wrong method":       {basic(), "grafana", "invalid_client", `"expected": "client_secret_post"`},
		"wrong verifier":     {token("code_verifier", strings.Repeat("v", 52)), "rs256", "invalid_grant", `code_verifier does not match`},
		"no verifier":        {token("code_verifier", ""), "rs256", "invalid_grant", `code_verifier is missing`},
		"wrong redirect":     {token("redirect_uri", "https://app.example.com/cb?x=hunter2"), "rs256", "invalid_grant", `"expected": "https://app.example.com/callback"`},
		"other client's":     {token("client_id", "other"), "other", "invalid_grant", `issued to another client`},
		"used twice":         {spent(), "rs256", "invalid_grant", `already redeemed`},
		"wrong grant":        {token("grant_type", "password"), "rs256", "unsupported_grant_type", `"given": "password"`},
		"unregistered grant": {token("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), "rs256", "unauthorized_client", `grant_types: authorization_code refresh_token`},
	}
	p.Stop()
	conn := connect(t, s.dsn)
	for name, c := range cases {
		var client, reason, details string
		err := conn.QueryRow(t.Context(), `SELECT client_id, reason, details::text FROM audit_events WHERE request_id = $1 AND outcome = 'refused'`,
			c.r.header.Get("X-Request-Id")).Scan(&client, &reason, &details)
		if err != nil || client != c.client || reason != c.reason || !strings.Contains(details, c.want) {
			t.Errorf("%s: client %q, reason %q, %s, %v", name, client, reason, details, err)
		}
	}
	all, _ := auditRows(t, conn)
	for _, secret := range []string{"hunter2", clientSecret, "\x1b", `\u001b`, `\n`, `\r`, "\u202e"} {
		if strings.Contains(all, secret) {
			t.Errorf("a row holds %q", secret)
		}
	}
}

// O03: a flood of hostile requests costs no commit each, whoever sends them.
func TestHostileRequestsCostNoCommitEach(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	watch := connect(t, server.DSN())
	for _, sql := range []string{"ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"} {
		if _, err := watch.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	p := newSite(t, server.DSN()).serve()
	b := p.browser()
	before := nextTransaction(t, watch)
	const flood = 400
	start := time.Now()
	for i := range flood {
		form := newRequest("rs256", "openid").form()
		form.Set("redirect_uri", fmt.Sprintf("https://evil.example/%d", i))
		b.send("GET", "/authorize?"+form.Encode(), "")
	}
	took := time.Since(start)
	p.Stop()
	// One for each quarter of a second at most, and housekeeping.
	if commits, most := nextTransaction(t, watch)-before, 10+int64(took/(250*time.Millisecond)); commits > most {
		t.Errorf("%d hostile requests in %s cost %d commits, more than %d", flood, took, commits, most)
	}
	var stored, counted int
	if err := watch.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE type = 'authorize.refused'), coalesce(sum((details ->> 'count')::int), 0) FROM audit_events WHERE outcome <> 'done' OR type = 'audit.suppressed'`).Scan(&stored, &counted); err != nil {
		t.Fatal(err)
	}
	if stored < 300 || stored+counted != flood {
		t.Errorf("%d refusals are stored and %d counted, of %d", stored, counted, flood)
	}
}
