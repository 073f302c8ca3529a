package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// A browser is a person's browser and wallet over plain HTTP. It follows no
// redirect by itself.
type browser struct {
	*process // that it talks to; another one's base can be put here between steps
	http     *http.Client
}

func (p *process) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.Fatal(err)
	}
	return &browser{p, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// at is the same browser talking to another replica.
func (b *browser) at(p *process) *browser { return &browser{p, b.http} }

// cookies are those that the browser has of the provider.
func (b *browser) cookies() []*http.Cookie {
	b.Helper()
	issuer, err := url.Parse(b.issuer)
	if err != nil {
		b.Fatal(err)
	}
	return b.http.Jar.Cookies(issuer)
}

type reply struct {
	status int
	header http.Header
	body   string
}

// json is the reply's JSON object, nil if it has none.
func (r reply) json() (object map[string]any) {
	if json.Unmarshal([]byte(r.body), &object) != nil {
		return nil
	}
	return object
}

func (r reply) text(member string) string {
	text, _ := r.json()[member].(string)
	return text
}

// do sends a request; header holds names and values in turn. It may be called
// from any goroutine.
func (b *browser) do(method, target, body string, header ...string) (reply, error) {
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	request, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := b.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(text)}, err
}

func (b *browser) send(method, target, body string, header ...string) reply {
	b.Helper()
	r, err := b.do(method, target, body, header...)
	if err != nil {
		b.Fatalf("%s %s: %v", method, target, err)
	}
	return r
}

const (
	typeForm = "application/x-www-form-urlencoded"
	typeJSON = "application/json"
)

func (b *browser) postJSON(target string, body any) reply {
	b.Helper()
	return b.send("POST", target, encode(b, body), "Content-Type", typeJSON)
}

func (b *browser) postForm(target string, form url.Values, header ...string) reply {
	b.Helper()
	return b.send("POST", target, form.Encode(), append(header, "Content-Type", typeForm)...)
}

func encode(t interface{ Fatal(...any) }, value any) string {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// A request is an authorization request of a relying party, with what it
// remembers of it.
type request struct {
	clientID, redirectURI, state, nonce, verifier string
	scope                                         string
}

func newRequest(clientID, scope string) request {
	return request{clientID, redirectURI, rand.Text(), rand.Text(), rand.Text() + rand.Text(), scope}
}

func (q request) challenge() string {
	sum := sha256.Sum256([]byte(q.verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (q request) form() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {q.clientID}, "redirect_uri": {q.redirectURI}, "scope": {q.scope},
		"state": {q.state}, "nonce": {q.nonce}, "code_challenge": {q.challenge()}, "code_challenge_method": {"S256"},
	}
}

// A challenge is what the provider asks a wallet to sign.
type challenge struct {
	LoginID     string   `json:"login_id"`
	Message     string   `json:"message"`
	Nonce       string   `json:"nonce"`
	NonceBytes  [32]byte `json:"nonce_bytes"`
	Recipient   string   `json:"recipient"`
	State       string   `json:"state"`
	CallbackURL string   `json:"callback_url"`
}

func (c challenge) path() string { return "/login/" + c.LoginID }

// authorize opens an authorization URL and returns the challenge behind it.
func (b *browser) authorize(target string) (c challenge) {
	b.Helper()
	r := b.send("GET", target, "")
	to := strings.TrimPrefix(r.header.Get("Location"), b.path())
	if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login/") {
		b.Fatalf("authorize: %d %s %s", r.status, to, r.body)
	}
	return b.challengeAt(to)
}

// challengeAt reads the challenge of a login page.
func (b *browser) challengeAt(path string) (c challenge) {
	b.Helper()
	r := b.send("GET", path, "", "Accept", typeJSON)
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != http.StatusOK {
		b.Fatalf("challenge: %d %s", r.status, r.body)
	}
	return c
}

// answer is what alice's wallet makes of a challenge.
func (s *site) answer(c challenge) map[string]string {
	return map[string]string{
		"account_id": s.alice.AccountID, "public_key": s.alice.PublicKey(),
		"signature": s.alice.Sign(c.Message, c.NonceBytes, c.Recipient, nil),
	}
}

// approve signs a challenge and returns where the browser is sent.
func (b *browser) approve(c challenge) *url.URL {
	b.Helper()
	r := b.postJSON(c.path()+"/verify", b.answer(c))
	to, err := url.Parse(r.text("redirect_to"))
	if err == nil && r.status == http.StatusOK && strings.HasPrefix(to.String(), b.issuer+"/continue/") {
		return b.posted(b.send("GET", to.Path, "")) // response_mode form_post
	}
	if r.status != http.StatusOK || err != nil || to.Query().Get("code") == "" {
		b.Fatalf("verify: %d %s", r.status, r.body)
	}
	return to
}

// visit is the whole of a person's part: it opens an authorization URL, signs
// in, and returns the URL that the relying party is called back at.
func (b *browser) visit(authorizationURL string) *url.URL {
	b.Helper()
	return b.approve(b.authorize(authorizationURL))
}

// redeem is the form of the token request for a code.
func (q request) redeem(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {q.redirectURI}, "code_verifier": {q.verifier},
		"client_id": {q.clientID}, "client_secret": {clientSecret},
	}
}

func refresh(clientID string, token any) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}, "client_id": {clientID}, "client_secret": {clientSecret},
	}
}

// shown is the form of a revocation or introspection request.
func shown(clientID string, token any) url.Values {
	return url.Values{"token": {token.(string)}, "client_id": {clientID}, "client_secret": {clientSecret}}
}

// userInfo asks for the claims of an access token.
func (b *browser) userInfo(accessToken any) reply {
	b.Helper()
	return b.send("GET", "/userinfo", "", "Authorization", "Bearer "+accessToken.(string))
}

// signIn is one login from start to end in a new browser; it returns the
// token response.
func (p *process) signIn(clientID, scope string) map[string]any {
	p.Helper()
	q := newRequest(clientID, scope)
	b := p.browser()
	code := b.visit("/authorize?" + q.form().Encode()).Query().Get("code")
	r := b.postForm("/token", q.redeem(code))
	if r.status != http.StatusOK {
		p.Fatalf("token: %d %s", r.status, r.body)
	}
	if info := b.userInfo(r.text("access_token")); info.status != http.StatusOK || info.text("sub") != p.alice.AccountID {
		p.Fatalf("userinfo: %d %s", info.status, info.body)
	}
	return r.json()
}
