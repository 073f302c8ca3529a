package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// corpus is text that becomes markup, script or an address where it is not escaped.
var corpus = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `</textarea><script>alert(1)</script>`, `</title><svg onload=alert(1)>`,
	`javascript:alert(1)`, `" autofocus onfocus="alert(1)`, `{{constructor.constructor('alert(1)')()}}`, `<!--<img src="--><img src=x onerror=alert(1)//">`,
	`</option></select><script>alert(1)</script>`, `&lt;script&gt;alert(1)&lt;/script&gt;`, "`${alert(1)}`",
}

var (
	openTag = regexp.MustCompile(`<[a-zA-Z](?:[^>"]|"[^"]*")*>`)
	inline  = regexp.MustCompile(`(?i)\s(style|on[a-z]+|srcdoc)\s*=`)
	value   = regexp.MustCompile(`"[^"]*"`)
	scheme  = regexp.MustCompile(`(?i)(href|src|action)="\s*(javascript|data|vbscript):`)
)

// clean holds a page to having no script, style, handler or address but our own.
func (r reply) clean(where string) reply {
	r.Helper()
	for _, tag := range openTag.FindAllString(r.body, -1) {
		if inline.MatchString(value.ReplaceAllString(tag, `""`)) || scheme.MatchString(tag) || strings.HasPrefix(tag, "<style") ||
			strings.HasPrefix(tag, "<script") && !regexp.MustCompile(`^<script type="module" src="/static/[a-z.0-9]+\.js">$`).MatchString(tag) ||
			strings.HasPrefix(tag, "<img") || strings.Contains(value.ReplaceAllString(tag, ""), "alert") {
			r.Errorf("%s: %s", where, tag)
		}
	}
	return r
}

// K03, S06: names and values of others are shown as text, wherever they are typed or stored.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	for i, text := range corpus {
		id := "app-" + string(rune('a'+i))
		_, _, err := s.clients.Create(t.Context(), idp.Client{ID: id, Name: text, RedirectURIs: []string{"https://app.example.com/cb"}}, "")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if page := b.get("/clients?" + url.Values{"q": {text}}.Encode()).want(http.StatusOK).clean("search"); !strings.Contains(html.UnescapeString(page.body), text) {
			t.Errorf("%q is not shown as it is", text)
		}
		for _, path := range []string{"/clients/" + id, "/clients/" + id + "/edit", "/clients/" + id + "/delete"} {
			b.get(path).want(http.StatusOK).clean(path)
		}
		fields := []string{
			"client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "brand_color", "redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri", "token_endpoint_auth_method", "jwks_uri",
			"id_token_signed_response_alg", "scope", "grant_types", "claim_policy", "access_policy", "profile", "access_token", "refresh_idle", "etag",
		}
		for _, field := range fields {
			b.post("/clients/"+id+"/edit", with(b.values(id), field, text)).clean("edit " + field)
		}
		for _, field := range []string{"preset", "client_id", "client_name", "client_uri", "redirect_uris", "token_endpoint_auth_method"} {
			form := with(url.Values{"client_id": {"x"}, "redirect_uris": {"https://app.example.com/cb"}}, field, text)
			b.post("/register", form).clean("register " + field)
			b.post("/register", with(form, "change", "yes")).clean("change " + field)
		}
		b.post("/clients/"+id+"/delete", url.Values{"typed": {text}}).clean("delete")
		b.post("/clients/"+id+"/secrets", url.Values{"expires": {text}}).clean("secrets")
		for _, path := range []string{"/register?preset=", "/clients?cursor=", "/sign-in?to=", "/clients?done=", "/callback?error_description=", "/"} {
			b.get(path + url.QueryEscape(text)).clean(path)
			s.browser().get(path + url.QueryEscape(text)).clean(path)
		}
		for _, path := range []string{"/clients/", "/clients/" + id + "/secrets/", "/nothing/"} {
			b.get(path + url.PathEscape(text)).clean(path)
			b.get(path + url.PathEscape(text) + "/revoke").clean(path)
		}
	}
	b.get("/clients").want(http.StatusOK).clean("/clients")
}

// Whatever is sent, the answer is no fault of ours.
func TestMalformedRequestsAreNoFault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	for _, path := range []string{
		"/clients?cursor=x", "/clients?cursor=%00", "/clients?q=%00", "/clients?q=%ff", "/clients/%00", "/clients/%ff", "/clients/..%2f..", "/clients/a%2fb",
		"/clients//ops", "/clients/ops/", "/register?preset=%00", "/clients/ops/secrets/%00/revoke", "/callback?state=%00", "/static/", "/static/x", "/%",
	} {
		if strings.HasSuffix(path, "%") {
			continue // no server would take it
		}
		if r := b.get(path); r.status >= 500 {
			t.Errorf("GET %s: %d %s", path, r.status, r.text())
		}
	}
	for _, path := range []string{"/register", "/clients/ops/edit", "/clients/ops/secrets", "/clients/ops/delete", "/clients/ops/secrets/%00/revoke", "/clients/%00/disable"} {
		for _, form := range []url.Values{
			nil, {"client_id": {"\x00"}, "client_name": {"\xff"}, "redirect_uris": {"\x00"}, "expires": {"99999d"}, "typed": {"\x00"}, "etag": {"x"}},
			{"client_id": {strings.Repeat("a", 5000)}, "redirect_uris": {strings.Repeat("https://a.example/\n", 500)}, "expires": {"-1d"}, "etag": {`"x`}},
		} {
			if r := b.post(path, form); r.status >= 500 {
				t.Errorf("POST %s %.300q: %d %s", path, form.Encode(), r.status, r.text())
			}
		}
	}
	if r := b.post("/register", url.Values{"client_name": {strings.Repeat("a", 2<<20)}}); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d", r.status)
	}
}
