package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// Relying parties that ask: for consent, and from devices.
const askingClients = deviceClients + `
  - {client_id: wiki, client_name: The Team Wiki, token_endpoint_auth_method: none, redirect_uris: ["http://localhost/callback"]}
`

// TestLooksOfPages holds every page without panels to what TestLooks does.
func TestLooksOfPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = askingClients
	p := s.serve()
	for name, test := range map[string]func(b *profile){
		"messages":                           serverPages,
		"the page between form and client":   continuePage,
		"the page that posts to the client":  postPage,
		"consent":                            consentPage,
		"devices":                            devicePages,
		"the account, and the way out of it": accountPages,
		"the choice of a language":           languageMenu,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// reaches goes to a page of the provider and waits for it.
func (w *window) reaches(address string) {
	w.Helper()
	w.visit(address)
	w.until(`document.readyState === "complete" && document.querySelector("h1")`)
}

// enter signs the profile's account in to its application, in a browser with Nightly and more wallets.
func (p *profile) enter(more ...string) {
	p.Helper()
	p.first.installs(append([]string{"nightly"}, more...)...)
	q := p.first.begin()
	p.first.choose("nightly")
	p.signedIn(q)
	p.first.at(p.app.origin + "/callback")
}

func serverPages(b *profile) {
	other := newProfile(b.TB, b.process)
	b.first.begin()
	for name, address := range map[string]string{
		"home": "/", "not-found": "/nothing", "bad-client": "/authorize?client_id=nobody",
		"bad-redirect":  "/authorize?client_id=spa&redirect_uri=https://" + url.QueryEscape("evil.example/"+longWord),
		"unknown-login": "/login/AAAAAAAAAAAAAAAAAAAAAAAAAA", "wrong-browser": b.first.location(),
	} {
		other.first.reaches(address)
		other.first.everywhere("page-" + name)
	}
}

// The page is seen for as long as the application takes to answer.
func continuePage(b *profile) {
	b.app.silent = true
	q := b.first.begin()
	b.first.click("[data-act=cancel]")
	b.refused(q, "access_denied")
	b.first.says("Returning to Notes")
	b.first.readable("page-continue")
	b.first.colours("page-continue")
}

func postPage(b *profile) {
	b.app.silent = true
	b.first.visit("/authorize?" + b.asks("response_mode", "form_post", "prompt", "none"))
	b.app.arrival()
	b.first.says("Returning to the application")
	b.first.readable("page-post")
}

func consentPage(b *profile) {
	b.enter()
	b.first.reaches("/authorize?" + b.asks("client_id", "wiki", "scope", "openid profile offline_access"))
	b.first.at(b.issuer + "/consent/")
	b.first.everywhere("consent")
	// Neither answer is urged: they are alike but for their words, and as large.
	const alike = `(() => {
		const [a, b] = document.querySelectorAll(".choice .button");
		const look = (e) => [...getComputedStyle(e)].filter((name) => /color|border|font|height|width|background/.test(name)).map((name) => getComputedStyle(e)[name]).join();
		return a.getBoundingClientRect().width === b.getBoundingClientRect().width && look(a) === look(b);
	})()`
	if !value[bool](b.first, alike) {
		b.Error("Allow and Cancel do not look the same")
	}
}

func devicePages(b *profile) {
	b.first.reaches("/device")
	b.first.everywhere("device-code")
	b.first.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("#user_code").value = "BBBB-BBBB"`))
	b.first.click("main button")
	b.first.until(`document.querySelector("#e-device")`)
	b.first.readable("device-code-wrong")
	b.first.reaches("/device?user_code=" + b.deviceCode("cli"))
	b.first.click("main button")
	b.first.says("Another device asks")
	b.first.everywhere("device-before")
	b.enter()
	for client, name := range map[string]string{"cli": "device-number", "tv": "device-compare"} {
		b.first.reaches("/device?user_code=" + b.deviceCode(client))
		b.first.click("main button")
		b.first.at(b.issuer + "/consent/")
		b.first.everywhere(name)
	}
}

// deviceCode is what a device that has just asked shows.
func (p *profile) deviceCode(client string) string {
	p.Helper()
	form := url.Values{"client_id": {client}, "scope": {"openid offline_access"}}
	if client == "cli" {
		form.Set("client_secret", clientSecret)
	}
	r := p.browser().postForm("/device_authorization", form, "User-Agent", "tool/1.0 (a terminal that says much of itself; "+longWord+")")
	if r.status != http.StatusOK {
		p.Fatalf("device authorization: %d %s", r.status, r.body)
	}
	return r.text("user_code")
}

func accountPages(b *profile) {
	b.enter()
	b.first.reaches("/account")
	b.first.everywhere("account")
	b.first.reaches("/logout")
	b.first.says("Sign out?")
	b.first.everywhere("logout")
	b.first.click(`[value="logout"]`)
	b.first.until(`document.readyState === "complete" && !document.querySelector("[value=logout]")`)
	b.first.readable("logged-out")
}

// longWord is longer than any line.
const longWord = "donaudampfschifffahrtsgesellschaftskapitaenswitwenrentenauszahlungsstelle"
