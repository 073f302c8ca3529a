package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// A person who is signed in and need not be asked (what they agreed to is looked up by the statement that
// makes the code) is back at the application after one
// redirect and no page: by navigation, in a popup of another site and without a word (prompt=none) alike. Where
// the answer is posted it takes the page that posts it, and nothing else.
func TestReturnIsOneRedirect(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	watch := connect(t, server.DSN())
	for _, sql := range []string{"ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"} {
		if _, err := watch.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	m := &meter{T: t, wire: newWire(t, server.DSN()), watch: watch}
	p := newSite(t, m.wire.dsn).serve()
	b := p.browser()
	m.login(b)
	m.returns(b, false) // each statement is prepared once per connection
	m.wire.quiet()
	m.costs = nil
	m.returns(b, true)
	want := []cost{
		{"navigation", 2, 1}, // the session is read; using it and the code are one statement
		{"popup", 2, 1},
		{"hint", 2, 1},
		{"silent", 2, 1},
		{"to be posted", 2, 1},
		{"posting page", 1, 0},
	}
	if !slices.Equal(m.costs, want) {
		t.Errorf("returning took %v, want %v", m.costs, want)
	}
}

// returns goes back to the application in every way.
func (m *meter) returns(b *browser, judge bool) {
	m.Helper()
	q := newRequest("rs256", "openid profile offline_access")
	for _, way := range []struct {
		name           string
		change, header []string
	}{
		{"navigation", nil, []string{"Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}},
		{"popup", nil, []string{"Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		{"hint", []string{"login_hint", b.alice.AccountID}, nil},
		{"silent", []string{"prompt", "none"}, nil},
	} {
		form := q.form()
		for i := 0; i < len(way.change); i += 2 {
			form.Set(way.change[i], way.change[i+1])
		}
		r := m.step(way.name, func() reply { return b.send("GET", "/authorize?"+form.Encode(), "", way.header...) })
		to, err := url.Parse(r.header.Get("Location"))
		if judge && (err != nil || r.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), q.redirectURI) || to.Query().Get("code") == "" || r.body != "") {
			m.Errorf("%s: %d to %s with %q", way.name, r.status, to, r.body)
		}
	}
	form := q.form()
	form.Set("response_mode", "form_post")
	r := m.step("to be posted", func() reply { return b.send("GET", "/authorize?"+form.Encode(), "") })
	to := strings.TrimPrefix(r.header.Get("Location"), b.issuer)
	page := m.step("posting page", func() reply { return b.send("GET", to, "", "Accept", "text/html") })
	if judge && (r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/continue/") || !strings.Contains(page.body, `name="code"`)) {
		m.Errorf("to be posted: %d to %s, and then %d %s", r.status, to, page.status, page.body)
	}
}
