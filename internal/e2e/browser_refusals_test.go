package e2e

import (
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestRefusals shows each refusal of the server on its panel, with a way on
// that ends signed in.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	stranger := func(b *profile) *neartest.Wallet { return neartest.NewWallet("no-" + b.signer.AccountID) }
	for name, c := range map[string]struct {
		signer func(b *profile) *neartest.Wallet
		panel  string
		says   string
	}{
		"an account that does not exist": {stranger, "account_not_found", "does not exist on NEAR testnet yet"},
		"an account of the other network": {func(*profile) *neartest.Wallet {
			return neartest.NewWallet("somebody.near")
		}, "wrong_network", "somebody.near does not exist on NEAR testnet. Switch the wallet"},
		"a key with limited access": {func(b *profile) *neartest.Wallet {
			limited := neartest.NewWallet(b.signer.AccountID)
			b.chain.AddKey(limited.AccountID, limited.PublicKey(), neartest.FunctionCall("game.testnet"))
			return limited
		}, "not_full_access", "has only limited access"},
		"a key of another account": {func(b *profile) *neartest.Wallet {
			return neartest.NewWallet(b.signer.AccountID)
		}, "not_full_access", "is not a key of"},
		"an Ethereum account": {func(*profile) *neartest.Wallet {
			return neartest.NewWallet("0x" + strings.Repeat("ab", 20))
		}, "account_unsupported", "has no keys of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			owner := b.signer
			b.first.installs("nightly")
			q := b.first.begin()
			b.signer = c.signer(b)
			b.first.choose("nightly")
			b.first.shows(c.panel)
			b.first.told()
			b.first.says(c.says)
			if ids := value[int](b.first, `document.body.innerText.split("Request ID").length - 1`); ids != 1 {
				t.Errorf("%d request ids to choose from", ids)
			}
			b.signer = owner
			b.first.press("again")
			b.first.shows("choose")
			b.first.choose("nightly")
			b.signedIn(q)
		})
	}
	t.Run("a wrong signature, until there were too many", func(t *testing.T) {
		t.Parallel()
		wrongSignatures(newProfile(t, p))
	})
}

func wrongSignatures(b *profile) {
	b.first.installs("nightly")
	q := b.first.begin()
	const spoil = `window.nightly.near.signMessage = ((sign) => async function (request) {
		return sign.call(this, window.honest ? request : { ...request, message: "something else" });
	})(window.nightly.near.signMessage)`
	b.first.must(chromedp.Evaluate[chromedp.Void](spoil))
	for range 5 {
		b.first.choose("nightly")
		b.first.shows("bad_signature")
		b.first.told()
		b.first.press("again")
		b.first.shows("choose")
	}
	b.first.must(chromedp.Evaluate[chromedp.Void]("window.honest = true"))
	b.first.choose("nightly")
	b.first.shows("error")
	b.first.told()
	b.first.says("too many wrong answers")
	b.first.press("renew")
	b.first.until(`document.querySelector("main").dataset.visible === "choose"`)
	b.first.choose("nightly")
	b.signedIn(q)
}

// TestOutageOfTheChain keeps the signature: whoever tries again does not sign again.
func TestOutageOfTheChain(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	b := newProfile(t, s.serve())
	b.first.installs("nightly")
	q := b.first.begin()
	s.chain.SetMode(neartest.Down500)
	b.first.choose("nightly")
	b.first.shows("rpc_down")
	b.first.told()
	b.first.says("you need not sign again")
	b.first.press("retry")
	b.first.shows("rpc_down")
	s.chain.SetMode(neartest.OK)
	// A provider that failed is left out for a while, so once may not be enough.
	b.first.until(`document.querySelector("[data-panel=rpc_down]:not([hidden]) [data-act=retry]")?.click(), location.origin === ` + quoted(b.app.origin))
	b.signedIn(q)
	b.signedOnce()
}

// TestOutageOfTheProvider keeps the signature, too.
func TestOutageOfTheProvider(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	b.first.installs("nightly")
	q := b.first.begin()
	b.first.must(chromedp.Evaluate[chromedp.Void](`window.fetch = ((fetch) => (...request) => window.online ? fetch(...request) : Promise.reject(new TypeError("Failed to fetch")))(window.fetch)`))
	b.first.choose("nightly")
	b.first.shows("unreachable")
	b.first.told()
	b.first.must(chromedp.Evaluate[chromedp.Void]("window.online = true"))
	b.first.press("retry")
	b.signedIn(q)
	b.signedOnce()
}
