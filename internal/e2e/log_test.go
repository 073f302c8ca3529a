package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

// secrets are values that no log may hold, by what they are.
type secrets map[string]string

// add takes a value and the forms in which programs print it.
func (s secrets) add(name, value string) {
	if len(value) < 8 {
		panic(fmt.Sprintf("%s %q is too short to be looked for", name, value))
	}
	s[name] = value
	s[name+", escaped"] = url.QueryEscape(value)
}

func (s secrets) addBytes(name string, value []byte) {
	s.add(name+" in base64", base64.StdEncoding.EncodeToString(value))
	s.add(name+" in base64url", base64.RawURLEncoding.EncodeToString(value))
	s.add(name+" in hex", hex.EncodeToString(value))
	s.add(name+" as numbers", strings.Trim(fmt.Sprint(value), "[]"))
}

func (s secrets) addRequest(q request) {
	s.add("state of "+q.state, q.state)
	s.add("nonce of "+q.state, q.nonce)
	s.add("verifier of "+q.state, q.verifier)
	s.add("challenge of "+q.state, q.challenge())
}

func (s secrets) addChallenge(c challenge) {
	s.add("login id", c.LoginID)
	s.addBytes("NEP-413 nonce of "+c.LoginID, c.NonceBytes[:])
}

func (s secrets) addTokens(name string, r reply) {
	for _, token := range []string{"access_token", "refresh_token", "id_token"} {
		s.add(token+" of "+name, r.text(token))
		if parts := strings.Split(r.text(token), "."); len(parts) == 3 {
			s.add("signature of the "+token+" of "+name, parts[2])
		}
	}
}

// H04 of security-checks.md: at the most talkative level, and on every way to
// fail as well as to succeed.
func TestLogHoldsNoSecretsAndOneLinePerRequest(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	b := &counting{ids: map[string]reply{}}
	found := secrets{}
	found.add("client secret", clientSecret)
	found.add("encryption key", encryptionKey)
	for i, use := range []func(secrets){b.succeed, b.fail, b.embedded} {
		b.browser = p.browser()
		use(found)
		for _, cookie := range b.cookies() {
			found.add(fmt.Sprintf("cookie %s of browser %d", cookie.Name, i), cookie.Value)
		}
	}
	p.Stop()
	log := p.Written.String()
	for name, value := range found {
		if strings.Contains(log, value) {
			t.Errorf("the log holds the %s: %q", name, value)
		}
	}
	b.checkLines(log)
}

// A counting browser remembers the replies by their request ids.
type counting struct {
	*browser
	ids map[string]reply
}

func (b *counting) send(method, target, body string, header ...string) reply {
	b.Helper()
	r := b.browser.send(method, target, body, header...)
	id := r.header.Get("X-Request-Id")
	if _, seen := b.ids[id]; id == "" || seen {
		b.Errorf("%s %s has the request id %q", method, target, id)
	}
	b.ids[id] = r
	return r
}

func (b *counting) post(target string, form url.Values, header ...string) reply {
	b.Helper()
	return b.send("POST", target, form.Encode(), append(header, "Content-Type", typeForm)...)
}

// sign is everything up to the code.
func (b *counting) sign(found secrets, q request) (code string) {
	b.Helper()
	found.addRequest(q)
	to := b.send("GET", "/authorize?"+q.form().Encode(), "").header.Get("Location")
	var c challenge
	if err := json.Unmarshal([]byte(b.send("GET", to, "", "Accept", typeJSON).body), &c); err != nil {
		b.Fatal(err)
	}
	found.addChallenge(c)
	b.send("GET", to, "", "Accept", "text/html")
	b.send("GET", to+"/cb", "")
	wrong := b.answer(c)
	wrong["signature"] = b.alice.Sign(c.Message+"!", c.NonceBytes, c.Recipient, nil)
	found.add("wrong signature of "+c.LoginID, wrong["signature"])
	b.send("POST", to+"/verify", encode(b, wrong), "Content-Type", typeJSON)
	b.chain.SetMode(neartest.Down500)
	right := b.answer(c)
	found.add("signature of "+c.LoginID, right["signature"])
	b.send("POST", to+"/verify", encode(b, right), "Content-Type", typeJSON)
	b.chain.SetMode(neartest.OK)
	r := b.send("POST", to+"/verify", encode(b, right), "Content-Type", typeJSON)
	callback, err := url.Parse(r.text("redirect_to"))
	if err != nil || r.status != http.StatusOK {
		b.Fatalf("verify: %d %s", r.status, r.body)
	}
	b.send("GET", "/continue/"+c.LoginID, "")
	code = callback.Query().Get("code")
	found.add("code of "+c.LoginID, code)
	return code
}

func (b *counting) succeed(found secrets) {
	q := newRequest("rs256", "openid profile offline_access")
	form := q.redeem(b.sign(found, q))
	form.Del("client_id")
	form.Del("client_secret")
	basic := base64.StdEncoding.EncodeToString([]byte("rs256:" + clientSecret))
	found.add("Basic credentials", basic)
	tokens := b.post("/token", form, "Authorization", "Basic "+basic)
	found.addTokens("the code", tokens)
	b.send("GET", "/userinfo", "", "Authorization", "Bearer "+tokens.text("access_token"))
	b.post("/userinfo", url.Values{"access_token": {tokens.text("access_token")}})
	next := b.post("/token", refresh("rs256", tokens.text("refresh_token")))
	found.addTokens("the refresh", next)
}

// fail takes each step the wrong way, with secrets where they do not belong.
func (b *counting) fail(found secrets) {
	q := newRequest("rs256", "openid profile offline_access")
	code := b.sign(found, q)
	wrong := q.redeem(code)
	wrong.Set("client_secret", clientSecret+"x")
	b.post("/token", wrong)
	b.post("/token?code="+code+"&client_secret="+clientSecret, q.redeem(code))
	tokens := b.post("/token", q.redeem(code))
	found.addTokens("the second login", tokens)
	b.post("/token", q.redeem(code)) // a replay, which ends the grant
	b.post("/token", refresh("rs256", tokens.text("refresh_token")))
	b.post("/token", refresh("other", tokens.text("refresh_token")))
	for _, token := range []string{tokens.text("access_token"), tokens.text("access_token") + "x", tokens.text("id_token"), tokens.text("refresh_token")} {
		b.send("GET", "/userinfo", "", "Authorization", "Bearer "+token)
		b.send("GET", "/userinfo?access_token="+token, "")
		b.send("GET", "/no/such/page/"+token, "")
	}
	for _, change := range [][2]string{
		{"client_id", "nobody-" + q.state}, {"redirect_uri", "https://evil.example/" + q.state}, {"scope", ""}, {"response_type", "token"},
		{"prompt", "none"}, {"code_challenge_method", "plain"}, {"request", tokens.text("id_token")}, {"id_token_hint", tokens.text("id_token")},
	} {
		form := q.form()
		form.Set(change[0], change[1])
		b.send("GET", "/authorize?"+form.Encode(), "")
		b.post("/authorize", form)
	}
	b.send("POST", "/login/unknown-"+q.state+"/verify", `{"signature":"`+q.nonce+`"}`, "Content-Type", typeJSON)
	b.send("PUT", "/token?code="+code, q.redeem(code).Encode(), "Content-Type", typeForm)
	b.send("GET", "/login/"+q.state+"?code="+code, "", "Cookie", "idp_session="+q.nonce, "Referer", redirectURI+"?code="+code, "User-Agent", q.state)
}

// embedded is the sign-in of the guide, and one that carries another's state.
func (b *counting) embedded(found secrets) {
	for _, state := range []string{"", "the-state-of-another"} {
		var c challenge
		r := b.send("POST", "/api/auth/initiate-login", "")
		var i struct {
			Nonce     [32]byte `json:"nonce"`
			LoginID   string   `json:"login_id"`
			Message   string   `json:"message"`
			Recipient string   `json:"recipient"`
			State     string   `json:"state"`
		}
		if err := json.Unmarshal([]byte(r.body), &i); err != nil {
			b.Fatal(err)
		}
		c.LoginID, c.NonceBytes = i.LoginID, i.Nonce
		found.addChallenge(c)
		found.add("state of "+i.LoginID, i.State)
		if state == "" {
			state = i.State
		}
		token := b.alice.AuthToken(i.Message, i.Nonce, i.Recipient, nil, &state)
		found.add("authToken of "+i.LoginID, token)
		b.send("POST", "/api/auth/verify-login", `{"authToken":"`+token+`"}`, "Content-Type", typeJSON)
	}
}

// checkLines demands one line for each request, which an error page leads to.
func (b *counting) checkLines(log string) {
	b.Helper()
	if len(b.ids) < 60 {
		b.Errorf("only %d requests were made", len(b.ids))
	}
	lines := map[string]map[string]any{}
	for scanner := bufio.NewScanner(strings.NewReader(log)); scanner.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			b.Errorf("a log line is no JSON: %s", scanner.Text())
		}
		if line["msg"] != "request" {
			continue
		}
		id, _ := line["request_id"].(string)
		if lines[id] != nil {
			b.Errorf("two lines of the request %s", id)
		}
		lines[id] = line
	}
	for id, r := range b.ids {
		line := lines[id]
		if line["status"] != float64(r.status) {
			b.Errorf("a reply of status %d has the log line %v", r.status, line)
		}
		if r.status < 400 {
			continue
		}
		if !strings.Contains(r.body, id) {
			b.Errorf("an error does not name its request id: %d %s", r.status, r.body)
		}
		if line["reason"] == nil {
			b.Errorf("the log line of a failure gives no reason: %v", line)
		}
	}
}
