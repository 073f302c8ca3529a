package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"near-idp/internal/neartest"
)

const (
	redirectURI = "https://app.example.com/callback"
	agent       = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
)

// A person has an account and its key.
type person struct {
	wallet *neartest.Wallet
	key    string // base58 takes long enough to be done beforehand
}

func newPerson(account string) *person {
	wallet := neartest.NewWallet(account)
	return &person{wallet, wallet.PublicKey()}
}

// A crowd are people who sign in by turns: so many that the few seconds for
// which an answer of the chain is kept save no question.
type crowd struct {
	people []*person
	next   atomic.Int64
}

func (c *crowd) one() *person { return c.people[int(c.next.Add(1))%len(c.people)] }

// A station is a browser and the application that its user signs in to, over
// one connection that is kept alive.
type station struct {
	wire
	*subject
	crowd   *crowd
	out     []byte // the request being written
	request []byte // an authorization request but for its state and nonce
	proof   struct{ verifier, challenge string }
	serial  uint64
	random  string
	steps   [5]time.Duration // of the last login

	// What the last login gave the application.
	account             string
	access, refresh, id []byte
}

func (s *subject) station(people *crowd) *station {
	t := &station{wire: wire{address: s.address}, subject: s, crowd: people, random: rand.Text()}
	t.proof.verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(t.proof.verifier))
	t.proof.challenge = base64.RawURLEncoding.EncodeToString(sum[:])
	t.request = []byte("GET /authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {s.client}, "redirect_uri": {redirectURI}, "scope": {"openid profile offline_access"},
		"code_challenge": {t.proof.challenge}, "code_challenge_method": {"S256"},
	}.Encode())
	return t
}

// begin starts a request; header lines follow.
func (t *station) begin(method, path string) {
	t.out = append(t.out[:0], method...)
	t.out = append(append(t.out, ' '), path...)
	t.head()
}

func (t *station) head() {
	t.out = append(t.out, " HTTP/1.1\r\nHost: "...)
	t.out = append(append(t.out, t.host...), "\r\n"...)
}

// browser adds the header of a browser with its cookies.
func (t *station) browser() {
	t.out = append(t.out, "User-Agent: "+agent+"\r\nAccept-Language: en\r\n"...)
	for i, cookie := range t.cookies {
		if i == 0 {
			t.out = append(t.out, "Cookie: "...)
		} else {
			t.out = append(t.out, "; "...)
		}
		t.out = append(append(append(t.out, cookie.name...), '='), cookie.value...)
	}
	if len(t.cookies) > 0 {
		t.out = append(t.out, "\r\n"...)
	}
}

// send ends the header and gets the answer, which must have the status.
func (t *station) send(status int, body []byte) error {
	if body != nil {
		t.out = strconv.AppendInt(append(t.out, "Content-Length: "...), int64(len(body)), 10)
		t.out = append(t.out, "\r\n"...)
	}
	t.out = append(append(t.out, "\r\n"...), body...)
	return t.expect(status, t.out)
}

// login is one complete sign-in of a new browser.
func (t *station) login() error {
	t.cookies = t.cookies[:0]
	p := t.crowd.one()
	var clock stopwatch
	clock.start(&t.steps)
	if err := t.authorize(http.StatusSeeOther); err != nil {
		return err
	}
	clock.lap()
	code, err := t.approve(p, &clock)
	if err != nil {
		return err
	}
	return t.redeem(code, p.wallet.AccountID, &clock)
}

// authorize sends the application's authorization request.
func (t *station) authorize(status int) error {
	t.serial++
	t.out = append(t.out[:0], t.request...)
	for _, name := range []string{"&state=", "&nonce="} {
		t.out = append(append(t.out, name...), t.random...)
		t.out = strconv.AppendUint(t.out, t.serial, 10)
	}
	t.head()
	t.browser()
	return t.send(status, nil)
}

// approve goes from the login that began to the code, with a wallet.
func (t *station) approve(p *person, clock *stopwatch) (code string, err error) {
	login := string(bytes.TrimPrefix(t.location, []byte(t.issuer)))
	t.begin(http.MethodGet, login)
	t.out = append(t.out, "Accept: application/json\r\n"...)
	t.browser()
	if err := t.send(http.StatusOK, nil); err != nil {
		return "", err
	}
	clock.lap()
	nonce, err := base64.StdEncoding.DecodeString(plain(member(t.body, "nonce")))
	if err != nil || len(nonce) != 32 {
		return "", fmt.Errorf("no challenge in %.300s", t.body)
	}
	callback := plain(member(t.body, "callback_url"))
	signature := p.wallet.Sign(plain(member(t.body, "message")), [32]byte(nonce), plain(member(t.body, "recipient")), &callback)
	proof := `{"account_id":"` + p.wallet.AccountID + `","public_key":"` + p.key + `","signature":"` + signature + `"}`
	clock.skip()
	t.begin(http.MethodPost, login+"/verify")
	t.out = append(t.out, "Accept: application/json\r\nContent-Type: application/json\r\n"...)
	t.browser()
	if err := t.send(http.StatusOK, []byte(proof)); err != nil {
		return "", err
	}
	clock.lap()
	return t.code(plain(member(t.body, "redirect_to")))
}

// code takes the code out of the redirect to the application.
func (t *station) code(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("state") != t.random+strconv.FormatUint(t.serial, 10) {
		return "", fmt.Errorf("the login leads to %q, which is not back to the application (%v)", to, err)
	}
	return u.Query().Get("code"), nil
}

// redeem gets tokens for a code, and userinfo for them.
func (t *station) redeem(code, account string, clock *stopwatch) error {
	clock.skip()
	if err := t.post("/token", "grant_type=authorization_code&redirect_uri="+url.QueryEscape(redirectURI)+
		"&code_verifier="+t.proof.verifier+"&code="+code); err != nil {
		return err
	}
	clock.lap()
	t.access = append(t.access[:0], member(t.body, "access_token")...)
	t.refresh = append(t.refresh[:0], member(t.body, "refresh_token")...)
	t.id = append(t.id[:0], member(t.body, "id_token")...)
	if len(t.access) == 0 || len(t.refresh) == 0 || len(t.id) == 0 {
		return errors.New("the token endpoint left out a token")
	}
	t.account = account
	err := t.userinfo()
	clock.lap()
	return err
}

// post sends a form of the client, which authenticates itself.
func (t *station) post(path, form string) error {
	t.begin(http.MethodPost, path)
	t.out = append(append(t.out, t.authorization...), "Content-Type: application/x-www-form-urlencoded\r\n"...)
	return t.send(http.StatusOK, []byte(form))
}

func (t *station) userinfo() error {
	t.begin(http.MethodGet, "/userinfo")
	t.out = append(append(append(t.out, "Authorization: Bearer "...), t.access...), "\r\n"...)
	if err := t.send(http.StatusOK, nil); err != nil {
		return err
	}
	if sub := member(t.body, "sub"); string(sub) != t.account {
		return fmt.Errorf("%s signed in and came out as %s", t.account, sub)
	}
	return nil
}

// plain resolves the escapes of a JSON string.
func plain(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var s string
	if err := json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &s); err != nil {
		return ""
	}
	return s
}

// A stopwatch times the requests of a login, and nothing between them.
type stopwatch struct {
	laps []time.Duration
	last time.Time
}

func (s *stopwatch) start(laps *[5]time.Duration) { s.laps, s.last = laps[:0], time.Now() }

func (s *stopwatch) lap() {
	now := time.Now()
	s.laps = append(s.laps, now.Sub(s.last))
	s.last = now
}

func (s *stopwatch) skip() { s.last = time.Now() }
