package demo

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/near"
)

const (
	testKey  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testHost = "wallet.localhost:8082"
)

var testNonce = [32]byte{1, 2, 3, 31: 0xff}

func testQuery() url.Values {
	return url.Values{
		"message": {"Sign in to <b>Demo</b> & co"}, "nonce": {base64.StdEncoding.EncodeToString(testNonce[:])},
		"recipient": {"localhost"}, "callbackUrl": {"http://localhost:8080/login/x/cb"}, "state": {"s"},
	}
}

func ask(t *testing.T, h http.Handler, method, target string, header http.Header, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://"+testHost+target, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func signBody(t *testing.T, account string, callback any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"account_id": account, "message": "Sign in", "recipient": "localhost", "callback_url": callback,
		"nonce": base64.StdEncoding.EncodeToString(testNonce[:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

// The verifier that production uses accepts what the wallet signs, with the callback URL and without.
func TestSignaturesVerify(t *testing.T) {
	t.Parallel()
	wallet := NewWallet(NewNetwork(testKey), testHost)
	callback := "http://localhost:8080/login/x/cb"
	for _, signed := range []*string{nil, &callback} {
		w := ask(t, wallet, "POST", "/sign", asJSON, signBody(t, "alice.testnet", signed))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		var got signedMessage
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		key, err := near.ParsePublicKey(got.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := near.ParseSignature(got.Signature)
		if err != nil {
			t.Fatal(err)
		}
		payload := near.Payload{Message: "Sign in", Nonce: testNonce, Recipient: "localhost", CallbackURL: signed}
		if err := payload.Verify(key, signature); err != nil {
			t.Errorf("callback URL %v: %v", signed, err)
		}
		if got.AccountID != "alice.testnet" {
			t.Errorf("account %q", got.AccountID)
		}
	}
}

// The members come in the order that MyNearWallet's fragment has.
func TestSignedMessageHasMyNearWalletsOrder(t *testing.T) {
	t.Parallel()
	w := ask(t, NewWallet(NewNetwork(testKey), testHost), "POST", "/sign", asJSON, signBody(t, "bob.testnet", nil))
	text := w.Body.String()
	at := []int{strings.Index(text, `"accountId"`), strings.Index(text, `"signature"`), strings.Index(text, `"publicKey"`)}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("members are at %v in %s", at, text)
	}
}

func TestRequestIsShownEscaped(t *testing.T) {
	t.Parallel()
	w := ask(t, NewWallet(NewNetwork(testKey), testHost), "GET", "/sign-message?"+testQuery().Encode(), nil, "")
	page := w.Body.String()
	for _, want := range []string{
		"Sign in to &lt;b&gt;Demo&lt;/b&gt; &amp; co", "http://localhost:8080 asks you to", "<code>localhost</code>", "alice.testnet",
		`data-callback="http://localhost:8080/login/x/cb"`, `data-state="s"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w.Code != http.StatusOK || strings.Contains(page, "<b>Demo") || strings.Contains(page, "ZgotmplZ") {
		t.Errorf("status %d, or unescaped: %s", w.Code, page)
	}
}

func TestMalformedRequestIsRefused(t *testing.T) {
	t.Parallel()
	wallet := NewWallet(NewNetwork(testKey), testHost)
	for name, change := range map[string]func(url.Values){
		"no message":              func(q url.Values) { q.Del("message") },
		"no recipient":            func(q url.Values) { q.Del("recipient") },
		"no callback URL":         func(q url.Values) { q.Del("callbackUrl") },
		"script as callback URL":  func(q url.Values) { q.Set("callbackUrl", "javascript:alert(1)//x") },
		"data as callback URL":    func(q url.Values) { q.Set("callbackUrl", "data:text/html,x") },
		"userinfo in callback":    func(q url.Values) { q.Set("callbackUrl", "https://localhost:8080@evil.example/") },
		"relative callback URL":   func(q url.Values) { q.Set("callbackUrl", "/cb") },
		"short nonce":             func(q url.Values) { q.Set("nonce", "AAAA") },
		"nonce with line breaks":  func(q url.Values) { q.Set("nonce", "\n"+q.Get("nonce")) },
		"long message":            func(q url.Values) { q.Set("message", strings.Repeat("x", maxMessage+1)) },
		"state beyond every need": func(q url.Values) { q.Set("state", strings.Repeat("x", maxState+1)) },
	} {
		query := testQuery()
		change(query)
		w := ask(t, wallet, "GET", "/sign-message?"+query.Encode(), nil, "")
		if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "wallet.js") {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
	raw := testQuery()
	raw.Set("nonce", "0123456789abcdef0123456789abcdef")
	raw.Del("state")
	if w := ask(t, wallet, "GET", "/sign-message?"+raw.Encode(), nil, ""); w.Code != http.StatusOK {
		t.Errorf("32 characters as nonce and no state, which MyNearWallet takes: status %d", w.Code)
	}
}

// Only the wallet's own page gets signatures.
func TestOtherOriginsGetNoSignature(t *testing.T) {
	t.Parallel()
	wallet := NewWallet(NewNetwork(testKey), testHost)
	for name, header := range map[string]http.Header{
		"another site":       {"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"cross-site"}},
		"another port":       {"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-site"}},
		"another origin":     {"Content-Type": {"application/json"}, "Origin": {"http://localhost:8080"}},
		"a form":             {"Content-Type": {"text/plain"}},
		"a rebound DNS name": {"Content-Type": {"application/json"}, "Host": {"evil.example:8082"}},
		"the address itself": {"Content-Type": {"application/json"}, "Host": {"127.0.0.1:8082"}},
	} {
		w := ask(t, wallet, "POST", "/sign", header, signBody(t, "alice.testnet", nil))
		if w.Code < 400 || strings.Contains(w.Body.String(), "ed25519") {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
	}
	for name, body := range map[string]string{
		"unknown account": signBody(t, "mallory.testnet", nil), "no JSON": "x",
		"flood": `{"account_id":"alice.testnet","message":"` + strings.Repeat("x", maxSignBody) + `"}`,
	} {
		if w := ask(t, wallet, "POST", "/sign", asJSON, body); w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}

func TestPagesAllowNothingInline(t *testing.T) {
	t.Parallel()
	wallet := NewWallet(NewNetwork(testKey), testHost)
	app := NewApp(AppOptions{Issuer: "http://localhost:8080", ClientSecret: "s", Host: testHost})
	for _, page := range []struct {
		h    http.Handler
		path string
	}{{wallet, "/"}, {wallet, "/sign-message?" + testQuery().Encode()}, {wallet, "/sign-message"}, {app, "/"}, {app, "/callback"}} {
		w := ask(t, page.h, "GET", page.path, nil, "")
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", page.path, policy)
		}
		for _, inline := range []string{"<style", "style=", " onclick", "<script>", "javascript:"} {
			if strings.Contains(w.Body.String(), inline) {
				t.Errorf("%s contains %q", page.path, inline)
			}
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", page.path)
		}
	}
}

// Whoever signed in before a restart is the same afterwards, and no two directories share keys.
func TestKeysBelongToTheDirectory(t *testing.T) {
	t.Parallel()
	sign := func(key string) []byte {
		wallet := NewWallet(NewNetwork(idpSecret(key)), testHost)
		return ask(t, wallet, "POST", "/sign", asJSON, signBody(t, "alice.testnet", nil)).Body.Bytes()
	}
	other := strings.Replace(testKey, "A", "B", 1)
	if !bytes.Equal(sign(testKey), sign(testKey)) || bytes.Equal(sign(testKey), sign(other)) {
		t.Error("the wallet's keys do not follow from the directory's key")
	}
	if first, again := ClientSecret(testKey), ClientSecret(idpSecret(testKey)); first != again || first == ClientSecret(idpSecret(other)) {
		t.Error("the client's secret does not follow from the directory's key")
	}
}
