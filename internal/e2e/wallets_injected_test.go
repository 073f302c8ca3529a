package e2e

import (
	"context"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// installs puts extension wallets into every page of the window.
func (w *window) installs(extensions ...string) {
	w.Helper()
	source, err := walletPages.ReadFile("testdata/wallets/injected.js")
	if err != nil {
		w.Fatal(err)
	}
	signer := func(_ context.Context, request string) (string, error) {
		signed, err := w.sign([]byte(request))
		return string(signed), err
	}
	var calls string
	for _, extension := range extensions {
		if !strings.Contains(extension, "(") {
			extension += "()"
		}
		calls += "extensions." + extension + ";\n"
	}
	// For as long as the window lives, which is why this is no must.
	if err := chromedp.Do(w.ctx, chromedp.ExposeFunc("signNEP413", signer), onEveryDocument("{\n"+string(source)+calls+"}")); err != nil {
		w.Fatal(err)
	}
}

func TestInjectedWallets(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(b *profile){
		"one that announces itself signs":                      announcedSigns,
		"one that announces itself is told no":                 announcedRejects,
		"one that announces itself shows no foreign picture":   announcedWithForeignPicture,
		"one of another network is not offered":                announcedForAnotherNetwork,
		"one announced by another window is not offered":       announcedFromElsewhere,
		"Nightly is told no":                                   extensionRejects("nightly", "rejected"),
		"OKX is told no, which it calls an error":              extensionRejects("okx", "wallet_error"),
		"Sender is told no":                                    extensionRejects("sender", "rejected"),
		"none is offered that is not there, HOT on no testnet": onlyInstalledAreOffered,
		"those in this browser come before the others":         installedComeFirst,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// HOT has no testnet, so this provider serves mainnet.
func TestHOTSignsOnMainnet(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.network, s.chain = "mainnet", neartest.NewChain("mainnet")
	b := newProfile(t, s.serve())
	b.signer = neartest.NewWallet("hot-user.near")
	b.chain.AddKey(b.signer.AccountID, b.signer.PublicKey(), neartest.FullAccess)
	b.first.installs("hot")
	extensionThroughEverything(b, "hot")
}

// refuses makes the person say no to injected wallets from now on.
func (p *profile) refuses() {
	p.Helper()
	p.first.must(chromedp.Evaluate[chromedp.Void]("window.refusing = true"))
}

func announcedSigns(b *profile) {
	b.first.installs("standard")
	q := b.first.begin()
	b.first.says("Clip Wallet")
	b.first.choose("injected:clip")
	b.signedIn(q)
	b.signedOnce()
}

func announcedRejects(b *profile) {
	b.first.installs("standard")
	b.first.begin()
	b.refuses()
	b.first.choose("injected:clip")
	b.first.shows("rejected")
	b.first.told()
}

// A picture elsewhere would tell its host who signs in where; the request would fail the test.
func announcedWithForeignPicture(b *profile) {
	b.first.installs(`standard({ icon: "https://tracker.example/pixel.png" })`)
	b.first.begin()
	b.first.until(`document.querySelector("[data-wallet='injected:clip'] [data-tile]").textContent === "C"`)
}

func announcedForAnotherNetwork(b *profile) {
	b.first.installs(`standard({ id: "abroad", name: "Abroad", features: { testnet: false, mainnet: true } })`, "standard")
	b.first.begin()
	b.first.says("Clip Wallet")
	if value[bool](b.first, `document.body.innerText.includes("Abroad")`) {
		b.Error("a wallet without testnet is offered on testnet")
	}
}

// Any page that opens this one could offer a false wallet by a message.
func announcedFromElsewhere(b *profile) {
	b.first.begin()
	const said = `{ type: "near-wallet-injected", manifest: { id: "evil", name: "Evil" } }`
	done := value[bool](b.first, `new Promise((resolve) => {
		addEventListener("message", () => setTimeout(resolve, 0, true), { once: true });
		postMessage(`+said+`, "*");
	})`)
	if !done || value[bool](b.first, `document.body.innerText.includes("Evil")`) {
		b.Error("a message can offer a wallet")
	}
}

func extensionRejects(id, panel string) func(b *profile) {
	return func(b *profile) {
		b.first.installs(id)
		q := b.first.begin()
		b.refuses()
		b.first.choose(id)
		b.first.shows(panel)
		b.first.told()
		b.first.must(chromedp.Evaluate[chromedp.Void]("window.refusing = false"))
		b.first.press("again")
		b.first.shows("choose")
		b.first.choose(id)
		b.signedIn(q)
		b.signedOnce()
	}
}

// shownWallets are the ids of the wallets on offer, in order.
const shownWallets = `[...document.querySelectorAll("[data-wallets] li:not([hidden]) [data-wallet]")].map((b) => b.dataset.wallet).join(" ")`

func onlyInstalledAreOffered(b *profile) {
	b.first.installs("hot")
	b.first.begin()
	if got := value[string](b.first, shownWallets); got != "meteor intear mynearwallet" {
		b.Errorf("offered: %s", got)
	}
}

func installedComeFirst(b *profile) {
	b.first.installs("sender", "nightly")
	b.first.begin()
	if got := value[string](b.first, shownWallets); got != "nightly sender meteor intear mynearwallet" {
		b.Errorf("offered: %s", got)
	}
}
