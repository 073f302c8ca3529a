package e2e

import (
	"fmt"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// newAdminSite serves a provider whose admin pages are for the account of this test.
func newAdminSite(t *testing.T) *profile {
	t.Helper()
	s := newSite(t, pgtest.DSN(t))
	s.admin = fmt.Sprintf("http://admin.localhost:%d", freePort(t))
	s.more = fmt.Sprintf("\nadmin: {accounts: [%s], url: %q}\n", accountOf(t), s.admin)
	return newProfile(t, s.serve())
}

// tabTo reaches a control by the keyboard, as somebody without a pointer does.
func (w *window) tabTo(selector string) {
	w.Helper()
	w.until("document.readyState === 'complete' && document.querySelector(" + quoted(selector) + ")")
	const most = 80
	for range most {
		if value[bool](w, "document.activeElement?.matches("+quoted(selector)+") ?? false") {
			return
		}
		w.must(chromedp.KeyEvent(kb.Tab))
	}
	w.Fatalf("the keyboard does not reach %s at %s", selector, w.location())
}

// follow reaches a control by the keyboard and presses it.
func (w *window) follow(selector string) {
	w.Helper()
	w.tabTo(selector)
	w.must(chromedp.KeyEvent(kb.Enter))
}

// types replaces what is in a field, by the keyboard.
func (w *window) types(selector, text string) {
	w.Helper()
	w.tabTo(selector)
	w.must(chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent(text))
}

// signInToAdmin signs the profile's account in, from the address that it wants to see.
func (w *window) signInToAdmin(path string) {
	w.Helper()
	w.installs("nightly")
	w.visit(w.admin + path)
	w.says("Sign in with NEAR")
	w.follow("main a.button")
	w.shows("choose")
	w.follow(`[data-wallet="nightly"]`)
	w.at(w.admin + path)
}

// G01, S06: from the sign-in to the end of a client, by the keyboard alone.
func TestAdministratorRegistersAClientByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := newAdminSite(t)
	w := b.first
	w.signInToAdmin("/clients")
	w.says("Notes")
	w.readable("admin-clients")

	w.follow(`a[href="/register"]`)
	w.says("What do people sign in to?")
	w.readable("admin-presets")
	w.follow(`a[href="/register?preset=grafana"]`)
	w.types("#f-client_uri", "http://grafana.example.com")
	w.readable("admin-register")
	w.must(chromedp.KeyEvent(kb.Enter))
	w.says("use https")
	w.readable("admin-register-refused")
	w.types("#f-client_uri", "https://grafana.example.com")
	w.must(chromedp.KeyEvent(kb.Enter))
	w.says("Nothing is yet")
	w.readable("admin-preview")
	w.follow(`button[name="sure"]`)
	w.says("It is shown this once")
	w.readable("admin-secret")
	if secret := value[string](w, `document.getElementById("secret").textContent`); len(secret) < 40 {
		t.Errorf("the secret is %q", secret)
	}
	w.follow(`a.is-primary`)
	w.at(w.admin + "/clients/grafana")
	w.readable("admin-client")

	w.follow(`a[href$="/edit"]`)
	w.readable("admin-edit")
	w.types("#f-client_name", "Dashboards")
	w.must(chromedp.KeyEvent(kb.Enter))
	w.says("Saved.")
	w.follow(`form[action$="/secrets"] button`)
	w.says("A new secret for Dashboards")
	w.follow(`a.is-primary`)
	w.says("Registration")
	w.follow(`form[action$="/disable"] button`)
	w.says("Disabled.")
	w.follow(`a[href$="/delete"]`)
	w.readable("admin-delete")
	w.types("#typed", "grafana")
	w.must(chromedp.KeyEvent(kb.Enter))
	w.says("Deleted.")

	w.follow(`a[href="/events"]`)
	w.says("client.deleted")
	w.readable("admin-events")
	b.signIn("rs256", "openid")
	w.until(`document.querySelector("tr.is-new")?.innerText.includes("rs256")`)

	w.follow(`form[action="/sign-out"] button`)
	w.says("You are signed out")
	w.readable("admin-sign-in")
	w.visit(w.admin + "/clients")
	w.says("Sign in with NEAR")
}

func TestOtherAdminPagesAreReadable(t *testing.T) {
	t.Parallel()
	b := newAdminSite(t)
	w := b.first
	w.signInToAdmin("/status")
	w.readable("admin-status")
	for name, path := range map[string]string{
		"accounts": "/accounts", "account": "/accounts/" + b.signer.AccountID, "api-keys": "/api-keys", "keys": "/keys",
		"owned": "/clients/spa", "errors": "/clients/spa/errors", "try": "/clients/spa/try?account_id=alice.testnet", "custom": "/register?preset=", "not-found": "/nothing",
	} {
		w.visit(w.admin + path)
		w.until(`document.readyState === "complete" && document.querySelector("h1")`)
		w.readable("admin-" + name)
	}
}

// G01: somebody who may sign in to the provider is not for that reason an administrator.
func TestStrangerSignsInToNoAdminPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.admin = fmt.Sprintf("http://admin.localhost:%d", freePort(t))
	s.more = fmt.Sprintf("\nadmin: {accounts: [somebody-else.testnet], url: %q}\n", s.admin)
	b := newProfile(t, s.serve())
	w := b.first
	w.installs("nightly")
	w.visit(w.admin + "/clients")
	w.says("Sign in with NEAR")
	w.follow("main a.button")
	w.shows("choose")
	w.follow(`[data-wallet="nightly"]`)
	w.says("is no administrator here")
	w.readable("admin-stranger")
	w.visit(w.admin + "/clients")
	w.says("Sign in with NEAR")
}
