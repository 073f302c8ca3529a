package demo

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A visitor is a browser without a screen: it follows links and keeps cookies.
type visitor struct {
	t      *testing.T
	client *http.Client
	dev    *process
}

func visit(t *testing.T, dev *process) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := loopbackClient()
	client.Jar, client.Timeout = jar, time.Minute
	return &visitor{t, client, dev}
}

// do returns the status, the URL arrived at, and the body.
func (v *visitor) do(method, to, contentType, body string) (int, string, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if contentType == "application/json" {
		r.Header.Set("Accept", "application/json")
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, answer.Request.URL.String(), string(text)
}

func (v *visitor) get(to string) (int, string, string) {
	v.t.Helper()
	return v.do("GET", to, "", "")
}

func (v *visitor) decode(status int, body string, into any) {
	v.t.Helper()
	if status != http.StatusOK {
		v.t.Fatalf("status %d: %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		v.t.Fatalf("%v in %s", err, body)
	}
}

type challenge struct {
	Message     string `json:"message"`
	Nonce       string `json:"nonce"`
	Recipient   string `json:"recipient"`
	State       string `json:"state"`
	CallbackURL string `json:"callback_url"`
}

// arrive presses "Sign in with NEAR" and returns the login page's address.
func (v *visitor) arrive() (loginURL string, c challenge) {
	v.t.Helper()
	status, at, page := v.get(v.dev.demo + "/login")
	if status != http.StatusOK || !strings.HasPrefix(at, v.dev.issuer+"/login/") {
		v.t.Fatalf("status %d at %s: %s", status, at, page)
	}
	if !strings.Contains(page, `data-url="`+v.dev.wallet+`"`) || !strings.Contains(page, "simulated") {
		v.t.Errorf("the login page lacks the development wallet or the banner: %s", page)
	}
	status, _, body := v.do("GET", at, "application/json", "")
	v.decode(status, body, &c)
	return at, c
}

// sign asks the development wallet as its page does, by redirect.
func (v *visitor) sign(account string, c challenge) string {
	v.t.Helper()
	query := url.Values{"message": {c.Message}, "nonce": {c.Nonce}, "recipient": {c.Recipient}, "callbackUrl": {c.CallbackURL}, "state": {c.State}}
	if status, _, page := v.get(v.dev.wallet + "/sign-message?" + query.Encode()); status != http.StatusOK || !strings.Contains(page, "Approve") {
		v.t.Fatalf("wallet: status %d: %s", status, page)
	}
	request, _ := json.Marshal(map[string]any{
		"account_id": account, "message": c.Message, "nonce": c.Nonce, "recipient": c.Recipient, "callback_url": c.CallbackURL,
	})
	var signed signedMessage
	status, _, body := v.do("POST", v.dev.wallet+"/sign", "application/json", string(request))
	v.decode(status, body, &signed)
	answer, _ := json.Marshal(map[string]string{
		"accountId": signed.AccountID, "signature": signed.Signature, "publicKey": signed.PublicKey, "state": c.State,
	})
	return string(answer)
}

// signIn goes all the way and returns the application's page.
func (v *visitor) signIn(account string) string {
	v.t.Helper()
	loginURL, c := v.arrive()
	var verified struct {
		RedirectTo string `json:"redirect_to"`
	}
	status, _, body := v.do("POST", loginURL+"/verify", "application/json", v.sign(account, c))
	v.decode(status, body, &verified)
	status, at, page := v.get(verified.RedirectTo)
	if status != http.StatusOK || at != v.dev.demo+"/" {
		v.t.Fatalf("status %d at %s: %s", status, at, page)
	}
	return page
}

var markup = regexp.MustCompile(`<[^>]*>`)

// plain is what a person reads of a page.
func plain(page string) string { return html.UnescapeString(markup.ReplaceAllString(page, "")) }

func TestNewcomerSignsInRefreshesAndSignsOut(t *testing.T) {
	t.Parallel()
	dev := development(t)
	v := visit(t, dev)
	page := plain(v.signIn("alice.testnet"))
	for _, want := range []string{
		"Signed in as alice.testnet", `"sub": "alice.testnet"`, `"aud": [`, `"alg": "RS256"`, `"iss": "` + dev.issuer + `"`,
		`"near_network": "testnet"`, `"typ": "at+jwt"`, "Refresh token", `"scope": "openid profile offline_access"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, times := range []string{"refreshed once", "refreshed 2 times"} {
		status, at, page := v.do("POST", dev.demo+"/refresh", "application/x-www-form-urlencoded", "")
		if status != http.StatusOK || at != dev.demo+"/" || !strings.Contains(plain(page), times) {
			t.Fatalf("refresh: status %d at %s: %s", status, at, plain(page))
		}
	}
	_, _, page = v.do("POST", dev.demo+"/logout", "application/x-www-form-urlencoded", "")
	if strings.Contains(page, "alice.testnet") || !strings.Contains(page, "Sign in with NEAR") {
		t.Errorf("still signed in: %s", page)
	}
}

// Each of the wallet's other accounts shows one refusal.
func TestAccountsThatDoNotSignIn(t *testing.T) {
	t.Parallel()
	v := visit(t, development(t))
	reasons := map[string]string{
		"limited-key.testnet": "not_full_access", "removed-key.testnet": "key_not_found",
		"nobody.testnet": "account_not_found", "alice.near": "wrong_network",
	}
	for _, a := range accounts {
		want, refused := reasons[a.ID]
		if refused == a.SignsIn {
			t.Fatalf("%s: the test expects %q", a.ID, want)
		}
		if !refused {
			continue
		}
		loginURL, c := v.arrive()
		status, _, body := v.do("POST", loginURL+"/verify", "application/json", v.sign(a.ID, c))
		var got struct{ Error string }
		if json.Unmarshal([]byte(body), &got); status < 400 || status >= 500 || got.Error != want {
			t.Errorf("%s: status %d: %s", a.ID, status, body)
		}
	}
}

func TestCancellingReturnsToTheApplication(t *testing.T) {
	t.Parallel()
	dev := development(t)
	v := visit(t, dev)
	loginURL, _ := v.arrive()
	_, _, page := v.do("POST", loginURL+"/cancel", "application/x-www-form-urlencoded", "")
	m := regexp.MustCompile(`href="(` + regexp.QuoteMeta(dev.demo) + `/callback[^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no way back: %s", page)
	}
	to := strings.ReplaceAll(m[1], "&amp;", "&")
	if status, _, page := v.get(to); status != http.StatusOK || !strings.Contains(page, "You cancelled") {
		t.Errorf("status %d: %s", status, page)
	}
	if status, _, page := v.get(to); status != http.StatusBadRequest || !strings.Contains(page, "not started here") {
		t.Errorf("the answer is taken twice: status %d: %s", status, page)
	}
}

// The application takes answers of its own provider to its own questions only.
func TestForgedAnswersAreRefused(t *testing.T) {
	t.Parallel()
	dev := development(t)
	v := visit(t, dev)
	_, c := v.arrive()
	iss := url.QueryEscape(dev.issuer)
	for name, query := range map[string]string{
		"no state":       "code=x&iss=" + iss,
		"foreign state":  "code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAA&iss=" + iss,
		"foreign issuer": "code=x&iss=https%3A%2F%2Fevil.example&state=" + c.State,
	} {
		if status, _, page := v.get(dev.demo + "/callback?" + query); status != http.StatusBadRequest || strings.Contains(page, "Signed in as") {
			t.Errorf("%s: status %d", name, status)
		}
	}
	_, c = v.arrive()
	stranger := visit(t, dev)
	stranger.arrive()
	if status, _, _ := stranger.get(dev.demo + "/callback?code=x&state=" + c.State + "&iss=" + iss); status != http.StatusBadRequest {
		t.Errorf("another browser's state: status %d", status)
	}
	if status, _, page := v.get(dev.demo + "/callback?code=x&state=" + c.State + "&iss=" + iss); status != http.StatusBadGateway || !strings.Contains(page, "invalid_grant") {
		t.Errorf("an invented code: status %d: %s", status, page)
	}
}

func TestDevelopmentSurvivesARestart(t *testing.T) {
	t.Parallel()
	one.Lock()
	dir := filepath.Join(buildRoot(t), "restarted")
	one.Unlock()
	keys := func(v *visitor) string { _, _, body := v.get(v.dev.issuer + "/jwks"); return body }

	dev := start(t, dir)
	v := visit(t, dev)
	before := keys(v)
	v.signIn("bob.testnet")
	held, err := net.Dial("tcp", strings.TrimPrefix(strings.Replace(dev.issuer, "localhost", "127.0.0.1", 1), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close() // as a browser opens them in advance
	took, err := dev.stop()
	if err != nil {
		t.Fatalf("stop: %v\n%s", err, dev.log)
	}
	t.Logf("stopped in %s", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("stopping took %s; two seconds are promised, and five allowed to a busy machine", took)
	}

	dev = start(t, dir)
	defer dev.stop()
	v = visit(t, dev)
	if after := keys(v); after != before {
		t.Errorf("other signing keys:\n%s\n%s", before, after)
	}
	if page := v.signIn("bob.testnet"); !strings.Contains(plain(page), "Signed in as bob.testnet") {
		t.Errorf("not signed in: %s", page)
	}
	issuer, err := os.ReadFile(filepath.Join(dir, "issuer"))
	if err != nil || !bytes.Equal(bytes.TrimSpace(issuer), []byte(dev.issuer)) {
		t.Errorf("the issuer file says %q, %v", issuer, err)
	}
}

// The names differ because cookies do not tell ports apart.
func TestEachPartHasAHostOfItsOwn(t *testing.T) {
	t.Parallel()
	demo, issuer, wallet, admin := development(t).hosts(t)
	if hosts := []string{demo, issuer, wallet, admin}; len(slices.Compact(slices.Sorted(slices.Values(hosts)))) != len(hosts) {
		t.Errorf("hosts %s", hosts)
	}
}
