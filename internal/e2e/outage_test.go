package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"near-idp/internal/pgtest"
)

// An interrupted is a set of logins that an outage of the database catches at
// each step: with a challenge, with a code, with tokens.
type interrupted struct {
	b       *browser
	asked   request
	open    challenge
	coded   request
	code    string
	tokens  reply
	granted request
}

func interrupt(p *process) *interrupted {
	const scope = "openid profile offline_access"
	f := &interrupted{b: p.browser(), asked: newRequest("rs256", scope), coded: newRequest("es256", scope), granted: newRequest("eddsa", scope)}
	// Each in a browser of its own: none has a session to go on from.
	f.tokens = f.b.postForm("/token", f.granted.redeem(p.browser().visit("/authorize?"+f.granted.form().Encode()).Query().Get("code")))
	f.code = p.browser().visit("/authorize?" + f.coded.form().Encode()).Query().Get("code")
	f.open = f.b.authorize("/authorize?" + f.asked.form().Encode())
	return f
}

// attempts are the requests that need the database, by name. Those that end in
// "page" are a person's.
func (f *interrupted) attempts() map[string]func() (reply, error) {
	b, page := f.b, []string{"Accept", "text/html"}
	form := []string{"Content-Type", typeForm}
	json := []string{"Content-Type", typeJSON}
	proof := encode(b, b.answer(f.open))
	authorize := "/authorize?" + newRequest("rs256", "openid").form().Encode()
	attempt := func(method, path, body string, header []string) func() (reply, error) {
		return func() (reply, error) { return b.do(method, path, body, header...) }
	}
	return map[string]func() (reply, error){
		"authorize page":     attempt("GET", authorize, "", page),
		"authorize":          attempt("GET", authorize, "", []string{"Accept", typeJSON}),
		"login page":         attempt("GET", f.open.path(), "", page),
		"challenge":          attempt("GET", "/login/"+strings.Repeat("A", 26), "", []string{"Accept", typeJSON}), // f.open's is remembered
		"callback page":      attempt("GET", f.open.path()+"/cb", "", page),
		"continue page":      attempt("GET", "/continue/"+f.open.LoginID, "", page),
		"consent page":       attempt("GET", "/consent/"+f.open.LoginID, "", page),
		"consent given page": attempt("POST", "/consent/"+f.open.LoginID, "decision=allow", append(page, form...)),
		"session page":       attempt("POST", f.open.path()+"/session", "", page),
		"renew page":         attempt("POST", f.open.path()+"/renew", "", page),
		"cancel page":        attempt("POST", f.open.path()+"/cancel", "", page),
		"paste page":         attempt("POST", f.open.path()+"/paste", url.Values{"output": {proof}}.Encode(), append(page, form...)),
		"verify":             attempt("POST", f.open.path()+"/verify", proof, json),
		"initiate-login":     attempt("POST", "/api/auth/initiate-login", "", nil),
		"verify-login":       attempt("POST", "/api/auth/verify-login", strings.Replace(proof, "{", `{"login_id":"`+f.open.LoginID+`",`, 1), json),
		"token":              attempt("POST", "/token", f.coded.redeem(f.code).Encode(), form),
		"refresh":            attempt("POST", "/token", refresh("eddsa", f.tokens.text("refresh_token")).Encode(), form),
		"revoke":             attempt("POST", "/revoke", shown("eddsa", f.tokens.text("access_token")).Encode(), form),
		"introspect":         attempt("POST", "/introspect", shown("eddsa", f.tokens.text("access_token")).Encode(), form),
		"logout page":        attempt("GET", "/logout?id_token_hint="+f.tokens.text("id_token"), "", page),
		"userinfo":           attempt("GET", "/userinfo", "", []string{"Authorization", "Bearer " + f.tokens.text("access_token")}),
	}
}

// rows sums up all that the logins left in the database.
func rows(t testing.TB, dsn string) string {
	t.Helper()
	text := ""
	for _, what := range []string{
		"logins", "logins WHERE account_id IS NOT NULL", "logins WHERE attempts > 0", "logins WHERE consumed_at IS NOT NULL", "logins WHERE denied",
		"logins WHERE redeemed_at IS NOT NULL", "sessions", "subjects", "grants", "grants WHERE generation > 0", "grants WHERE revoked_at IS NOT NULL",
	} {
		text += fmt.Sprintf("%s: %d\n", what, count(t, dsn, "SELECT count(*) FROM "+what))
	}
	return text
}

// O02 of security-checks.md.
func TestDatabaseOutageIs503AndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	p := newSite(t, server.DSN()).serve()
	f := interrupt(p)
	before := rows(t, server.DSN())
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, attempt := range f.attempts() {
		for range 2 { // on connections that broke, and without any
			if r, err := attempt(); err != nil || !unavailable(name, r) {
				t.Errorf("%s: %v %d %v %s", name, err, r.status, r.header, r.body)
			}
		}
	}
	if r := f.b.send("GET", "/readyz", ""); r.status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", r.status)
	}
	for _, path := range []string{"/healthz", "/jwks", "/.well-known/openid-configuration"} {
		if r := f.b.send("GET", path, ""); r.status != http.StatusOK {
			t.Errorf("%s needs no database: %d", path, r.status)
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Await(readyLimit)
	if after := rows(t, server.DSN()); after != before {
		t.Errorf("before the outage:\n%safter:\n%s", before, after)
	}
	f.finish(t)

	// An outage must not keep the process from ending.
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// unavailable reports an answer that tells its kind of caller to come back.
func unavailable(name string, r reply) bool {
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		return false
	}
	if strings.HasSuffix(name, "page") {
		return strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && strings.Contains(r.body, r.header.Get("X-Request-Id"))
	}
	return r.text("error") == "temporarily_unavailable"
}

// finish takes every interrupted login to its end.
func (f *interrupted) finish(t *testing.T) {
	t.Helper()
	tokens := f.b.postForm("/token", f.asked.redeem(f.b.approve(f.open).Query().Get("code")))
	if info := f.b.userInfo(tokens.text("access_token")); info.status != http.StatusOK {
		t.Errorf("the open login: token %d, userinfo %d", tokens.status, info.status)
	}
	if r := f.b.postForm("/token", f.coded.redeem(f.code)); r.status != http.StatusOK {
		t.Errorf("the code: %d %s", r.status, r.body)
	}
	if r := f.b.postForm("/token", refresh("eddsa", f.tokens.text("refresh_token"))); r.status != http.StatusOK {
		t.Errorf("the refresh token: %d %s", r.status, r.body)
	}
}

// Requests that are under way when the database goes, or that meet it coming
// up again, are told to come back too.
func TestRequestsDuringAnOutageNeverFailOtherwise(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	p := newSite(t, server.DSN()).serve()
	f := interrupt(p)
	var group sync.WaitGroup
	var over atomic.Bool
	attempts := f.attempts()
	// Repeated, these change nothing that finish needs.
	for _, name := range []string{"authorize", "challenge", "login page", "initiate-login", "userinfo"} {
		group.Go(func() {
			for n := 0; !over.Load(); n++ {
				r, err := attempts[name]()
				if err != nil || r.status >= 500 && !unavailable(name, r) {
					t.Errorf("%s, request %d: %v %d %s", name, n, err, r.status, r.body)
					return
				}
			}
		})
	}
	for range 3 {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		p.Await(readyLimit)
	}
	over.Store(true)
	group.Wait()
	p.Await(readyLimit)
	f.finish(t)
}
