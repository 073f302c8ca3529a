package e2e

import (
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestButton signs in on a page of another site, under SRI, Trusted Types and a policy without
// exceptions. The profile fails on any violation, error on the console or request elsewhere.
func TestButton(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for _, coop := range []string{"unsafe-none", "same-origin-allow-popups", "same-origin"} {
		t.Run("redirect from "+coop, func(t *testing.T) { t.Parallel(); buttonRedirects(t, p, coop) })
		t.Run("popup from "+coop, func(t *testing.T) { t.Parallel(); buttonOpens(t, p, coop) })
	}
}

const redirectButton = `<near-signin-button client-id="spa" redirect-uri="/callback"><a href="/without">Sign in with NEAR</a></near-signin-button>`
const popupButton = `<near-signin-button client-id="spa" redirect-uri="/callback" mode="popup"><a href="/without">Sign in with NEAR</a></near-signin-button>`

func buttonRedirects(t *testing.T, p *process, coop string) {
	b := buttonPage{coop: coop, element: redirectButton}.open(t, p)
	w := b.first
	w.click("near-signin-button")
	w.at(p.issuer + "/login/")
	w.signsIn()
	w.at(b.app.origin + "/callback")
	w.isIn()
	if at := w.location(); at != b.app.origin+"/callback" {
		t.Errorf("the answer is still in the address: %s", at)
	}
	b.signedOnce()
}

func buttonOpens(t *testing.T, p *process, coop string) {
	b := buttonPage{coop: coop, element: popupButton}.open(t, p)
	b.first.must(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	popup := b.opened(p.issuer + "/login/")
	popup.signsIn()
	b.first.isIn()
	popup.vanishes()
	if at := b.first.location(); at != b.app.origin+"/" {
		t.Errorf("the page went to %s", at)
	}
	b.signedOnce()
}
