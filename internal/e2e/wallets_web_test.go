package e2e

import (
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestWebWallets signs in with stand-ins of the wallets on the web.
func TestWebWallets(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(b *profile){
		"MyNearWallet signs in a window without a callback":    myNearWalletInAWindow,
		"MyNearWallet going on to the callback does no harm":   myNearWalletGoesOn,
		"MyNearWallet without an opener answers by redirect":   myNearWalletAlone,
		"MyNearWallet without an opener is told no":            myNearWalletAloneRejects,
		"MyNearWallet signs in this window on a phone":         myNearWalletByRedirect,
		"MyNearWallet in a window is told no":                  myNearWalletRejects,
		"MyNearWallet by redirect is told no":                  myNearWalletRejectsByRedirect,
		"Meteor signs in and signs in one window":              meteorSigns,
		"Meteor is told no":                                    meteorRejects,
		"Meteor fails":                                         meteorFails,
		"Intear verifies the request and signs":                intearSigns,
		"Intear's first version signs in base58":               intearSignsInBase58,
		"Intear is told no":                                    intearRejects,
		"the wallet that was used last comes first afterwards": lastUsedComesFirst,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// opens chooses a web wallet and returns its window.
func (w *window) opens(id string, wallet standIn) *window {
	w.Helper()
	w.uses(wallet)
	w.choose(id)
	w.shows("waiting")
	w.told()
	return w.popup(wallet.origin)
}

func myNearWalletInAWindow(b *profile) {
	q := b.first.begin()
	wallet := b.first.opens("mynearwallet", myNearWallet)
	wallet.says(value[string](b.first, `document.querySelector("[data-code]").textContent`))
	wallet.click("#approve")
	b.signedIn(q)
	wallet.vanishes()
	if asked := b.signedOnce(); asked.CallbackURL != nil {
		b.Errorf("the callback %s is in the payload of a window", *asked.CallbackURL)
	}
}

// MyNearWallet goes to the callback 3 s after it answered, with the same
// signature in the fragment. Here it does so at once, before its window can be closed.
func myNearWalletGoesOn(b *profile) {
	q := b.first.begin()
	hasty := myNearWallet
	hasty.hasty = true
	b.first.opens("mynearwallet", hasty).click("#approve")
	b.signedIn(q)
	b.first.at(b.app.origin + "/callback")
	b.signedOnce()
}

// A wallet whose policy cuts the opener off looks closed to the page that opened it.
// It signs for the callback in its own window; until then nobody is told that it was not approved.
func myNearWalletAlone(b *profile) {
	q := b.first.begin()
	b.first.remembersPanels()
	alone := myNearWallet
	alone.alone = true
	wallet := b.first.opens("mynearwallet", alone)
	b.first.shows("no_answer")
	if got := value[string](b.first, "window.panels.join()"); got != "waiting,no_answer" {
		b.Errorf("the page showed %s", got)
	}
	wallet.click("#approve")
	b.signedIn(q)
	b.first.at(b.app.origin + "/callback")
	if asked := b.signedOnce(); asked.CallbackURL == nil {
		b.Error("the signature does not cover the callback")
	}
}

func myNearWalletAloneRejects(b *profile) {
	b.first.begin()
	alone := myNearWallet
	alone.alone = true
	wallet := b.first.opens("mynearwallet", alone)
	wallet.click("#reject")
	b.first.shows("rejected")
	b.first.told()
	wallet.vanishes()
}

// remembersPanels has the page list in window.panels what it shows from now on.
func (w *window) remembersPanels() {
	w.Helper()
	w.must(chromedp.Evaluate[chromedp.Void](`{
		const main = document.querySelector("main");
		window.panels = [];
		new MutationObserver(() => window.panels.push(main.dataset.visible)).observe(main, { attributeFilter: ["data-visible"] });
	}`))
}

func myNearWalletByRedirect(b *profile) {
	b.first.phone()
	q := b.first.begin()
	login := b.first.location()
	b.uses(myNearWallet)
	b.first.choose("mynearwallet")
	b.first.at(myNearWallet.origin + "/sign-message?")
	b.first.click("#approve")
	b.signedIn(q)
	if asked := b.signedOnce(); asked.CallbackURL == nil || *asked.CallbackURL != login+"/cb" {
		b.Errorf("signed for %v, want %s/cb", asked.CallbackURL, login)
	}
	b.first.at(b.app.origin)
	history, err := chromedp.Run(b.first.ctx, chromedp.NavigationEntries())
	if err != nil {
		b.Fatal(err)
	}
	for _, entry := range history.Entries {
		if strings.Contains(entry.URL, "#") || strings.Contains(entry.URL, "signature") {
			b.Errorf("the history holds %s", entry.URL)
		}
	}
}

func myNearWalletRejects(b *profile) {
	q := b.first.begin()
	for _, how := range []string{"#reject", "#nothing"} {
		wallet := b.first.opens("mynearwallet", myNearWallet)
		wallet.click(how)
		b.first.shows("rejected")
		b.first.told()
		wallet.vanishes()
		b.first.press("again")
		b.first.shows("choose")
	}
	b.first.opens("mynearwallet", myNearWallet).click("#approve")
	b.signedIn(q)
}

func myNearWalletRejectsByRedirect(b *profile) {
	b.first.phone()
	q := b.first.begin()
	login := b.first.location()
	b.uses(myNearWallet)
	b.first.choose("mynearwallet")
	b.first.at(myNearWallet.origin + "/sign-message?")
	b.first.click("#reject")
	b.first.shows("rejected")
	b.first.told()
	if at := b.first.location(); at != login+"/cb" {
		b.Errorf("the error stays in the address: %s", at)
	}
	b.first.press("again")
	b.first.shows("choose")
	b.first.choose("mynearwallet")
	b.first.at(myNearWallet.origin + "/sign-message?")
	b.first.click("#approve")
	b.signedIn(q)
}

func meteorSigns(b *profile) {
	q := b.first.begin()
	wallet := b.first.opens("meteor", meteorWallet)
	wallet.click("#approve:enabled")
	b.signedIn(q)
	wallet.vanishes()
	if asked := b.signedOnce(); asked.CallbackURL != nil {
		b.Errorf("the callback %s is in the payload of a window", *asked.CallbackURL)
	}
}

func meteorRejects(b *profile) {
	q := b.first.begin()
	b.first.opens("meteor", meteorWallet).click("#reject:enabled")
	b.first.shows("rejected")
	b.first.told()
	b.first.click("[data-act=cancel]")
	b.refused(q, "access_denied")
}

func meteorFails(b *profile) {
	q := b.first.begin()
	b.first.opens("meteor", meteorWallet).click("#fail:enabled")
	b.first.shows("wallet_error")
	b.first.told()
	b.first.says("The wallet said: INCOMPLETE_ACTION")
	b.first.press("reopen")
	b.first.shows("waiting")
	wallet := b.popup(meteorOrigin)
	wallet.click("#approve:enabled")
	b.signedIn(q)
}

func intearSigns(b *profile) {
	q := b.first.begin()
	wallet := b.first.opens("intear", intearWallet)
	wallet.click("#approve:enabled")
	b.signedIn(q)
	wallet.vanishes()
	b.signedOnce()
}

func intearSignsInBase58(b *profile) {
	q := b.first.begin()
	b.first.opens("intear", intearWallet).click("#approve58:enabled")
	b.signedIn(q)
}

func intearRejects(b *profile) {
	b.first.begin()
	wallet := b.first.opens("intear", intearWallet)
	wallet.click("#reject:enabled")
	b.first.shows("rejected")
	b.first.told()
	wallet.vanishes()
}

func lastUsedComesFirst(b *profile) {
	first := `document.querySelector("[data-wallets] li:not([hidden])").innerText`
	b.first.begin()
	if value[bool](b.first, first+`.includes("Intear")`) {
		b.Fatal("Intear comes first anyway")
	}
	b.first.opens("intear", intearWallet).close()
	b.first.begin()
	b.first.until(first + `.includes("Intear") && ` + first + `.includes("Last used")`)
}
