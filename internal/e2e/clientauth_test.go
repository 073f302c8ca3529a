package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// A signer is the key pair of an application that authenticates by private_key_jwt.
type signer struct {
	key *ecdsa.PrivateKey
	kid string
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, rand.Text()}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jwk is the pair, or its public part alone.
func (s signer) jwk(t testing.TB, private bool) map[string]any {
	t.Helper()
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "kid": s.kid, "x": b64(point[1:33]), "y": b64(point[33:])}
	if private {
		d, err := s.key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		jwk["d"] = b64(d)
	}
	return jwk
}

func (s signer) set(t testing.TB) string {
	return encode(t, map[string]any{"keys": []any{s.jwk(t, false)}})
}

// assert signs an assertion with more header members than it needs.
func (s signer) assert(t testing.TB, clientID, audience string, header map[string]any) string {
	t.Helper()
	full := map[string]any{"alg": "ES256", "kid": s.kid}
	for name, value := range header {
		full[name] = value
	}
	now := time.Now().Unix()
	input := b64([]byte(encode(t, full))) + "." + b64([]byte(encode(t, map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(), "iat": now, "exp": now + 60,
	})))
	sum := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

func (s signer) form(t testing.TB, clientID, audience string, header map[string]any) url.Values {
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {s.assert(t, clientID, audience, header)},
	}
}

// register makes an application from the command line, as an operator would.
func (p *process) register(id string, flags ...string) {
	p.Helper()
	p.run(append([]string{"client", "create", "--config", p.config, "--id", id, "--first-party", "--redirect-uri", redirectURI}, flags...)...)
}

func (p *process) registerSigner(id string, s signer, flags ...string) {
	p.Helper()
	file := filepath.Join(p.dir, id+".json")
	if err := os.WriteFile(file, []byte(s.set(p)), 0o600); err != nil {
		p.Fatal(err)
	}
	p.register(id, append([]string{"--jwks-file", file}, flags...)...)
}

// C01, C07, F01, A08: an independent client signs, pushes its requests, takes its
// answers by query and form, refreshes, introspects and revokes; once with keys in
// its registration, once with keys that it publishes.
func TestOpenIDClientSignsAndPushes(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	inline, published := newSigner(t), newSigner(t)
	var asked atomic.Int64
	publisher := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, published.set(t))
	}))
	t.Cleanup(publisher.Close)
	p.registerSigner("inline", inline, "--require-par")
	p.register("published", "--jwks-uri", publisher.URL+"/jwks.json", "--auth-alg", "ES256")
	for clientID, s := range map[string]signer{"inline": inline, "published": published} {
		got := node(t, p, "clientauth.mjs", map[string]any{
			"issuer": p.issuer, "client_id": clientID, "redirect_uri": redirectURI, "private_jwk": s.jwk(t, true),
		})
		for name, want := range map[string]any{
			"parameters": "client_id request_uri", "sub": "alice.testnet", "formSub": "alice.testnet", "refreshed": "alice.testnet",
			"active": true, "revoked": false,
		} {
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", clientID, name, got[name], want)
			}
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the published keys were fetched %d times, want once", asked.Load())
	}
	// F01: what must be pushed is not taken from the browser.
	r := p.browser().send("GET", "/authorize?"+newRequest("inline", "openid").form().Encode(), "")
	if to := r.header.Get("Location"); !strings.HasPrefix(to, redirectURI+"?error=invalid_request") {
		t.Errorf("%d %s", r.status, to)
	}
}

// C07: one assertion is good for one request, whichever replica gets it.
func TestAssertionIsSpentAcrossReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	first, second := s.serve(), s.serve()
	key := newSigner(t)
	first.registerSigner("signer", key)
	form := newRequest("signer", "openid").form()
	for name, values := range key.form(t, "signer", s.issuer, nil) {
		form[name] = values
	}
	created := 0
	for i := range 6 {
		r := []*process{first, second}[i%2].browser().postForm("/par", form)
		switch {
		case r.status == http.StatusCreated:
			created++
		case r.status != http.StatusUnauthorized || r.text("error") != "invalid_client":
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if created != 1 {
		t.Errorf("%d of 6 uses of one assertion were accepted", created)
	}
}

// A09, J05, G02: a canary on loopback is named wherever a request can name an
// address, and never hit; a provider that is not on loopback itself fetches no
// keys from there either.
func TestNothingIsFetchedThatRequestsName(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	key := newSigner(t)
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		fmt.Fprint(w, key.set(t))
	}))
	t.Cleanup(canary.Close)
	s := newSite(t, pgtest.DSN(t))
	s.issuer = "https://id.example.com"
	p := s.serve()
	p.register("published", "--jwks-uri", canary.URL+"/jwks")
	p.registerSigner("inline", newSigner(t))
	b := p.browser()

	q := newRequest("rs256", "openid").form()
	for _, name := range []string{"request_uri", "request", "jwks_uri", "sector_identifier_uri", "logo_uri"} {
		form := url.Values{}
		for k, v := range q {
			form[k] = v
		}
		form.Set(name, canary.URL+"/"+name)
		b.send("GET", "/authorize?"+form.Encode(), "")
		b.postForm("/authorize", form)
		form.Set("client_secret", clientSecret)
		b.postForm("/par", form)
	}
	for _, clientID := range []string{"inline", "published"} {
		for _, header := range []map[string]any{nil, {"jku": canary.URL + "/jku"}, {"x5u": canary.URL + "/x5u"}, {"jwk": key.jwk(t, false)}} {
			form := key.form(t, clientID, s.issuer, header)
			form.Set("grant_type", "refresh_token")
			form.Set("refresh_token", "x")
			if r := b.postForm("/token", form); r.status != http.StatusUnauthorized || r.text("error") != "invalid_client" {
				t.Errorf("%s %v: %d %s", clientID, header, r.status, r.body)
			}
		}
	}
	b.send("GET", "/authorize?"+q.Encode()+"&id_token_hint="+key.assert(t, "rs256", "rs256", map[string]any{"jku": canary.URL + "/hint"}), "")
	b.userInfo(key.assert(t, "rs256", s.issuer, map[string]any{"jku": canary.URL + "/at", "typ": "at+jwt"}))
	time.Sleep(100 * time.Millisecond)
	if n := hits.Load(); n != 0 {
		t.Errorf("the canary was hit %d times", n)
	}
}

// C05: a secret that expires stops at its second in a running process, without a
// notification, and the one beside it goes on.
func TestSecretExpiresWhileTheProviderRuns(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	p.register("app")
	add := func(flags ...string) (secret string) {
		var out map[string]any
		text := p.run(append([]string{"client", "secret", "add", "app", "--config", p.config, "-o", "json"}, flags...)...)
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		return out["client_secret"].(string)
	}
	lasting, brief := add(), add("--expires", "4s")
	accepted := func(secret string) bool {
		r := p.browser().postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"app"}, "client_secret": {secret}})
		return r.text("error") == "invalid_grant"
	}
	deadline := time.Now().Add(3 * time.Second)
	for !accepted(brief) { // the process is told of it in a moment
		if time.Now().After(deadline) {
			t.Fatal("a new secret is not accepted")
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(4100 * time.Millisecond)
	if accepted(brief) || !accepted(lasting) {
		t.Error("not exactly the expired secret is refused")
	}
}

// C06, H02: with the limits that come by default, a running provider stops 200 bad
// attempts, however they claim to be from elsewhere, and says for how long.
func TestBadAttemptsAreThrottledByDefault(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.limits = ""
	b := s.serve().browser()
	attempt := func(i int, secret string) reply {
		return b.postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"rs256"}, "client_secret": {secret}},
			"X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
	}
	status := map[int]int{}
	var last reply // that was stopped
	for i := range 200 {
		r := attempt(i, rand.Text())
		status[r.status]++
		if r.status == http.StatusTooManyRequests {
			last = r
		}
	}
	if status[http.StatusTooManyRequests] < 150 || status[http.StatusUnauthorized] < 5 || len(status) != 2 {
		t.Errorf("%v", status)
	}
	// The next guess may be made once the time is over that was said, and others beside it at once.
	wait, err := strconv.Atoi(last.header.Get("Retry-After"))
	if err != nil || wait > 60 {
		t.Errorf("Retry-After: %v", last.header)
	}
	if r := b.postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"es256"}, "client_secret": {clientSecret}}); r.text("error") != "invalid_grant" {
		t.Errorf("another client beside it: %d %s", r.status, r.body)
	}
	if last.header.Get("Retry-After") == "" || last.text("error") != "temporarily_unavailable" {
		t.Errorf("%d %v %s", last.status, last.header, last.body)
	}
	if r := b.send("GET", "/authorize?"+newRequest("rs256", "openid").form().Encode(), ""); r.status != http.StatusSeeOther {
		t.Errorf("people are kept out: %d", r.status)
	}
}

var (
	postAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"[^>]* data-post>`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// posted reads the page that answers by a form: where it posts to, with the
// fields as the query.
func (b *browser) posted(r reply) *url.URL {
	b.Helper()
	action := postAction.FindStringSubmatch(r.body)
	if r.status != http.StatusOK || action == nil {
		b.Fatalf("no form: %d %s", r.status, r.body)
	}
	to, err := url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.Fatal(err)
	}
	query := to.Query()
	for _, field := range hiddenField.FindAllStringSubmatch(r.body, -1) {
		query.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	to.RawQuery = query.Encode()
	return to
}
