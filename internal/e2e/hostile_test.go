package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// A shot is one hostile request.
type shot struct {
	method, path, body string
	header             []string // names and values in turn
}

func (s shot) String() string {
	return fmt.Sprintf("%s %.200q %.200q %.300q", s.method, s.path, s.header, s.body)
}

// A victim is what the shots are derived from: a valid request of every kind.
type victim struct {
	*process
	b      *browser
	login  challenge // stays open
	ended  challenge // may be cancelled, renewed or finished by a shot
	asked  request
	code   string
	tokens reply
}

func newVictim(p *process) *victim {
	q := newRequest("rs256", "openid profile offline_access")
	a := &victim{process: p, b: p.browser(), asked: q}
	a.tokens = a.b.postForm("/token", q.redeem(p.browser().visit("/authorize?"+q.form().Encode()).Query().Get("code")))
	a.code = p.browser().visit("/authorize?" + q.form().Encode()).Query().Get("code")
	a.login = a.b.authorize("/authorize?" + q.form().Encode())
	a.ended = a.b.authorize("/authorize?" + q.form().Encode())
	return a
}

func (a *victim) paths() []string {
	login, ended := a.login.path(), a.ended.path()
	return []string{
		"/", "/authorize", "/logout", login, login + "/cb", login + "/verify", ended, ended + "/paste", ended + "/renew", ended + "/cancel", ended + "/session",
		"/continue/" + a.ended.LoginID, "/continue/" + a.login.LoginID, "/consent/" + a.login.LoginID, "/consent/" + a.ended.LoginID,
		"/api/auth/initiate-login", "/api/auth/verify-login", "/token", "/par", "/revoke", "/introspect", "/userinfo", "/device_authorization", "/device", "/device/" + a.login.LoginID, "/jwks",
		"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/static/style.css", "/static/icons/hot.svg",
		"/healthz", "/readyz", "/no/such/page",
	}
}

// values break parsers, databases and pages.
var values = []string{
	"", " ", "\x00", "a\x00b", "\xff\xfe\x80", "\xed\xa0\x80", "\u202e\ufeff", strings.Repeat("a", 5000), strings.Repeat("é", 9000),
	"' OR 1=1;--", "../../../etc/passwd", "x\r\nSet-Cookie: evil=1", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
	"javascript:alert(1)", "http://[::1", "https://app.example.com/callback#x", "-1", "1e309", "99999999999999999999", "null", "%zz%", "{{7*7}}",
}

// raw are bodies that are no form and no object of ours.
var raw = []string{
	"", "{}", "null", "[]", "0", `""`, "{", `{"authToken"`, "\ufeff{}", `{} {}`, "\x00", "\xff\xff\xff",
	strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000), `{"nonce":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
	strings.Repeat("a", 20<<10), strings.Repeat("a", 300<<10), strings.Repeat("a=b&", 4000), "a=%zz", "=&=&&;", "a=1&a=2&a=3",
	`{"authToken":1e999}`, `{"authToken":"\ud800\u0000"}`, `{"nonce":[` + strings.Repeat("256,", 31) + `1]}`, `{"login_id":"x","login_id":"y"}`,
	"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
}

var types = []string{
	"", typeJSON, typeForm, typeJSON + "; charset=utf-16", "multipart/form-data; boundary=x", "text/plain", "\"", strings.Repeat("x", 4000),
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}

// plain crosses every route with every method, type and body.
func (a *victim) plain() (shots []shot) {
	for _, path := range a.paths() {
		for _, method := range methods {
			shots = append(shots, shot{method, path, "{}", []string{"Content-Type", typeJSON}})
		}
		for _, mediaType := range types[:4] {
			for _, body := range raw {
				shots = append(shots, shot{"POST", path, body, []string{"Content-Type", mediaType}})
			}
		}
		for _, mediaType := range types[4:] {
			shots = append(shots, shot{"POST", path, raw[1], []string{"Content-Type", mediaType}})
		}
		for _, suffix := range []string{"/", "//", "/..", "/%00", "/%ff", "%2f%2e%2e", "?" + strings.Repeat("a", 8000), "?a=%zz", ";x=1", "/" + strings.Repeat("a", 8000)} {
			shots = append(shots, shot{method: "GET", path: path + suffix})
		}
	}
	return shots
}

// spoilt are valid requests with one value replaced, doubled or missing.
func (a *victim) spoilt() (shots []shot) {
	pushed := a.asked.form()
	pushed.Set("client_secret", clientSecret)
	forms := map[string]url.Values{
		"/authorize": a.asked.form(), "/token": a.asked.redeem(a.code),
		"/par":    pushed,
		"/revoke": shown("rs256", "nrt_"+strings.Repeat("A", 70)), "/introspect": shown("rs256", a.tokens.text("access_token")),
		"/device_authorization": {"client_id": {"tv"}, "scope": {"openid"}}, "/device": {"user_code": {"BCDF-GHJK"}, "another": {"1"}},
		"/logout": {"client_id": {"rs256"}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}},
	}
	for path, form := range forms {
		for name := range form {
			for _, value := range append(values, strings.Repeat(form.Get(name)+" ", 3)) {
				changed := url.Values{"request": {value}, "prompt": {value}, "max_age": {value}, "claims": {value}, "id_token_hint": {value}}
				if value != "" && value[0] == 'a' {
					changed = url.Values{}
				}
				for other := range form {
					changed[other] = form[other]
				}
				changed[name] = []string{value}
				shots = append(shots, shot{"POST", path, changed.Encode(), []string{"Content-Type", typeForm}})
				if path == "/authorize" || path == "/logout" {
					shots = append(shots, shot{method: "GET", path: path + "?" + changed.Encode()})
				}
			}
			doubled := form.Encode() + "&" + url.Values{name: form[name]}.Encode()
			shots = append(shots, shot{"POST", path, doubled, []string{"Content-Type", typeForm}})
		}
	}
	// What reaches the database does so byte for byte: each value alone in a valid request.
	for _, name := range []string{"state", "nonce", "scope", "login_hint", "ui_locales", "resource"} {
		for _, value := range values {
			form := a.asked.form()
			form.Set(name, value)
			shots = append(shots, shot{method: "GET", path: "/authorize?" + form.Encode()},
				shot{"POST", "/api/auth/initiate-login", form.Encode(), []string{"Content-Type", typeForm}})
		}
	}
	return append(shots, a.answers()...)
}

// answers are wallet answers with one member replaced. Each value has a login
// of its own, since a login takes a few wrong answers only.
func (a *victim) answers() (shots []shot) {
	for _, name := range []string{"account_id", "public_key", "signature", "state", "wallet", "nonce", "login_id", "authToken"} {
		for _, value := range append(values, "null", "1", "true", "[]", "{}", `["a"]`) {
			c := a.b.authorize("/authorize?" + a.asked.form().Encode())
			whole := a.answer(c)
			whole["login_id"], whole["state"], whole["wallet"], whole["nonce"] = c.LoginID, c.State, "x", c.Nonce
			whole[name] = value
			quoted := encode(a, whole)
			unquoted := strings.Replace(quoted, strings.TrimSpace(encode(a, value)), value, 1)
			for _, path := range []string{c.path() + "/verify", "/api/auth/verify-login"} {
				shots = append(shots, shot{"POST", path, unquoted, []string{"Content-Type", typeJSON}},
					shot{"POST", path, quoted, []string{"Content-Type", typeJSON}})
			}
		}
	}
	return shots
}

// headers are valid requests with hostile headers.
func (a *victim) headers() (shots []shot) {
	for _, name := range []string{
		"Authorization", "Cookie", "Origin", "Host", "Accept", "Content-Length", "X-Request-Id", "X-Forwarded-For", "Sec-Fetch-Site", "If-None-Match",
		"Referer", "Accept-Encoding", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Range", "Expect", "Transfer-Encoding", "X-Y", "DPoP",
	} {
		for _, value := range []string{
			"", "x", "null", "Bearer", "Bearer " + a.tokens.text("id_token"), "Bearer " + strings.Repeat(".", 9000), "Basic ====", "Basic OjpA", "Basic /w==", "Basic AA==", "DPoP", "DPoP " + a.tokens.text("access_token"), "e30.e30.e30",
			"idp_login=" + strings.Repeat("a", 5000), "idp_login=\xff; idp_session=\"", "https://evil.example\x00", "text/html;q=nan, */*;;", "\"", "bytes=0-,1-,2-", "\xff\xfe", strings.Repeat("y", 30<<10),
		} {
			path := a.paths()[len(shots)%len(a.paths())]
			shots = append(shots, shot{[]string{"GET", "POST", "OPTIONS"}[len(shots)%3], path, "", []string{name, value}})
		}
	}
	return shots
}

// random mixes all of it, the same way every time.
func (a *victim) random(n int) (shots []shot) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	for range n {
		s := shot{pick(methods), pick(a.paths()), pick(raw), []string{"Content-Type", pick(types)}}
		if r.IntN(2) == 0 {
			s.path += "?" + url.Values{pick([]string{"client_id", "state", "prompt", "code"}): {pick(values)}}.Encode()
		}
		if mutant := []byte(s.body); len(mutant) > 0 && r.IntN(2) == 0 {
			mutant[r.IntN(len(mutant))] = byte(r.Uint32())
			s.body = string(mutant)
		}
		shots = append(shots, s)
	}
	return shots
}

// H05: no request, however malformed, is answered with a fault of ours.
func TestNoInputMakesTheServerFail(t *testing.T) {
	t.Parallel()
	target := newSite(t, pgtest.DSN(t))
	target.more = deviceClients
	a := newVictim(target.serve())
	shots := append(append(append(a.plain(), a.spoilt()...), a.headers()...), a.random(1000)...)
	began := time.Now()
	var group sync.WaitGroup
	next := make(chan shot)
	for range 4 {
		group.Go(func() {
			for s := range next {
				a.fire(s)
			}
		})
	}
	for _, s := range shots {
		next <- s
	}
	close(next)
	group.Wait()
	t.Logf("%d requests in %v", len(shots), time.Since(began))
	a.signIn("rs256", "openid") // and it still works
}

func (a *victim) fire(s shot) {
	connection, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
	if err != nil {
		a.Error(err)
		return
	}
	defer connection.Close()
	// Written by hand: a client library would refuse to send the half of it.
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n", s.method, s.path, len(s.body))
	cookies, hosted := "", false
	for _, cookie := range a.b.cookies() {
		cookies += cookie.Name + "=" + cookie.Value + "; "
	}
	for i := 0; i < len(s.header); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", s.header[i], s.header[i+1])
		hosted = hosted || s.header[i] == "Host"
	}
	if !hosted {
		fmt.Fprintf(&text, "Host: %s\r\n", strings.TrimPrefix(a.issuer, "http://"))
	}
	fmt.Fprintf(&text, "Cookie: %s\r\n\r\n%s", cookies, s.body)
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	go connection.Write([]byte(text.String())) // a refusal may come before it is all sent
	r, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: s.method})
	if err != nil {
		a.Errorf("%v: %v", s, err)
		return
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil && len(body) == 0 {
		a.Errorf("%v: %v", s, err)
	}
	if breach := a.breach(s.method, s.path, r, string(body)); breach != "" {
		a.Errorf("%v: %s: %d %v %.300s", s, breach, r.StatusCode, r.Header, body)
	}
	if r.StatusCode >= 500 && r.Header.Get("X-Request-Id") != "" || r.StatusCode == http.StatusInternalServerError {
		a.Errorf("%v: %d, request %s", s, r.StatusCode, r.Header.Get("X-Request-Id"))
	}
	if strings.Contains(strings.Join(r.Header.Values("Set-Cookie"), "\n"), "evil") {
		a.Errorf("%v: it sets a cookie of the caller's: %v", s, r.Header)
	}
}
