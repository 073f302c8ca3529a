package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/mr-tron/base58"
)

// TestLedger signs in with a Ledger that speaks APDUs over WebHID and holds the profile's key.
func TestLedger(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = "\nwallets: [meteor, ledger]\n"
	p := s.serve()
	for name, test := range map[string]func(b *profile){
		"signs what it shows":                            ledgerSigns,
		"what is in the way is said, and can be removed": ledgerProblems,
		"is told no":                                        ledgerRejects,
		"an account without its key is refused":             ledgerOfAnotherAccount,
		"is not offered where the browser has no WebHID":    ledgerWithoutWebHID,
		"the browser lets the login page use WebHID for it": ledgerPolicy,
		"answers of the wrong shape are not believed":       ledgerTalksNonsense,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// plugsIn connects a Ledger to every page of the window.
func (w *window) plugsIn() {
	w.Helper()
	source, err := walletPages.ReadFile("testdata/wallets/ledger.js")
	if err != nil {
		w.Fatal(err)
	}
	key := func(_ context.Context, path string) (string, error) {
		if path != "128,0,0,44,128,0,1,141,128,0,0,0,128,0,0,0,128,0,0,1" {
			return "", errors.New("another path: " + path)
		}
		raw, err := base58.Decode(strings.TrimPrefix(w.signer.PublicKey(), "ed25519:"))
		return base64.StdEncoding.EncodeToString(raw), err
	}
	signer := func(_ context.Context, request string) (string, error) {
		signed, err := w.sign([]byte(request))
		return string(signed), err
	}
	if err := chromedp.Do(w.ctx, chromedp.ExposeFunc("ledgerKey", key), chromedp.ExposeFunc("signNEP413", signer), onEveryDocument("{\n"+string(source)+"}")); err != nil {
		w.Fatal(err)
	}
}

// ledgerIs changes what the Ledger is like, by a script that sets its properties.
func (w *window) ledgerIs(changes string) {
	w.Helper()
	w.must(chromedp.Evaluate[chromedp.Void]("Object.assign(window.ledger, " + changes + ")"))
}

// names types the account that the Ledger's key is said to be of.
func (w *window) names(account string) {
	w.Helper()
	w.must(chromedp.SetValue(chromedp.CSS("#ledger-account"), account))
}

func ledgerSigns(b *profile) {
	b.first.plugsIn()
	q := b.first.begin()
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.until(`document.activeElement.name === "account" && document.querySelector("[data-live]").textContent.startsWith("Sign with your Ledger.")`)
	b.first.names(" " + strings.ToUpper(b.signer.AccountID))
	b.first.click("[name=sign]")
	b.signedIn(q)
	if asked := b.signedOnce(); asked.CallbackURL != nil {
		b.Errorf("the callback %s is in the payload", *asked.CallbackURL)
	}
}

// Each is one plain sentence, after which the same page goes on.
func ledgerProblems(b *profile) {
	b.first.plugsIn()
	q := b.first.begin()
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.readable("ledger")
	b.first.names(b.signer.AccountID)
	for _, problem := range []struct{ is, isNot, says string }{
		{`{dismissed: true}`, `{dismissed: false}`, "No Ledger was chosen."},
		{`{busy: true}`, `{busy: false}`, "Another program uses your Ledger."},
		{`{locked: true}`, `{locked: false}`, "Your Ledger is locked."},
		{`{app: "BOLOS"}`, `{app: "NEAR"}`, "The NEAR app is not open on your Ledger."},
		{`{app: "Bitcoin"}`, `{app: "NEAR"}`, "The NEAR app is not open on your Ledger."},
		{`{version: "2.2.9"}`, `{version: "2.3.0"}`, "is version 2.2.9"},
		{`{vanishing: true}`, `{vanishing: false}`, "The connection to your Ledger was lost."},
		{`{odd: [0xb0, 0x08]}`, `{odd: undefined}`, "an unexpected answer (b008)"},
		{`{path: [0]}`, `{path: [0x8000002c, 0x8000018d, 0x80000000, 0x80000000, 0x80000001]}`, "an unexpected answer (b00d)"},
	} {
		b.first.ledgerIs(problem.is)
		b.first.click("[name=sign]")
		b.first.until(`document.querySelector("[data-problem]").textContent.includes(` + quoted(problem.says) + `) && !document.querySelector("[name=sign]").disabled`)
		b.first.ledgerIs(problem.isNot)
	}
	b.first.examine()
	b.first.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("[name=path]").value = "44'/397'/0'"`))
	b.first.click("[name=sign]")
	b.first.says("The key path needs five numbers, such as 44'/397'/0'/0'/1'.")
	b.first.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("[name=path]").value = "44'/397'/0'/0'/1'"`))
	b.first.click("[name=sign]")
	b.signedIn(q)
	b.signedOnce()
}

func ledgerRejects(b *profile) {
	b.first.plugsIn()
	q := b.first.begin()
	b.first.ledgerIs(`{refusing: true}`)
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.names(b.signer.AccountID)
	b.first.click("[name=sign]")
	b.first.shows("rejected")
	b.first.told()
	b.first.ledgerIs(`{refusing: false}`)
	b.first.press("again")
	b.first.shows("choose")
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.click("[name=sign]")
	b.signedIn(q)
	b.signedOnce()
}

// The person names the account, so he may name somebody else's.
func ledgerOfAnotherAccount(b *profile) {
	victim := neartest.NewWallet("v" + b.signer.AccountID[max(0, len(b.signer.AccountID)-40):])
	b.chain.AddKey(victim.AccountID, victim.PublicKey(), neartest.FullAccess)
	b.first.plugsIn()
	b.first.begin()
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.names(victim.AccountID)
	b.first.click("[name=sign]")
	b.first.shows("not_full_access")
	b.first.told()
}

func ledgerWithoutWebHID(b *profile) {
	b.first.must(onEveryDocument(`delete Navigator.prototype.hid`))
	b.first.begin()
	if got := value[string](b.first, shownWallets); got != "meteor" {
		b.Errorf("offered: %s", got)
	}
}

func ledgerPolicy(b *profile) {
	b.first.begin()
	if got := value[string](b.first, shownWallets); got != "meteor ledger" {
		b.Errorf("offered: %s", got)
	}
	if n := value[int](b.first, `navigator.hid.getDevices().then((list) => list.length)`); n != 0 {
		b.Errorf("%d devices", n)
	}
}

func ledgerTalksNonsense(b *profile) {
	b.first.plugsIn()
	q := b.first.begin()
	b.first.choose("ledger")
	b.first.shows("ledger")
	b.first.names(b.signer.AccountID)
	for _, odd := range []string{"[]", "[0x90]", "[0x90, 0]", "[1, 255, 0x4e, 0x90, 0]", "Array(2000).fill(0x41).concat(0x90, 0)"} {
		b.first.ledgerIs("{odd: " + odd + "}")
		b.first.click("[name=sign]")
		b.first.until(`!document.querySelector("[data-problem]").hidden && !document.querySelector("[name=sign]").disabled`)
		b.first.shows("ledger")
	}
	b.first.ledgerIs("{odd: undefined}")
	b.first.click("[name=sign]")
	b.signedIn(q)
	b.signedOnce()
}
