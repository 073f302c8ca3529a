package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// posted reads the page that answers by a form.
func posted(t *testing.T, r reply) (action string, values url.Values) {
	t.Helper()
	form := regexp.MustCompile(`<form method="post" action="([^"]*)"[^>]* data-post>`).FindStringSubmatch(r.body)
	if r.status != http.StatusOK || form == nil {
		t.Fatalf("no form: %d %s", r.status, r.body)
	}
	csp := r.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "; form-action 'self' "+appOrigin+";") || !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %s", csp)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if strings.Contains(r.body, "<script>") || !strings.Contains(r.body, `<button class="button is-primary">`) {
		t.Errorf("script in the page, or no button without one: %s", r.body)
	}
	values = url.Values{}
	for _, field := range hiddenInput.FindAllStringSubmatch(r.body, -1) {
		values.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return html.UnescapeString(form[1]), values
}

// A08: the code reaches the client in a form, after a signature and from the session.
func TestFormPostAnswersInAForm(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	c := b.begin("response_mode", "form_post")
	r := b.postJSON(c.path+"/verify", answer(p.alice, c))
	to, _ := r.json(t)["redirect_to"].(string)
	if to != p.issuer+"/continue/"+c.LoginID {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for range 2 { // loading the page again gives the same code
		action, values := posted(t, b.send("GET", to, ""))
		if action != appURL || values.Get("state") != "st&te=é" || values.Get("iss") != p.issuer || len(values) != 3 {
			t.Errorf("%s %v", action, values)
		}
	}
	_, values := posted(t, b.send("GET", to, ""))
	if r := b.redeem(values.Get("code")); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := b.send("GET", to, ""); r.status < 400 || strings.Contains(r.body, "nac_") {
		t.Errorf("a redeemed code is shown again: %d", r.status)
	}

	r = b.send("GET", "/authorize?"+request("response_mode", "form_post").Encode(), "")
	_, values = posted(t, b.send("GET", r.header.Get("Location"), ""))
	if r := b.redeem(values.Get("code")); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	// Errors come the same way.
	action, values := posted(t, p.browser().send("GET", "/authorize?"+request("response_mode", "form_post", "prompt", "none").Encode(), ""))
	if action != appURL || values.Get("error") != "login_required" || values.Get("state") != "st&te=é" || values.Get("iss") != p.issuer {
		t.Errorf("%s %v", action, values)
	}
	c = b.begin("response_mode", "form_post")
	r = b.send("POST", c.path+"/cancel", "")
	action, values = posted(t, b.send("GET", r.header.Get("Location"), ""))
	if action != appURL || values.Get("error") != "access_denied" {
		t.Errorf("%s %v", action, values)
	}
	// A bad redirect URI gets a page and no form.
	r = b.send("GET", "/authorize?"+request("response_mode", "form_post", "redirect_uri", "https://evil.example.com").Encode(), "")
	if r.status != http.StatusBadRequest || strings.Contains(r.body, "<form") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A08, A06, K03: whatever the state holds, it is data in the page and comes out as it went in.
func TestFormPostEscapesTheState(t *testing.T) {
	t.Parallel()
	b := newProvider(t).browser()
	for _, state := range []string{
		`"><script>alert(1)</script>`, `' onfocus=alert(1) autofocus '`, `"/><form action=https://evil.example.com>`, `</form></section>`,
		`&quot;&gt;<img src=x onerror=alert(1)>`, `javascript:alert(1)`, "`${alert(1)}`", `{{constructor.constructor('alert(1)')()}}`,
		`<!--`, `-->`, `]]>`, `<svg/onload=alert(1)>`, `%22%3E%3Cscript%3E`, `\u003cscript\u003e`, `é漢字🎉`, strings.Repeat("<", 4096), `a+b c=d&e;f`,
	} {
		r := b.send("GET", "/authorize?"+request("response_mode", "form_post", "prompt", "none", "state", state).Encode(), "")
		_, values := posted(t, r)
		if values.Get("state") != state {
			t.Errorf("%.40q became %.40q", state, values.Get("state"))
		}
		if strings.Count(r.body, "<script") != 1 || strings.Count(r.body, "<form") != 1 || strings.Contains(r.body, "<img") {
			t.Errorf("%.40q made markup: %s", state, r.body)
		}
	}
}
