package e2e

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// begins opens a page of the application in a browser of its own, with the button as npm
// has it, and clicks.
func (r *rogue) begins(t testing.TB) (page *tab, origin string) {
	t.Helper()
	origin = buttonPage{own: true, element: `<near-signin-button issuer="` + r.origin + `" client-id="app" redirect-uri="/callback"></near-signin-button>`}.serve(t, r.origin)
	page = newTab(t)
	page.do(chromedp.Navigate(origin + "/"))
	page.until("window.told")
	page.do(chromedp.Evaluate[chromedp.Void](clickButton))
	return page, origin
}

const clickButton = `document.querySelector("near-signin-button").shadowRoot.firstChild.click()`

// ends waits for the end of a sign-in: the error, or "" and whom it signed in.
func (b *tab) ends() announced {
	b.Helper()
	b.until(`window.told?.some((e) => e.name !== "start")`)
	return ask[announced](b, `told.find((e) => e.name !== "start")`)
}

func (r *rogue) alg(alg, kid string) {
	r.header, r.sign = map[string]any{"alg": alg, "kid": kid}, signedBy(alg)
}

// What a client has to hold to: the answer's issuer (RFC 9207), and the ID token (OpenID Connect Core, 3.1.3.7).
func TestButtonVerifiesWhatItIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(r *rogue)
		want   string // what the error begins with; empty: signed in
	}{
		"RS256":         {func(*rogue) {}, ""},
		"PS256":         {func(r *rogue) { r.alg("PS256", "rsa") }, ""},
		"ES256":         {func(r *rogue) { r.alg("ES256", "ec") }, ""},
		"EdDSA":         {func(r *rogue) { r.alg("EdDSA", "ed") }, ""},
		"aud is a list": {func(r *rogue) { r.claims = set("aud", []string{"app"}) }, ""},
		"aud is a list of ours and others, azp ours": {func(r *rogue) {
			r.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"other", "app"}, "app" }
		}, ""},
		"the clock is a minute ahead": {func(r *rogue) { r.claims = set("exp", time.Now().Unix()-60) }, ""},

		"mix-up: the answer of another provider": {func(r *rogue) { r.answer = func(q url.Values) { q.Set("iss", "https://evil.example") } }, "issuer_mismatch: https://evil.example"},
		"mix-up: an answer of nobody":            {func(r *rogue) { r.answer = func(q url.Values) { q.Del("iss") } }, "issuer_mismatch"},
		"mix-up: discovery of another issuer":    {func(r *rogue) { r.discovery = set("issuer", "https://evil.example") }, "issuer_mismatch: https://evil.example"},
		"a script for an endpoint":               {func(r *rogue) { r.discovery = set("authorization_endpoint", "javascript:alert(1)//") }, "invalid_options: issuer javascript:"},
		"an endpoint without TLS":                {func(r *rogue) { r.discovery = set("authorization_endpoint", "http://localhost:80@evil.example/") }, "invalid_options: issuer http:"},
		"a token endpoint that redirects": {func(r *rogue) {
			r.token = func(w http.ResponseWriter) bool {
				w.Header().Set("Location", "/stolen")
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
		}, "network: "},
		"a token endpoint that answers no JSON": {func(r *rogue) {
			r.token = func(w http.ResponseWriter) bool { _, err := io.WriteString(w, "<html>"); return err == nil }
		}, "network: "},
		"a token endpoint that answers null": {func(r *rogue) {
			r.token = func(w http.ResponseWriter) bool { _, err := io.WriteString(w, "null"); return err == nil }
		}, "id_token_invalid"},
		"a code that is refused": {func(r *rogue) {
			r.token = func(w http.ResponseWriter) bool {
				w.WriteHeader(http.StatusBadRequest)
				_, err := io.WriteString(w, `{"error": "invalid_grant", "error_description": "used"}`)
				return err == nil
			}
		}, "invalid_grant: used"},
		"the person says no": {func(r *rogue) {
			r.answer = func(q url.Values) {
				q.Del("code")
				q.Set("error", "access_denied")
				q.Set("error_description", "<b>no</b>")
			}
		}, "access_denied: <b>no</b>"},

		"a token of another sign-in":        {func(r *rogue) { r.claims = set("nonce", "n") }, "id_token_invalid: nonce"},
		"a token without a nonce":           {func(r *rogue) { r.claims = func(c map[string]any) { delete(c, "nonce") } }, "id_token_invalid: nonce"},
		"a token for another client":        {func(r *rogue) { r.claims = set("aud", "other") }, "id_token_invalid: aud"},
		"a token for a client that is part": {func(r *rogue) { r.claims = set("aud", "application") }, "id_token_invalid: aud"},
		"a token that another client got":   {func(r *rogue) { r.claims = set("aud", []string{"app", "other"}) }, "id_token_invalid: aud"},
		"a token of another issuer":         {func(r *rogue) { r.claims = set("iss", "https://evil.example") }, "id_token_invalid: iss"},
		"a token that is over":              {func(r *rogue) { r.claims = set("exp", time.Now().Unix()-180) }, "id_token_invalid: exp"},
		"a token without an end":            {func(r *rogue) { r.claims = func(c map[string]any) { delete(c, "exp") } }, "id_token_invalid: exp"},

		"no signature: alg none": {func(r *rogue) {
			r.header, r.sign = map[string]any{"alg": "none"}, func(h, c string) string { return h + "." + c + "." }
		}, "id_token_invalid: alg"},
		"signed with the public key: HS256": {func(r *rogue) { r.alg("HS256", "rsa") }, "id_token_invalid: alg"},
		"an algorithm that objects inherit": {func(r *rogue) { r.header["alg"] = "constructor" }, "id_token_invalid: "},
		"an algorithm of the prototype":     {func(r *rogue) { r.header["alg"] = "__proto__" }, "id_token_invalid: "},
		"another algorithm than the key's":  {func(r *rogue) { r.header["kid"] = "ec" }, "id_token_invalid: kid"},
		"a key that nobody publishes":       {func(r *rogue) { r.header["kid"] = "x" }, "id_token_invalid: kid"},
		"a key for another algorithm": {func(r *rogue) {
			r.keys = func(k []map[string]any) []any { k[0]["alg"] = "PS256"; return []any{k[0]} }
		}, "id_token_invalid: kid"},
		"no keys": {func(r *rogue) { r.keys = func([]map[string]any) []any { return nil } }, "id_token_invalid"},
		"signed by another key of that name": {func(r *rogue) {
			r.keys = func(k []map[string]any) []any {
				k[0]["n"] = strings.Replace(k[0]["n"].(string), "A", "B", 1)
				return []any{k[0]}
			}
		}, "id_token_invalid: signature"},
		"claims changed after the signature": {func(r *rogue) {
			r.sign = func(h, c string) string {
				token := signedBy("RS256")(h, c)
				honest, err := base64.RawURLEncoding.DecodeString(c)
				if err != nil {
					t.Error(err)
				}
				forged := strings.Replace(string(honest), `"zoë.near"`, `"eve.near"`, 1)
				return h + "." + base64.RawURLEncoding.EncodeToString([]byte(forged)) + token[len(h)+1+len(c):]
			}
		}, "id_token_invalid: signature"},
		"no JWT": {func(r *rogue) { r.sign = func(h, _ string) string { return h } }, "id_token_invalid: "},
		"a signature cut short": {func(r *rogue) {
			r.sign = func(h, c string) string { return signedBy("RS256")(h, c)[:len(h)+len(c)+40] }
		}, "id_token_invalid: signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t)
			tt.change(r)
			page, _ := r.begins(t)
			got := page.ends()
			if tt.want == "" && got.Sub != "zoë.near" {
				t.Errorf("not signed in: %+v", got)
			}
			if tt.want != "" && (!strings.HasPrefix(got.Message, tt.want) || !strings.HasPrefix(got.Message, got.Error) || got.Sub != "" || got.Token != "") {
				t.Errorf("told %+v, want %s", got, tt.want)
			}
		})
	}
}

func set(claim string, value any) func(map[string]any) {
	return func(c map[string]any) { c[claim] = value }
}

// An answer that this browser did not ask for (login CSRF), one that is used again, and
// one that comes late redeem nothing.
func TestButtonRedeemsOnlyWhatItAskedFor(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	page, origin := r.begins(t)
	if got := page.ends(); got.Sub == "" {
		t.Fatalf("not signed in: %+v", got)
	}
	callback := func(state string) string {
		return origin + "/callback?code=c&iss=" + url.QueryEscape(r.origin) + "&state=" + url.QueryEscape(state)
	}
	for name, state := range map[string]string{
		"a second use":          r.asked.Get("state"),
		"of somebody else":      "attacker",
		"of 4 KiB":              strings.Repeat("x", 4096),
		"that is a key of ours": "near-signin:",
		"with markup":           `"><img src=x onerror=alert(1)>`,
	} {
		page.do(chromedp.Navigate(callback(state)))
		if got := page.ends(); got.Error != "unknown_state" {
			t.Errorf("a state %s: %+v", name, got)
		}
	}
	// A sign-in that was begun eleven minutes ago.
	r.answer = func(q url.Values) { q.Set("state", "elsewhere") }
	page.do(chromedp.Navigate(origin+"/"), chromedp.Evaluate[chromedp.Void](clickButton))
	page.until(`location.pathname === "/callback" && window.told?.length`)
	late := `for (const key in localStorage) if (key.startsWith("near-signin:")) { const p = JSON.parse(localStorage[key]); p.expires -= 660000; localStorage[key] = JSON.stringify(p) }`
	page.do(chromedp.Evaluate[chromedp.Void](late), chromedp.Navigate(callback(r.asked.Get("state"))))
	if got := page.ends(); got.Error != "unknown_state" {
		t.Errorf("a late answer: %+v", got)
	}
	// What another library of the page asked another provider is none of the button's business.
	page.do(chromedp.Navigate(origin + "/callback?code=c&state=theirs"))
	page.until(`document.readyState === "complete" && window.told`)
	if got := ask[int](page, "told.length"); got != 0 || ask[string](page, "location.search") != "?code=c&state=theirs" {
		t.Error("an answer to somebody else was touched")
	}
	if n := r.redemptions(); n != 1 {
		t.Errorf("%d codes were redeemed", n)
	}
}

// What a page may get wrong, or an attacker into its attributes, is refused before anything is asked.
func TestButtonRefusesDangerousOptions(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	good := map[string]string{"issuer": r.origin, "client-id": "app", "redirect-uri": "/callback"}
	for name, tt := range map[string]struct{ attribute, value, want string }{
		"an issuer that is a script":      {"issuer", "javascript:alert(1)", "invalid_options: issuer javascript:"},
		"an issuer without TLS":           {"issuer", "http://id.example.com", "invalid_options: issuer http:"},
		"an issuer that looks local":      {"issuer", "http://localhost.evil.example", "invalid_options: issuer http:"},
		"an issuer with a user":           {"issuer", "http://localhost:80@evil.example", "invalid_options: issuer http:"},
		"no issuer":                       {"issuer", "", "invalid_options: issuer "},
		"a redirect URI elsewhere":        {"redirect-uri", "https://evil.example/callback", "invalid_options: redirect-uri https://evil.example/callback"},
		"a redirect URI of another host":  {"redirect-uri", "//evil.example/callback", "invalid_options: redirect-uri //evil"},
		"a redirect URI that is a script": {"redirect-uri", "javascript:alert(1)", "invalid_options: redirect-uri javascript:"},
		"a redirect URI that is data":     {"redirect-uri", "data:text/html,x", "invalid_options: redirect-uri data:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for attribute, value := range good {
				if attribute == tt.attribute {
					value = tt.value
				}
				b.WriteString(" " + attribute + `="` + value + `"`)
			}
			origin := buttonPage{own: true, element: "<near-signin-button" + b.String() + "></near-signin-button>"}.serve(t, r.origin)
			page := newTab(t)
			page.do(chromedp.Navigate(origin + "/"))
			page.until("window.told")
			page.do(chromedp.Evaluate[chromedp.Void](clickButton))
			if got := page.ends(); !strings.HasPrefix(got.Message, tt.want) {
				t.Errorf("told %+v, want %s", got, tt.want)
			}
			if at := ask[string](page, "location.href"); at != origin+"/" {
				t.Errorf("led to %s", at)
			}
		})
	}
}

// A link in an attribute may come from somewhere: none runs a script.
func TestButtonLeadsToNoScript(t *testing.T) {
	t.Parallel()
	origin := buttonPage{own: true, element: `<near-signin-button href="/in"></near-signin-button>`}.serve(t, "http://127.0.0.1")
	page := newTab(t)
	page.do(chromedp.Navigate(origin + "/"))
	page.until("window.told")
	for href, want := range map[string]string{
		"/in?a=b": origin + "/in?a=b", "https://app.example.com/in": "https://app.example.com/in", "": origin + "/",
		"javascript:alert(1)": "", " \tJavaScript:alert(1)": "", "java\nscript:alert(1)": "", "data:text/html,x": "", "vbscript:x": "", "blob:" + origin + "/x": "", "https://": "",
	} {
		got := ask[string](page, `(() => { const e = document.querySelector("near-signin-button"); e.setAttribute("href", `+quoted(href)+`); const a = e.shadowRoot.querySelector("a"); return a.hasAttribute("href") ? a.href : "" })()`)
		if got != want {
			t.Errorf("%q leads to %q, want %q", href, got, want)
		}
	}
}
