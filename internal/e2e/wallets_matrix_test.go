package e2e

import (
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// matrixWallets is every wallet that has a button, one of them by another name elsewhere,
// and one that the operator brings.
const matrixWallets = `
wallets:
  - announced
  - nightly
  - okx
  - sender
  - meteor
  - intear
  - mynearwallet
  - bitte
  - {id: acme, name: Acme, protocol: sign-message, url: "https://wallet.acme.example", redirect: true}
  - {id: meteor-staging, name: Meteor (staging), protocol: meteor, url: "https://staging.meteor.example"}
`

// A webWallet is a row of the matrix: a stand-in on the web, and the message in which it
// would bring an answer, as JavaScript that runs in its window.
type webWallet struct {
	standIn
	id      string
	message string
	twin    bool // of the one before, whose protocol it speaks: what is malformed is the same
}

var webWallets = []webWallet{
	{myNearWallet, "mynearwallet", `{ status: "success", signedRequest: answer }`, false},
	{standIn{origin: "https://testnet.wallet.bitte.ai", page: "mynearwallet.html"}, "bitte", `{ status: "success", signedRequest: answer }`, true},
	{meteorWallet, "meteor", `{ uid, status: "closed_success", endTags: [], payload: answer }`, false},
	{standIn{origin: "https://staging.meteor.example", page: "meteor.html"}, "meteor-staging", `{ uid, status: "closed_success", endTags: [], payload: { signedMessage: answer } }`, true},
	{intearWallet, "intear", `{ type: "connected", signedMessage: answer }`, false},
}

// cloneable are answers of the wrong shape that a message can carry.
var cloneable = []string{
	`42`, `"signed"`, `[]`, `[[[]]]`,
	`{ accountId: {}, publicKey: [], signature: {} }`,
	`{ accountId: "a".repeat(1e6), publicKey: "ed25519:1", signature: "AAAA" }`,
	`{ accountId: "a.testnet", publicKey: { data: Array(1e5).fill(7) }, signature: { data: Array(1e5).fill(7) } }`,
	`{ accountId: "\u202etentset.ecila", publicKey: "ed25519:1", signature: "AAAA" }`,
	`JSON.parse('{"__proto__": {"accountId": "a.testnet", "publicKey": "ed25519:1", "signature": "AAAA"}}')`,
}

// alive are answers that only code in the same page can give.
var alive = []string{
	`{ get signature() { throw new Error("no") } }`,
	`new Proxy({}, { get() { throw null } })`,
	`Promise.reject(null)`,
	`Promise.reject({ get message() { throw new Error("no") } })`,
	`Promise.reject(Object.create(null))`,
	`Promise.reject(new Error("\u202e" + "x".repeat(1e6)))`,
	`{ accountId: "a.testnet", publicKey: Object.create(null), signature: "AAAA" }`,
	`{ accountId: "a.testnet", publicKey: "ed25519:1", signature: { toString() { throw 1 } } }`,
}

// notBelieved waits until the page has judged an answer: it says so in one of the panels for
// it, in words that are short and turn nothing around, and nobody is signed in.
func (w *window) notBelieved(answer string) {
	w.Helper()
	w.until(`/^(rejected|bad_signature|wallet_error)$/.test(document.querySelector("main").dataset.visible)`)
	w.told()
	if text := value[string](w, `document.querySelector("[data-panel]:not([hidden]) [data-text]").textContent`); len(text) > 300 || strings.Contains(text, "\u202e") {
		w.Errorf("%s: the page says %.400q", answer, text)
	}
}

// W01, W08: each wallet on the web, through everything that can become of asking it. In the end
// the same page signs in, so nothing before was a dead end.
func TestWebWalletsThroughEverythingThatCanHappen(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = matrixWallets
	p := s.serve()
	for _, wallet := range webWallets {
		t.Run(wallet.id, func(t *testing.T) {
			t.Parallel()
			wallet.everything(newProfile(t, p))
		})
	}
}

// asked opens the wallet once more and waits until it has the request.
func (s webWallet) asked(b *profile) *window {
	b.Helper()
	b.first.press("again")
	b.first.shows("choose")
	wallet := b.first.opens(s.id, s.standIn)
	wallet.until(`document.querySelector("#approve")?.disabled === false`)
	return wallet
}

func (s webWallet) everything(b *profile) {
	b.Helper()
	q := b.first.begin()
	b.first.opens(s.id, s.standIn).close()
	b.first.shows("no_answer")
	s.asked(b).click("#reject")
	b.first.shows("rejected")
	malformed := cloneable
	if s.twin {
		malformed = cloneable[:1]
	}
	for _, answer := range malformed {
		wallet := s.asked(b)
		wallet.must(chromedp.Evaluate[chromedp.Void](`{ const answer = ` + answer + `; opener.postMessage(` + s.message + `, "*") }`))
		b.first.notBelieved(answer)
	}
	wallet := s.asked(b)
	s.forges(b, wallet)
	s.replays(b, wallet)
	wallet = s.asked(b)
	wallet.click("#approve")
	b.signedIn(q)
}

// forges has this window, and a frame of the wallet's origin in the wallet's window, speak as
// the wallet would. Neither is the window that was opened.
func (s webWallet) forges(b *profile, wallet *window) {
	b.Helper()
	mallory := neartest.NewWallet("m" + b.signer.AccountID[max(0, len(b.signer.AccountID)-40):])
	b.chain.AddKey(mallory.AccountID, mallory.PublicKey(), neartest.FullAccess)
	c := b.first.challenge()
	answer := encode(b, map[string]string{
		"accountId": mallory.AccountID, "publicKey": mallory.PublicKey(), "signature": mallory.Sign(c.Message, c.NonceBytes, c.Recipient, nil),
	})
	message := value[string](wallet, `(() => { const answer = `+answer+`; return JSON.stringify(`+s.message+`) })()`)
	forge(b, b.first, `postMessage(`+message+`, "*"); postMessage("last", "*")`)
	forge(b, wallet, `(() => {
		const frame = document.body.appendChild(document.createElement("iframe"));
		frame.contentWindow.eval("parent.opener.postMessage(" + `+quoted(message)+` + ", '*'); parent.opener.postMessage('last', '*')");
	})()`)
}

// replays has the wallet bring a signature that is good, for the nonce of another login.
func (s webWallet) replays(b *profile, wallet *window) {
	b.Helper()
	c := b.first.challenge()
	other := c.NonceBytes
	other[0]++
	answer := encode(b, map[string]string{
		"accountId": b.signer.AccountID, "publicKey": b.signer.PublicKey(), "signature": b.signer.Sign(c.Message, other, c.Recipient, nil),
	})
	wallet.must(chromedp.Evaluate[chromedp.Void](`{ const answer = ` + answer + `; opener.postMessage(` + s.message + `, "*") }`))
	b.first.shows("bad_signature")
}

// W01, W08: the same for wallets in this browser, which can answer with things that bite.
func TestWalletsInTheBrowserThroughEverythingThatCanHappen(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = matrixWallets
	p := s.serve()
	for extension, id := range map[string]string{
		"nightly": "nightly", "okx": "okx", "sender": "sender", "standard": "injected:clip",
		"meteor": "meteor", "meteorV2": "meteor",
	} {
		t.Run(extension, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			b.first.installs(extension)
			extensionThroughEverything(b, id)
		})
	}
}

func extensionThroughEverything(b *profile, id string) {
	q := b.first.begin()
	b.first.until(`document.querySelector("[data-wallets] li:not([hidden]) [data-wallet]").dataset.wallet === ` + quoted(id)) // found, so first
	set := func(script string) { b.first.must(chromedp.Evaluate[chromedp.Void](script)) }
	again := func() {
		b.first.press("again")
		b.first.shows("choose")
		b.first.choose(id)
	}
	set("window.refusing = true")
	b.first.choose(id)
	b.first.until(`/^(rejected|wallet_error)$/.test(document.querySelector("main").dataset.visible)`) // OKX calls each error the same
	set("window.refusing = false")
	for _, answer := range append(alive, cloneable...) {
		set("window.answer = () => (" + answer + ")")
		again()
		b.first.notBelieved(answer)
	}
	set("window.answer = () => new Promise(() => {})") // for ever
	again()
	b.first.shows("waiting")
	set("window.answer = undefined; window.replaying = true")
	again()
	b.first.shows("bad_signature")
	set("window.replaying = false")
	again()
	b.signedIn(q)
}

// W08: an extension that breaks when it is looked at, or announces nonsense, breaks nothing else.
func TestBrokenExtensionsHideNoOtherWallet(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	b.first.must(onEveryDocument(`{
		for (const name of ["okxwallet", "near", "hotExtension", "meteorCom", "meteorComV2"]) Object.defineProperty(window, name, { get() { throw new Error(name) } });
		addEventListener("near-selector-ready", () => {
			const announce = (detail) => dispatchEvent(new CustomEvent("near-wallet-injected", { detail }));
			for (const detail of [null, 1, {}, { manifest: null }, { get manifest() { throw 1 } }, { manifest: { id: { toString() { throw 1 } } }, signMessage() {} }]) announce(detail);
			announce({ manifest: { id: "a", name: "\u202eteemorP\u200b", icon: "data:image/svg+xml," + "x".repeat(1e6) }, signMessage() {} });
			for (let i = 0; i < 1000; i++) announce({ manifest: { id: "flood" + i, name: "Flood " + i }, signMessage() {} });
		});
	}`))
	b.first.installs("nightly")
	q := b.first.begin()
	shown := strings.Fields(value[string](b.first, shownWallets))
	if len(shown) > 30 || shown[0] != "nightly" {
		b.Errorf("offered: %d, %q", len(shown), shown)
	}
	if name := value[string](b.first, `document.querySelector("[data-wallet='injected:a'] [data-name]").textContent`); name != "teemorP" {
		b.Errorf("the name is %q", name)
	}
	b.first.choose("nightly")
	b.signedIn(q)
}

// The operator's own wallet takes the page's place on a large screen, too, and so signs for our callback.
func TestAWalletThatAlwaysRedirectsSignsForTheCallback(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = matrixWallets
	b := newProfile(t, s.serve())
	b.uses(standIn{origin: "https://wallet.acme.example", page: "mynearwallet.html"})
	q := b.first.begin()
	b.first.choose("acme")
	b.first.at("https://wallet.acme.example/sign-message?")
	b.first.click("#approve")
	b.signedIn(q)
	if asked := b.signedOnce(); asked.CallbackURL == nil {
		b.Error("the signature does not cover the callback")
	}
}

// W08: what stands in the fragment of the callback is anybody's to write.
func TestNonsenseAtTheCallbackIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	q := b.first.begin()
	login := b.first.location()
	for i, fragment := range []string{
		"signature=AAAA", "signature=AAAA&accountId=a.testnet", "signature=%E2%80%AE&accountId=%E2%80%AEx&publicKey=y",
		"signature=" + strings.Repeat("A", 100_000) + "&accountId=a.testnet&publicKey=ed25519:1",
		"accountId=a.testnet&publicKey=ed25519:1&signature=AAAA&state=another",
		"__proto__=1&constructor=2&signature=AAAA&accountId=%00&publicKey=%00",
	} {
		b.first.must(chromedp.Evaluate[chromedp.Void]("window.old = true"))
		b.first.visit(fmt.Sprintf("%s/cb?%d#%s", login, i, fragment)) // a page of its own each time
		b.first.until(`!window.old && document.querySelector("main")?.dataset.visible === "bad_signature"`)
	}
	b.first.visit(login)
	b.first.shows("choose")
	b.first.opens("meteor", meteorWallet).click("#approve:enabled")
	b.signedIn(q)
}
