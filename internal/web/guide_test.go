package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The client code of NEAR's backend-login guide, step by step.
func TestGuideClientSignsInToTheProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, sign := range map[string]func(i initiated) string{
		"key pair": func(i initiated) string {
			return p.alice.AuthToken(i.Message, i.Nonce, i.Recipient, nil, &i.State)
		},
		"key pair with the callback": func(i initiated) string {
			return p.alice.AuthToken(i.Message, i.Nonce, i.Recipient, &i.CallbackURL, &i.State)
		},
		"wallet that drops the state": func(i initiated) string { return p.alice.AuthToken(i.Message, i.Nonce, i.Recipient, nil, nil) },
	} {
		b := p.browser()
		i := b.initiate("")
		r := b.postJSON("/api/auth/verify-login", map[string]string{"authToken": sign(i)})
		if r.status != 200 || r.json(t)["success"] != true || r.json(t)["accountId"] != "alice.testnet" || r.json(t)["code"] != nil {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if !strings.Contains(r.header.Get("Set-Cookie"), "__Host-idp_session=") {
			t.Errorf("%s: a command line gets no session: %v", name, r.header)
		}
	}
}

type initiated struct {
	State       string   `json:"state"`
	Message     string   `json:"message"`
	Nonce       [32]byte `json:"nonce"`
	Recipient   string   `json:"recipient"`
	LoginID     string   `json:"login_id"`
	CallbackURL string   `json:"callback_url"`
	ExpiresAt   string   `json:"expires_at"`
}

func (b *browser) initiate(body string, header ...string) (i initiated) {
	b.t.Helper()
	var r reply
	if body == "" {
		r = b.send("POST", "/api/auth/initiate-login", "", header...)
	} else {
		r = b.postJSON("/api/auth/initiate-login", body, header...)
	}
	if r.status != http.StatusOK {
		b.t.Fatalf("initiate-login: %d %s", r.status, r.body)
	}
	must(b.t, json.Unmarshal([]byte(r.body), &i))
	return i
}

func TestEmbeddedSignInGivesTheCodeToTheCaller(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	form := map[string]string{}
	for name, values := range request("state", "embedded") {
		form[name] = values[0]
	}
	body, err := json.Marshal(form)
	must(t, err)
	from := []string{"Origin", appOrigin, "Sec-Fetch-Site", "cross-site"}
	i := b.initiate(string(body), from...)
	if i.State != "embedded" || !strings.Contains(i.Message, "app.example.com") {
		t.Errorf("%+v", i)
	}
	plain := map[string]any{
		"accountId": "alice.testnet", "publicKey": p.alice.PublicKey(), "signature": p.alice.Sign(i.Message, i.Nonce, i.Recipient, nil), "nonce": i.Nonce,
	}
	r := b.postJSON("/api/auth/verify-login", plain, from...)
	if r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != appOrigin || r.header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	if !strings.Contains(r.json(t)["redirect_to"].(string), "code="+r.json(t)["code"].(string)) {
		t.Errorf("%s", r.body)
	}
	if tokens := b.redeem(r.json(t)["code"].(string)); tokens.status != 200 {
		t.Errorf("%d %s", tokens.status, tokens.body)
	}
}

func TestEmbeddedRequestErrorsAreJSON(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	for body, code := range map[string]string{
		`{"client_id":"nobody"}`:                                                                                     "invalid_request",
		`{"client_id":"app","redirect_uri":"https://evil.example"}`:                                                  "invalid_request",
		`{"client_id":"lax","redirect_uri":"https://lax.example.com/cb"}`:                                            "invalid_request", // no PKCE
		`{"client_id":"lax","redirect_uri":"https://lax.example.com/cb","prompt":"none"}`:                            "login_required",
		`{"client_id":"lax","redirect_uri":"https://lax.example.com/cb","code_challenge":"x","response_type":"foo"}`: "unsupported_response_type",
	} {
		r := b.postJSON("/api/auth/initiate-login", body)
		if r.status != 400 || r.json(t)["error"] != code || r.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}
