package e2e

import (
	"encoding/json"
	"net/url"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestWindows is what happens between windows, tabs and browsers.
func TestWindows(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(b *profile){
		"a blocked window can be opened by another click":       blockedThenOpened,
		"a blocked window can be replaced by this one":          blockedThenRedirected,
		"a blocked wallet without redirect offers no redirect":  blockedWithoutRedirect,
		"a closed wallet can be opened again":                   closedByThePerson,
		"another wallet can be used while one is waited for":    anotherWallet,
		"a forged answer of this window is ignored":             forgedByThisWindow,
		"a forged answer of a frame in the wallet is ignored":   forgedByAFrame,
		"a forged answer from another origin is ignored":        forgedByAnotherOrigin,
		"two tabs sign in side by side":                         twoTabs,
		"going back after the sign-in repeats nothing":          backButton,
		"cancel tells the application that access was denied":   cancelled,
		"another browser cannot take over a login":              anotherBrowser,
		"a callback in another browser completes nothing":       callbackInAnotherBrowser,
		"a callback opened by hand leads to the login page":     callbackByHand,
		"a reload while a wallet is waited for starts afresh":   reloadWhileWaiting,
		"a wallet's answer that arrives twice yields one login": answerTwice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// chooseByScript clicks without a person, so that the browser blocks the window.
func (w *window) chooseByScript(wallet string) {
	w.Helper()
	w.must(chromedp.Evaluate[chromedp.Void](`document.querySelector('[data-wallet="` + wallet + `"]').click()`))
}

func blockedThenOpened(b *profile) {
	b.uses(meteorWallet)
	q := b.first.begin()
	b.first.chooseByScript("meteor")
	b.first.shows("popup_blocked")
	b.first.told()
	b.first.press("reopen")
	b.popup(meteorOrigin).click("#approve:enabled")
	b.signedIn(q)
}

func blockedThenRedirected(b *profile) {
	b.uses(myNearWallet)
	q := b.first.begin()
	b.first.chooseByScript("mynearwallet")
	b.first.shows("popup_blocked")
	b.first.press("redirect")
	b.first.at(myNearWalletOrigin + "/sign-message?")
	b.first.click("#approve")
	b.signedIn(q)
}

func blockedWithoutRedirect(b *profile) {
	b.first.begin()
	b.first.chooseByScript("intear")
	b.first.shows("popup_blocked")
	if value[bool](b.first, `document.querySelector("[data-act=redirect]").checkVisibility()`) {
		b.Error("Intear cannot be reached by a redirect")
	}
	b.first.press("again")
	b.first.shows("choose")
}

func closedByThePerson(b *profile) {
	q := b.first.begin()
	b.first.opens("meteor", meteorWallet).close()
	b.first.shows("no_answer")
	b.first.told()
	b.first.press("reopen")
	b.popup(meteorOrigin).click("#approve:enabled")
	b.signedIn(q)
}

func anotherWallet(b *profile) {
	q := b.first.begin()
	meteor := b.first.opens("meteor", meteorWallet)
	b.first.press("again")
	b.first.shows("choose")
	meteor.vanishes()
	b.first.opens("intear", intearWallet).click("#approve:enabled")
	b.signedIn(q)
	b.signedOnce()
}

// forgery is MyNearWallet's message with the signature of somebody whose
// account the attacker wants the person to end in.
func forgery(b *profile) string {
	b.Helper()
	mallory := neartest.NewWallet("mallory" + b.signer.AccountID[max(0, len(b.signer.AccountID)-30):])
	b.chain.AddKey(mallory.AccountID, mallory.PublicKey(), neartest.FullAccess)
	c := b.first.challenge()
	return encode(b, map[string]any{"status": "success", "signedRequest": map[string]string{
		"accountId": mallory.AccountID, "publicKey": mallory.PublicKey(), "signature": mallory.Sign(c.Message, c.NonceBytes, c.Recipient, nil),
	}})
}

// challenge is what the login page wants signed.
func (w *window) challenge() (c challenge) {
	w.Helper()
	text := value[string](w, `fetch(location.href, {headers: {Accept: "application/json"}}).then((r) => r.text())`)
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		w.Fatal(err)
	}
	return c
}

// forge has messages posted by script, and waits until the page has seen the last.
func forge(b *profile, by *window, script string) {
	b.Helper()
	b.first.must(chromedp.Evaluate[chromedp.Void](`window.seen = false; addEventListener("message", (e) => { if (e.data === "last") setTimeout(() => { window.seen = true }) })`))
	by.must(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
	b.first.until("window.seen")
	b.first.shows("waiting")
}

func forgedByThisWindow(b *profile) {
	q := b.first.begin()
	message := forgery(b)
	wallet := b.first.opens("mynearwallet", myNearWallet)
	forge(b, b.first, `postMessage(`+message+`, "*"); postMessage("last", "*")`)
	wallet.click("#approve")
	b.signedIn(q)
}

func forgedByAFrame(b *profile) {
	q := b.first.begin()
	message := forgery(b)
	wallet := b.first.opens("mynearwallet", myNearWallet)
	// A frame without an address has the wallet's origin, but is another window.
	forge(b, wallet, `(() => {
		const frame = document.body.appendChild(document.createElement("iframe"));
		frame.contentWindow.eval("parent.opener.postMessage(" + `+quoted(message)+` + ", '*'); parent.opener.postMessage('last', '*')");
	})()`)
	wallet.click("#approve")
	b.signedIn(q)
}

// W08: the right window, after it went elsewhere.
func forgedByAnotherOrigin(b *profile) {
	b.first.begin()
	message := forgery(b)
	wallet := b.first.opens("mynearwallet", myNearWallet)
	wallet.leaves("location.href = " + quoted(b.app.origin+"/elsewhere"))
	wallet.at(b.app.origin)
	forge(b, wallet, `opener.postMessage(`+message+`, "*"); opener.postMessage("last", "*")`)
	wallet.close()
	b.first.shows("no_answer")
}

func twoTabs(b *profile) {
	second := b.attach(chromedp.WithExistingBrowserContext(chromedp.FromContext(b.first.ctx).BrowserContextID))
	second.size(1280, 900)
	b.first.installs("nightly")
	second.installs("nightly")
	one, two := b.first.begin(), second.begin()
	second.choose("nightly")
	b.signedIn(two)
	b.first.choose("nightly")
	b.signedIn(one)
}

func backButton(b *profile) {
	b.first.installs("nightly")
	b.first.visit(b.app.origin + "/")
	q := b.first.begin()
	login := b.first.location()
	b.first.choose("nightly")
	b.signedIn(q)
	b.first.at(b.app.origin + "/callback")
	b.first.leaves("history.back()")
	b.first.at(b.app.origin + "/")
	if at := b.first.location(); at != b.app.origin+"/" {
		b.Errorf("back leads to %s", at)
	}
	b.first.visit(login)
	b.first.says("This sign-in is over")
	b.first.examine()
}

func cancelled(b *profile) {
	q := b.first.begin()
	login := b.first.location()
	b.first.click("[data-act=cancel]")
	b.refused(q, "access_denied")
	b.first.at(b.app.origin + "/callback")
	b.first.visit(login)
	b.refused(q, "access_denied") // the same answer again, and no second chance
}

func anotherBrowser(b *profile) {
	b.first.installs("nightly")
	q := b.first.begin()
	other := newProfile(b.TB, b.process)
	other.first.visit(b.first.location())
	other.first.says("Continue in the browser where you started")
	other.first.examine()
	b.first.choose("nightly")
	b.signedIn(q)
}

func callbackInAnotherBrowser(b *profile) {
	b.uses(myNearWallet)
	b.first.phone()
	q := b.first.begin()
	login := b.first.location()
	b.first.choose("mynearwallet")
	b.first.at(myNearWalletOrigin + "/sign-message?")
	other := newProfile(b.TB, b.process)
	other.first.visit(login + "/cb#accountId=" + url.QueryEscape(b.signer.AccountID) + "&signature=AAAA&publicKey=" + url.QueryEscape(b.signer.PublicKey()) + "&state=x&")
	other.first.says("Continue in the browser where you started")
	b.first.click("#approve")
	b.signedIn(q)
}

func callbackByHand(b *profile) {
	b.first.begin()
	login := b.first.location()
	b.first.visit(login + "/cb")
	b.first.shows("choose")
	if at := b.first.location(); at != login {
		b.Errorf("led to %s", at)
	}
}

func reloadWhileWaiting(b *profile) {
	q := b.first.begin()
	meteor := b.first.opens("meteor", meteorWallet)
	b.first.must(chromedp.Reload())
	b.first.shows("choose")
	meteor.close()
	b.first.opens("intear", intearWallet).click("#approve:enabled")
	b.signedIn(q)
}

// Wallets deliver twice, to the page and to the callback; whoever comes second
// is led to the same code.
func answerTwice(b *profile) {
	b.first.phone()
	q := b.first.begin()
	b.uses(myNearWallet)
	login := b.first.location()
	b.first.choose("mynearwallet")
	b.first.at(myNearWalletOrigin + "/sign-message?")
	b.first.click("#approve")
	first := b.app.arrival()
	asked := b.signedOnce()
	fragment := "#accountId=" + b.signer.AccountID + "&signature=" + url.QueryEscape(b.signer.Sign(asked.Message, asked.Nonce, asked.Recipient, asked.CallbackURL)) +
		"&publicKey=" + url.QueryEscape(b.signer.PublicKey()) + "&"
	b.first.at(b.app.origin)
	b.first.visit(login + "/cb" + fragment)
	if second := b.app.arrival(); second.Get("code") != first.Get("code") {
		b.Errorf("codes %q and %q", first.Get("code"), second.Get("code"))
	}
	b.app.arrivals <- first
	b.signedIn(q)
}
