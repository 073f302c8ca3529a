package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

// attacks are proofs that must not sign anybody in, each with the reason given.
var attacks = []struct {
	reason string
	status int
	answer func(p *provider, b *browser, c challenge) any
}{
	{"bad_signature", 403, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["signature"] = p.alice.Sign(c.Message+" ", c.NonceBytes, c.Recipient, nil)
		return a
	}},
	{"bad_signature", 403, func(p *provider, _ *browser, c challenge) any {
		other := "https://evil.example/cb"
		a := answer(p.alice, c)
		a["signature"] = p.alice.Sign(c.Message, c.NonceBytes, c.Recipient, &other)
		return a
	}},
	{"wrong_nonce", 403, func(p *provider, b *browser, c challenge) any {
		return token(p.alice.AuthToken(c.Message, b.begin().NonceBytes, c.Recipient, nil, nil))
	}},
	{"wrong_recipient", 403, func(p *provider, _ *browser, c challenge) any {
		return token(p.alice.AuthToken(c.Message, c.NonceBytes, "evil.example", nil, nil))
	}},
	{"wrong_message", 403, func(p *provider, _ *browser, c challenge) any {
		return token(p.alice.AuthToken("Send 1 NEAR", c.NonceBytes, c.Recipient, nil, nil))
	}},
	{"wrong_callback", 403, func(p *provider, _ *browser, c challenge) any {
		other := "https://evil.example/cb"
		return token(p.alice.AuthToken(c.Message, c.NonceBytes, c.Recipient, &other, nil))
	}},
	{"state_mismatch", 403, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["state"] = c.State + "x"
		return a
	}},
	{"account_not_found", 422, func(p *provider, _ *browser, c challenge) any {
		return answer(neartest.NewWallet("nobody.testnet"), c)
	}},
	{"key_not_found", 403, func(p *provider, _ *browser, c challenge) any {
		return answer(neartest.NewWallet("alice.testnet"), c)
	}},
	{"not_full_access", 403, func(p *provider, _ *browser, c challenge) any {
		w := neartest.NewWallet("alice.testnet")
		p.chain.AddKey("alice.testnet", w.PublicKey(), neartest.FunctionCall("app.testnet"))
		return answer(w, c)
	}},
	{"wrong_network", 403, func(p *provider, _ *browser, c challenge) any {
		return answer(neartest.NewWallet("alice.near"), c)
	}},
	{"account_type_unsupported", 422, func(p *provider, _ *browser, c challenge) any {
		return answer(neartest.NewWallet("0x"+strings.Repeat("ab", 20)), c)
	}},
	{"invalid_account_id", 400, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["account_id"] = "Alice..testnet\x00"
		return a
	}},
	{"invalid_public_key", 400, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["public_key"] = strings.TrimPrefix(p.alice.PublicKey(), "ed25519:")
		return a
	}},
	{"unsupported_key_type", 422, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["public_key"] = "secp256k1:5r22SrjrDvgY3wdQsnjgxkeAbU1VcM71FYvALEQWihjM3Xk4Be1CpETTqFccChQr4iJwDroSDVmgaWZv2AcXvYeL"
		return a
	}},
	{"invalid_signature_encoding", 400, func(p *provider, _ *browser, c challenge) any {
		a := answer(p.alice, c)
		a["signature"] = strings.Repeat("0", 128)
		return a
	}},
	{"malformed", 400, func(*provider, *browser, challenge) any { return token("AAAA") }},
	{"malformed", 400, func(*provider, *browser, challenge) any { return "{}" }},
	{"malformed", 400, func(*provider, *browser, challenge) any { return `{"signature":` }},
	{"rpc_unavailable", 503, func(p *provider, _ *browser, c challenge) any {
		p.chain.SetMode(neartest.Malformed)
		return answer(p.alice, c)
	}},
	{"expired", 410, func(p *provider, _ *browser, c challenge) any {
		p.ahead.Store(int64(5 * time.Minute))
		return answer(p.alice, c)
	}},
	{"used", 409, func(p *provider, b *browser, c challenge) any {
		b.postForm(c.path+"/cancel", nil)
		return answer(p.alice, c)
	}},
	{"different_proof", 409, func(p *provider, b *browser, c challenge) any {
		b.postJSON(c.path+"/verify", answer(p.alice, c))
		other := neartest.NewWallet("alice.testnet")
		p.chain.AddKey("alice.testnet", other.PublicKey(), neartest.FullAccess)
		return answer(other, c)
	}},
	{"too_many_attempts", 429, func(p *provider, b *browser, c challenge) any {
		for range 5 {
			a := answer(p.alice, c)
			a["state"] = "wrong"
			b.postJSON(c.path+"/verify", a)
		}
		return answer(p.alice, c)
	}},
	{"wrong_browser", 403, func(p *provider, b *browser, c challenge) any {
		b.client.Jar = p.browser().client.Jar
		return answer(p.alice, c)
	}},
	{"not_found", 404, func(p *provider, _ *browser, c challenge) any {
		_, err := p.pool.Exec(p.t.Context(), "DELETE FROM logins WHERE id = $1", c.LoginID)
		must(p.t, err)
		return answer(p.alice, c)
	}},
}

func token(t string) any { return map[string]string{"authToken": t} }

func TestEachAttackIsRefusedWithItsOwnReason(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	sentences := map[string]string{}
	for _, tt := range attacks {
		p.chain.SetMode(neartest.OK)
		p.ahead.Store(0)
		b := p.browser()
		c := b.begin()
		r := b.postJSON(c.path+"/verify", tt.answer(p, b, c))
		body := r.json(t)
		if r.status != tt.status || body["error"] != tt.reason {
			t.Errorf("%s: %d %s", tt.reason, r.status, r.body)
			continue
		}
		if id := body["request_id"]; id == "" || id != r.header.Get("X-Request-Id") || body["retryable"] != (tt.reason == "rpc_unavailable") {
			t.Errorf("%s: %s", tt.reason, r.body)
		}
		if tt.reason != "malformed" {
			if other := sentences[body["error_description"].(string)]; other != "" && other != tt.reason {
				t.Errorf("%s and %s say the same", tt.reason, other)
			}
			sentences[body["error_description"].(string)] = tt.reason
		}
		if strings.Contains(strings.Join(r.header.Values("Set-Cookie"), ""), "idp_session") {
			t.Errorf("%s: a session was handed out", tt.reason)
		}
		if tt.reason == "different_proof" {
			continue
		}
		var consumed int
		must(t, p.pool.QueryRow(t.Context(), "SELECT count(*) FROM logins WHERE id = $1 AND code_hash IS NOT NULL", c.LoginID).Scan(&consumed))
		if consumed != 0 {
			t.Errorf("%s: a code was issued", tt.reason)
		}
	}
}

// TestEachAttackIsAPageToo pastes the answers that have the form of the CLI's.
func TestEachAttackIsAPageToo(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for _, tt := range attacks {
		p.chain.SetMode(neartest.OK)
		p.ahead.Store(0)
		b := p.browser()
		c := b.begin()
		a, ok := tt.answer(p, b, c).(map[string]any)
		if !ok || tt.reason == "state_mismatch" { // the CLI has no state
			continue
		}
		text, err := json.Marshal(a)
		must(t, err)
		r := b.postForm(c.path+"/paste", url.Values{"output": {string(text)}})
		if r.status != tt.status || !strings.Contains(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %v", tt.reason, r.status, r.header)
		}
	}
}

func TestGuideEndpointRefusesWith401(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	i := b.initiate("")
	wrong := i.Nonce
	wrong[0] ^= 1
	stranger := neartest.NewWallet("alice.testnet")
	for reason, authToken := range map[string]string{
		"wrong_nonce":     p.alice.AuthToken(i.Message, wrong, i.Recipient, nil, nil),
		"wrong_message":   p.alice.AuthToken("Hello", i.Nonce, i.Recipient, nil, nil),
		"wrong_recipient": p.alice.AuthToken(i.Message, i.Nonce, "evil.example", nil, nil),
		"key_not_found":   stranger.AuthToken(i.Message, i.Nonce, i.Recipient, nil, nil),
		"malformed":       "not base64",
	} {
		r := b.postJSON("/api/auth/verify-login", token(authToken))
		if r.status != 401 || r.json(t)["success"] != false || r.json(t)["error"] != reason || r.json(t)["error_description"] == "" {
			t.Errorf("%s: %d %s", reason, r.status, r.body)
		}
	}
	p.chain.SetMode(neartest.Down500)
	r := b.postJSON("/api/auth/verify-login", token(p.alice.AuthToken(i.Message, i.Nonce, i.Recipient, nil, nil)))
	if r.status != 503 || r.json(t)["error"] != "rpc_unavailable" {
		t.Errorf("outage: %d %s", r.status, r.body)
	}
}

// TestHostileValuesNeverCauseAFault sends nonsense everywhere; newProvider
// fails the test on any answer 500.
func TestHostileValuesNeverCauseAFault(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	values := []string{
		"", "\x00", "a\x00b", "\xff\xfe", "\u202e\u0000", "'; DROP TABLE logins; --", "%00", "{{.}}", "<script>alert(1)</script>", "\r\nSet-Cookie: a=b",
		strings.Repeat("x", 4097), strings.Repeat("é", 3000), "..", "/", "null", "-1", "1e999", strings.Repeat("[", 1000), "\U0010ffff",
	}
	for _, v := range values {
		for name := range request() {
			b.send("GET", "/authorize?"+request(name, v).Encode(), "")
			b.postForm("/authorize", request(name, v))
			body, err := json.Marshal(map[string]string{"client_id": "app", "redirect_uri": appURL, name: v})
			must(t, err)
			b.postJSON("/api/auth/initiate-login", string(body))
		}
		for _, name := range []string{"login_hint", "prompt", "max_age", "claims", "request", "resource", "ui_locales", v + "x"} {
			b.send("GET", "/authorize?"+request(name, v).Encode(), "")
		}
		id := url.PathEscape(v)
		for _, path := range []string{"/login/" + id, "/login/" + id + "/cb", "/continue/" + id, "/static/" + id, "/" + id} {
			b.send("GET", path, "")
		}
		for _, name := range []string{"account_id", "public_key", "signature", "state", "wallet", "authToken", "login_id", "nonce"} {
			a := answer(p.alice, c)
			a[name] = v
			a["login_id"] = c.LoginID
			if name == "login_id" {
				a["login_id"] = v
			}
			b.postJSON("/api/auth/verify-login", a)
			delete(a, "login_id")
			b.postJSON(c.path+"/verify", a)
		}
		b.postForm(c.path+"/paste", url.Values{"output": {v + `{"signature":"` + v + `"}`}})
		for _, name := range []string{"grant_type", "code", "client_id", "redirect_uri", "code_verifier", "refresh_token", "scope"} {
			form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {appURL}, "client_id": {"app"}, "code_verifier": {verifier}}
			form.Set(name, v)
			b.postForm("/token", form)
			if name == "refresh_token" {
				form.Set("grant_type", "refresh_token")
				b.postForm("/token", form)
			}
		}
		if !strings.ContainsAny(v, "\x00\r\n") {
			b.send("GET", "/userinfo", "", "Authorization", "Bearer "+v)
			b.send("GET", c.path, "", "Cookie", "__Host-idp_login="+v, "Accept", v)
			b.send("POST", "/token", "", "Authorization", "Basic "+v, "Content-Type", v)
		}
	}
}

// Responses of the login page and of everything before it carry nothing that a cache or a referrer gives away.
func TestLocationNeverCarriesSecretsOfTheLogin(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	r := b.send("GET", "/authorize?"+request().Encode(), "")
	if to := r.header.Get("Location"); r.status != http.StatusSeeOther || strings.ContainsAny(to, "?#") {
		t.Errorf("%d %s", r.status, to)
	}
}
