package ha

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/neartest"
)

const (
	clientID     = "app"
	clientSecret = "a-secret-of-the-harness-that-is-long-enough"
	redirectURI  = "https://app.example.com/callback"
	typeForm     = "application/x-www-form-urlencoded"
	typeJSON     = "application/json"
)

// errOver ends what a person or an application does when the harness is done.
var errOver = errors.New("over")

// An application is one, with a browser in which people sign in to it. It does what well-made
// software does: it comes back when it is told to, and after a connection broke.
type application struct {
	ctx    context.Context // ends when no new work is to begin
	issuer string
	http   *http.Client
	ledger *ledger
}

func newApplication(ctx context.Context, issuer string, l *ledger) *application {
	return &application{ctx, issuer, &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}, l}
}

// A reply is a definite answer.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	retried bool // an earlier try may have been carried out, its answer is lost
}

func (r *reply) text(name string) string {
	var fields map[string]any
	_ = json.Unmarshal(r.body, &fields) // what is no JSON has no such field
	text, _ := fields[name].(string)
	return text
}

func (r *reply) String() string { return fmt.Sprintf("%d %.300s", r.status, r.body) }

// insist sends a request until it is answered by something else than "come back".
func (a *application) insist(method, path, body string, header ...string) (*reply, error) {
	for retried := false; ; retried = true {
		r, err := a.once(method, path, body, header...)
		if err != nil {
			return nil, err
		}
		if r != nil {
			r.retried = retried
			return r, nil
		}
		select {
		case <-a.ctx.Done():
			return nil, errOver
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// once is nil when there was no definite answer.
func (a *application) once(method, path, body string, header ...string) (*reply, error) {
	request, err := http.NewRequest(method, a.issuer+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := a.http.Do(request)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	a.ledger.note(func(p *phase, now time.Time) {
		p.requests++
		switch {
		case err != nil || response.Header.Get(headerCut) != "":
			p.cut++
			p.lastNot = now
		case response.StatusCode == http.StatusServiceUnavailable:
			p.unavailable++
			p.lastNot = now
		default:
			p.succeeded(now)
		}
	})
	switch {
	case err != nil:
		a.ledger.wrongf("%s %s: %v", method, path, err) // the proxy answers whatever happens
		return nil, nil
	case response.Header.Get(headerCut) != "":
		return nil, nil
	case response.StatusCode == http.StatusServiceUnavailable:
		if response.Header.Get("Retry-After") == "" || !bytes.Contains(text, []byte("error")) {
			a.ledger.wrongf("%s %s: 503 without Retry-After or a reason: %s", method, path, text)
		}
		return nil, nil
	case response.StatusCode >= 500:
		a.ledger.wrongf("%s %s: %d %s", method, path, response.StatusCode, text)
		return nil, nil
	}
	return &reply{status: response.StatusCode, header: response.Header, body: text}, nil
}

func (a *application) post(path string, form url.Values) (*reply, error) {
	basic := base64.StdEncoding.EncodeToString([]byte(clientID + ":" + clientSecret))
	return a.insist("POST", path, form.Encode(), "Content-Type", typeForm, "Authorization", "Basic "+basic)
}

// expect holds a definite answer to a status.
func (a *application) expect(what string, r *reply, status int) bool {
	if r.status != status {
		a.ledger.wrongf("%s: %v", what, r)
		return false
	}
	return true
}

// A challenge is what a wallet is asked to sign, and where its answer goes.
type challenge struct {
	path      string
	header    []string
	Login     string   `json:"login_id"`
	Message   string   `json:"message"`
	Recipient string   `json:"recipient"`
	State     string   `json:"state"`
	Nonce     [32]byte `json:"nonce_bytes"`
	Callback  string   `json:"callback_url"`
}

// authorize goes to the login page and reads its challenge.
func (a *application) authorize(verifier string) (*challenge, error) {
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {"openid offline_access"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	r, err := a.insist("GET", "/authorize?"+query.Encode(), "")
	if err != nil || !a.expect("authorize", r, http.StatusSeeOther) {
		return nil, err
	}
	c := &challenge{path: strings.TrimPrefix(r.header.Get("Location"), a.issuer), header: []string{"Accept", typeJSON}}
	for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
		c.header = append(c.header, "Cookie", cookie.Name+"="+cookie.Value)
	}
	if r, err = a.insist("GET", c.path, "", c.header...); err != nil || !a.expect("challenge", r, http.StatusOK) {
		return nil, err
	}
	if err := json.Unmarshal(r.body, c); err != nil {
		a.ledger.wrongf("challenge: %v", r)
		return nil, nil
	}
	return c, nil
}

// prove answers a challenge as a wallet does.
func (a *application) prove(c *challenge, account string, w *neartest.Wallet) (*reply, error) {
	proof, err := json.Marshal(map[string]string{
		"account_id": account, "public_key": w.PublicKey(), "state": c.State,
		"signature": w.Sign(c.Message, c.Nonce, c.Recipient, &c.Callback),
	})
	if err != nil {
		return nil, err
	}
	return a.insist("POST", c.path+"/verify", string(proof), append([]string{"Content-Type", typeJSON}, c.header...)...)
}

// tokenID is the id of an access token, whose times must be those of the real world.
func (a *application) tokenID(access string) string {
	var token struct {
		ID  string `json:"jti"`
		IAT int64  `json:"iat"`
		EXP int64  `json:"exp"`
	}
	parts := strings.Split(access, ".")
	if len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &token) // without an id it is refused below
		}
	}
	const tolerated = 90 * time.Second // an answer may be late; an hour is not
	if token.ID == "" || time.Since(time.Unix(token.IAT, 0)).Abs() > tolerated || token.EXP-token.IAT != 900 {
		a.ledger.wrongf("an access token with id %q, issued %d, expires %d, at %d", token.ID, token.IAT, token.EXP, time.Now().Unix())
	}
	return token.ID
}
