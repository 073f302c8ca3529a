package web_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/neartest"
)

func TestSignInFromAuthorizeToUserInfo(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	long := strings.Repeat("ä=&%", 600) // 3000 bytes
	c := b.begin("state", long)
	page := b.send("GET", c.path, "", "Accept", "text/html")
	if page.status != 200 || !strings.Contains(html.UnescapeString(page.body), c.Message) || strings.Contains(page.body, "<App>") {
		t.Fatalf("login page: %d %s", page.status, page.body)
	}
	a := answer(p.alice, c)
	a["state"] = c.State
	r := b.postJSON(c.path+"/verify", a, "Sec-Fetch-Site", "same-origin", "Origin", p.issuer)
	to, err := url.Parse(r.json(t)["redirect_to"].(string))
	must(t, err)
	q := to.Query()
	if r.status != 200 || !strings.HasPrefix(to.String(), appURL+"&") || q.Get("state") != long || q.Get("iss") != p.issuer || q.Get("code") == "" {
		t.Fatalf("verify: %d %s", r.status, r.body)
	}
	if !strings.Contains(strings.Join(r.header.Values("Set-Cookie"), "\n"), "__Host-idp_session=") {
		t.Errorf("no session: %v", r.header)
	}
	tokens := b.redeem(q.Get("code"))
	if tokens.status != 200 || tokens.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token: %d %s", tokens.status, tokens.body)
	}
	got := tokens.json(t)
	if claims := payload(t, got["id_token"].(string)); claims["sub"] != "alice.testnet" || claims["nonce"] != "n-0S6" || claims["iss"] != p.issuer {
		t.Errorf("ID token %v", claims)
	}
	for _, method := range []string{"GET", "POST"} {
		info := b.send(method, "/userinfo", "", "Authorization", "Bearer "+got["access_token"].(string))
		if info.status != 200 || info.json(t)["sub"] != "alice.testnet" || info.json(t)["preferred_username"] != "alice.testnet" {
			t.Errorf("userinfo: %d %s", info.status, info.body)
		}
	}
	if info := b.send("GET", "/userinfo", "", "Authorization", "Bearer "+got["id_token"].(string)); info.status != 401 {
		t.Errorf("an ID token opens userinfo: %d", info.status)
	}
}

func payload(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	must(t, json.Unmarshal(raw, &claims))
	return claims
}

func TestCLIPasteSignsInWithoutJavaScript(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin("login_hint", "alice.testnet")
	out := `{"accountId":"alice.testnet","publicKey":"` + p.alice.PublicKey() + `","signature":"` + p.alice.SignBase58(c.Message, c.NonceBytes, c.Recipient, nil) + `"}`
	r := b.postForm(c.path+"/paste", url.Values{"output": {"$ near …\n" + out + "\n$"}})
	if r.status != 303 || !strings.HasPrefix(r.header.Get("Location"), "/continue/") {
		t.Fatalf("paste: %d %s", r.status, r.body)
	}
	next := b.send("GET", r.header.Get("Location"), "")
	_, after, ok := strings.Cut(html.UnescapeString(next.body), `href="`+appURL+`&code=`)
	if next.status != 200 || next.header.Get("Location") != "" || !ok {
		t.Fatalf("continue: %d %s", next.status, next.body)
	}
	code, _, _ := strings.Cut(after, "&")
	if tokens := b.redeem(code); tokens.status != 200 {
		t.Errorf("token: %d %s", tokens.status, tokens.body)
	}
	if again := b.send("GET", r.header.Get("Location"), ""); again.status != 409 {
		t.Errorf("a redeemed code is handed out again: %d", again.status)
	}
	if again := b.send("GET", c.path, ""); again.status != 303 || again.header.Get("Location") != "/continue/"+c.LoginID {
		t.Errorf("the login page of an ended login: %d %v", again.status, again.header)
	}
}

func TestCancelTellsTheClientAccessDenied(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	r := b.postForm(c.path+"/cancel", nil, "Sec-Fetch-Site", "same-origin")
	page := html.UnescapeString(b.send("GET", r.header.Get("Location"), "").body)
	if r.status != 303 || !strings.Contains(page, appURL+"&error=access_denied") {
		t.Errorf("%d %s", r.status, page)
	}
	if r := b.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != 409 || r.json(t)["error"] != "used" {
		t.Errorf("a cancelled login was signed: %d %s", r.status, r.body)
	}
}

// MyNearWallet's popup posts its answer and then delivers it again by navigation.
func TestSameProofTwiceLeadsToTheSamePlace(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	first, second := b.postJSON(c.path+"/verify", answer(p.alice, c)), b.postJSON(c.path+"/verify", answer(p.alice, c))
	if first.status != 200 || first.body != second.body {
		t.Errorf("%s\n%s", first.body, second.body)
	}
	if len(second.header.Values("Set-Cookie")) != 0 {
		t.Errorf("a second session: %v", second.header)
	}
}

// W01: the nonce is consumed once, however many replicas of the proof arrive at once.
func TestParallelProofsYieldOneSession(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	const parallel = 100
	var wg sync.WaitGroup
	var replies [parallel]reply
	for i := range parallel {
		wg.Go(func() { replies[i] = b.postJSON(c.path+"/verify", answer(p.alice, c)) })
	}
	wg.Wait()
	cookies := 0
	for _, r := range replies {
		cookies += strings.Count(strings.Join(r.header.Values("Set-Cookie"), " "), "idp_session=")
		if r.status != 200 || r.body != replies[0].body {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	var sessions int
	must(t, p.pool.QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&sessions))
	if cookies != 1 || sessions != 1 {
		t.Errorf("%d cookies, %d sessions", cookies, sessions)
	}
}

func TestTwoTabsDoNotCollide(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	one, two := b.begin("state", "one"), b.begin("state", "two")
	// A third begins by a cross-site POST, which carries no cookie.
	r := p.browser().postForm("/authorize", request("state", "three"), "Sec-Fetch-Site", "cross-site", "Origin", appOrigin)
	if len(r.header.Values("Set-Cookie")) != 0 || !strings.HasPrefix(r.header.Get("Location"), "/authorize?") {
		t.Fatalf("%d %v", r.status, r.header)
	}
	if r = b.send("GET", r.header.Get("Location"), ""); !strings.HasPrefix(r.header.Get("Location"), "/login/") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, c := range []challenge{two, one} {
		if r := b.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

func TestOutageOfTheChainKeepsTheSignature(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	p.chain.SetMode(neartest.Down500)
	r := b.postJSON(c.path+"/verify", answer(p.alice, c))
	if r.status != 503 || r.json(t)["error"] != "rpc_unavailable" || r.json(t)["retryable"] != true || r.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	p.chain.SetMode(neartest.OK)
	if r = b.postJSON(c.path+"/verify", "{}"); r.status != 200 {
		t.Errorf("the kept proof does not go on: %d %s", r.status, r.body)
	}
}

func TestOutageOfTheDatabaseIs503(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin()
	p.pool.Close()
	for _, r := range []reply{
		b.send("GET", "/authorize?"+request().Encode(), ""), b.send("GET", c.path, ""), b.postJSON(c.path+"/verify", answer(p.alice, c)),
		b.postForm(c.path+"/cancel", nil), b.send("POST", "/api/auth/initiate-login", ""), b.send("GET", "/readyz", ""),
	} {
		if r.status != 503 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := b.send("GET", "/healthz", ""); r.status != 200 {
		t.Errorf("healthz: %d", r.status)
	}
}

func TestRenewKeepsTheAuthorizationRequest(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin("state", "kept")
	p.ahead.Store(int64(6 * 60 * 1e9))
	if r := b.send("GET", c.path, ""); r.status != 200 {
		t.Fatalf("an expired login has no page: %d", r.status)
	}
	r := b.send("POST", c.path+"/renew", "", "Accept", "application/json")
	fresh := challenge{path: r.json(t)["location"].(string)}
	must(t, json.Unmarshal([]byte(b.send("GET", fresh.path, "", "Accept", "application/json").body), &fresh))
	if fresh.Nonce == c.Nonce || fresh.LoginID == c.LoginID || fresh.State != "kept" {
		t.Errorf("%+v", fresh)
	}
	p.ahead.Store(0)
	if r = b.postJSON(fresh.path+"/verify", answer(p.alice, fresh)); r.status != 200 || !strings.Contains(r.body, "state=kept") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// R03, R06: what cannot be trusted ends on a page of ours.
func TestBadClientOrRedirectURIShowsAPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	for _, change := range [][]string{
		{"client_id", "nobody"}, {"client_id", ""}, {"redirect_uri", "https://evil.example/cb"}, {"redirect_uri", appURL + "/"}, {"redirect_uri", "javascript:alert(1)"},
		{"client_id", "<script>"}, {"client_id", "\x00"}, {"redirect_uri", "\xff"},
	} {
		for _, r := range []reply{b.send("GET", "/authorize?"+request(change...).Encode(), ""), b.postForm("/authorize", request(change...))} {
			if r.status != 400 || r.header.Get("Location") != "" || !strings.Contains(r.header.Get("Content-Type"), "text/html") {
				t.Errorf("%q: %d %v", change, r.status, r.header)
			}
		}
	}
}
