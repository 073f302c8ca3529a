package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestButtonWindows is what happens between the page, the window that it opens, and others.
func TestButtonWindows(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(t *testing.T, p *process){
		"a no is told to the page":                             buttonDenied,
		"a script of the callback page hands the answer over":  buttonRelayed,
		"a page that is gone leaves the end to the window":     buttonOrphaned,
		"a window that the browser blocks is an error":         buttonBlocked,
		"a closed window is an error, but not at once":         buttonClosed,
		"a window that only seems closed is waited for":        buttonSeemsClosed,
		"a lost window can be replaced by another click":       buttonClickedAgain,
		"two clicks open one window":                           buttonClickedTwice,
		"forged answers of other origins are not heard":        buttonForged,
		"an answer to another question is not taken":           buttonConfused,
		"a page may say no to a sign-in, and say who it is":    buttonPrevented,
		"an application without the element signs in":          buttonWithoutElement,
		"a wallet's window within the window finishes the way": buttonWithWebWallet,
		"without FedCM the browser is redirected":              buttonWithoutFedCM,
		"FedCM's answer is redeemed like any other":            buttonWithFedCM,
		"FedCM's answer to another question is refused":        buttonWithForgedFedCM,
		"without JavaScript the link in the element is left":   buttonWithoutScript,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, p) })
	}
}

func openPopup(t *testing.T, p *process) (b *profile, popup *window) {
	t.Helper()
	b = buttonPage{coop: "same-origin-allow-popups", element: popupButton}.open(t, p)
	b.first.click("near-signin-button")
	return b, b.opened(p.issuer + "/login/")
}

func (w *window) cancels() {
	w.Helper()
	w.shows("choose")
	w.click("[data-act=cancel]")
}

func buttonDenied(t *testing.T, p *process) {
	b, popup := openPopup(t, p)
	popup.cancels()
	if got := b.first.hears("error"); got.Error != "access_denied" || got.Target != "near-signin-button" {
		t.Errorf("told %+v", got)
	}
	popup.vanishes()
	again := buttonPage{element: redirectButton}.open(t, p)
	again.first.click("near-signin-button")
	again.first.at(p.issuer + "/login/")
	again.first.cancels()
	if got := again.first.hears("error"); got.Error != "access_denied" {
		t.Errorf("told %+v", got)
	}
}

func buttonRelayed(t *testing.T, p *process) {
	b := buttonPage{element: popupButton, callback: "<p>One moment…</p>",
		script: `import { relayCallback } from "BUTTON"; if (location.pathname === "/callback") void relayCallback();`}.open(t, p)
	b.first.click("near-signin-button")
	popup := b.opened(p.issuer + "/login/")
	popup.signsIn()
	b.first.isIn()
	popup.vanishes()
}

func buttonOrphaned(t *testing.T, p *process) {
	b, popup := openPopup(t, p)
	b.first.visit("about:blank")
	popup.signsIn()
	popup.at(b.app.origin + "/callback")
	popup.isIn()
}

func buttonBlocked(t *testing.T, p *process) {
	b := buttonPage{element: popupButton}.open(t, p)
	b.first.must(chromedp.Evaluate[chromedp.Void](clickButton))
	if got := b.first.hears("error"); got.Error != "popup_blocked" {
		t.Errorf("told %+v", got)
	}
	if n := value[int](b.first, "localStorage.length"); n != 0 {
		t.Errorf("%d sign-ins are kept", n)
	}
}

// quick makes the seconds of the button's clock short, and counts them.
const quick = `{ const real = setInterval; window.ticks = 0; window.setInterval = (f, ms) => real(() => { ticks++; f() }, ms === 1000 ? 10 : ms) }`

func buttonClosed(t *testing.T, p *process) {
	b := buttonPage{element: popupButton}.open(t, p)
	b.first.must(onEveryDocument(quick), chromedp.Reload())
	b.first.until("window.told && customElements.get('near-signin-button')")
	b.first.click("near-signin-button")
	b.opened(p.issuer + "/login/").close()
	if got := b.first.hears("error"); got.Error != "popup_closed" {
		t.Errorf("told %+v", got)
	}
	if ticks, left := value[int](b.first, "ticks"), value[int](b.first, "localStorage.length"); ticks < 60 || left != 0 {
		t.Errorf("given up after %d seconds, %d sign-ins are kept", ticks, left)
	}
}

// The provider cuts its window off from the page, to which it looks closed.
func buttonSeemsClosed(t *testing.T, p *process) {
	b := buttonPage{coop: "same-origin", element: popupButton}.open(t, p)
	b.first.must(onEveryDocument(quick+`; Document.prototype.hasFocus = () => false; { const real = open; window.open = (...a) => (window.opened = real.apply(window, a)) }`), chromedp.Reload())
	b.first.until("window.told && customElements.get('near-signin-button')")
	b.first.click("near-signin-button")
	popup := b.opened(p.issuer + "/login/")
	b.first.until("opened.closed && ticks > 200") // and yet
	popup.signsIn()
	b.first.isIn()
}

func buttonClickedAgain(t *testing.T, p *process) {
	b, lost := openPopup(t, p)
	lost.close()
	// Clicks within a second are one.
	clicked := value[float64](b.first, "performance.now()")
	b.first.until(fmt.Sprintf("performance.now() > %f", clicked+1000))
	b.first.click("near-signin-button")
	b.opened(p.issuer + "/login/").signsIn()
	got := b.first.hears("success")
	if got.Sub != b.signer.AccountID || value[bool](b.first, `told.some((e) => e.name === "error")`) {
		t.Errorf("told %+v", got)
	}
}

func buttonClickedTwice(t *testing.T, p *process) {
	b := buttonPage{element: popupButton}.open(t, p)
	b.first.must(chromedp.DoubleClick(chromedp.CSS("near-signin-button")))
	b.opened(p.issuer + "/login/").signsIn()
	b.first.isIn()
	if n := value[int](b.first, `told.filter((e) => e.name === "start").length`); n != 1 {
		t.Errorf("%d sign-ins were begun", n)
	}
}

// stateOf is that of the sign-in that the page waits for.
func (w *window) stateOf() string {
	w.Helper()
	return value[string](w, `Object.keys(localStorage).find((key) => key.startsWith("near-signin:")).slice(12)`)
}

// Even who knows the state is not heard from elsewhere: neither on the channel nor by a message.
func buttonForged(t *testing.T, p *process) {
	b, popup := openPopup(t, p)
	forged := b.app.origin + "/callback?code=stolen&state=" + b.first.stateOf() + "&iss=" + p.issuer
	attacker := b.attach(chromedp.WithExistingBrowserContext(chromedp.FromContext(b.first.ctx).BrowserContextID))
	attacker.visit("/")
	attacker.at(p.issuer)
	attacker.must(chromedp.Evaluate[chromedp.Void](`new BroadcastChannel("near-signin:` + b.first.stateOf() + `").postMessage(` + quoted(forged) + `)`))
	b.first.must(chromedp.Evaluate[chromedp.Void](`postMessage(`+quoted(forged)+`, "*")`),
		chromedp.Evaluate[chromedp.Void](`dispatchEvent(new MessageEvent("message", { data: `+quoted(forged)+`, origin: "`+p.issuer+`" }))`))
	popup.signsIn()
	b.first.isIn()
	if n := value[int](b.first, "told.length"); n != 2 {
		t.Errorf("told %d times", n)
	}
}

func buttonConfused(t *testing.T, p *process) {
	b, popup := openPopup(t, p)
	script := `{ const c = new BroadcastChannel("near-signin:` + b.first.stateOf() + `");
		for (const q of ["code=c&state=another", "state=` + b.first.stateOf() + `", "code=c", ""]) c.postMessage("` + b.app.origin + `/callback?" + q) }`
	b.first.must(chromedp.Evaluate[chromedp.Void](script))
	popup.signsIn()
	b.first.isIn()
}

func buttonPrevented(t *testing.T, p *process) {
	b := buttonPage{element: popupButton, script: `window.patient = true;
		document.addEventListener("near-signin-start", (e) => { if (patient) e.preventDefault(); e.detail.loginHint = "bob.testnet"; e.detail.mode = "redirect" })`}.open(t, p)
	b.first.click("near-signin-button")
	got := b.first.hears("start")
	if got.Options["clientId"] != "spa" || got.Options["issuer"] != p.issuer || value[int](b.first, "localStorage.length") != 0 {
		t.Errorf("told %+v", got)
	}
	b.first.must(chromedp.Evaluate[chromedp.Void]("window.patient = false"))
	b.first.click("near-signin-button")
	b.first.at(p.issuer + "/login/")
	b.first.says("bob.testnet")
}

func buttonWithoutElement(t *testing.T, p *process) {
	b := buttonPage{element: `<button>In</button>`, script: `import { signIn, handleCallback } from "BUTTON";
		const issuer = new URL("BUTTON").origin;
		const told = (p) => p.then((t) => (window.answer = t.claims ?? t?.tokens.claims), (e) => (window.answer = e.code));
		if (location.pathname === "/callback") void told(handleCallback().then(async (t) => (t && (await handleCallback()) === null ? t.tokens : { claims: null })));
		document.querySelector("button").addEventListener("click", () => void told(signIn({ issuer, clientId: "spa", redirectUri: "/callback", mode: window.mode, signal: window.signal })));`}.open(t, p)
	b.first.click("button")
	b.first.at(p.issuer + "/login/")
	b.first.signsIn()
	b.first.until("window.answer")
	if got := value[string](b.first, "answer.sub"); got != b.signer.AccountID {
		t.Errorf("signed in as %s", got)
	}
	// What is not waited for any more does not come as a surprise.
	b.first.visit(b.app.origin + "/")
	b.first.until("window.told")
	b.first.must(chromedp.Evaluate[chromedp.Void](`{ const c = new AbortController(); window.stop = () => c.abort(); window.signal = c.signal; window.mode = "popup" }`))
	b.first.click("button")
	b.first.until("localStorage.length === 1")
	b.first.must(chromedp.Evaluate[chromedp.Void]("stop()"))
	b.first.until("window.answer")
	if got := value[string](b.first, "answer"); got != "aborted" || value[int](b.first, "localStorage.length") != 0 {
		t.Errorf("answered %s", got)
	}
}

func buttonWithWebWallet(t *testing.T, p *process) {
	b, popup := openPopup(t, p)
	popup.shows("choose")
	popup.opens("meteor", meteorWallet).click("#approve:enabled")
	b.first.isIn()
	popup.vanishes()
}

const fedcmButton = `<near-signin-button client-id="spa" redirect-uri="/callback" mode="fedcm"></near-signin-button>`

func buttonWithoutFedCM(t *testing.T, p *process) {
	b := buttonPage{element: fedcmButton}.open(t, p)
	b.first.must(onEveryDocument("delete window.IdentityCredential"), chromedp.Reload())
	b.first.until("window.told && customElements.get('near-signin-button')")
	b.first.click("near-signin-button")
	b.first.at(p.issuer + "/login/")
}

// dialog plays the browser: it keeps what it is asked, and answers when it is told to.
const dialog = `navigator.credentials.get = (asked) => new Promise((resolve) => { window.asked = asked; window.answer = (token) => resolve({ token }) })`

func (b *profile) asksDialog() (params map[string]string) {
	b.Helper()
	b.first.must(onEveryDocument(dialog), chromedp.Reload())
	b.first.until("window.told && customElements.get('near-signin-button')")
	b.first.click("near-signin-button")
	b.first.until("window.asked")
	if got := value[string](b.first, `asked.identity.providers[0].configURL + " " + asked.identity.providers[0].clientId + " " + asked.identity.mode`); got != b.issuer+"/fedcm/config.json spa active" {
		b.Errorf("the browser is asked for %s", got)
	}
	return value[map[string]string](b.first, "asked.identity.providers[0].params")
}

func buttonWithFedCM(t *testing.T, p *process) {
	b := buttonPage{element: fedcmButton}.open(t, p)
	params := b.asksDialog()
	if params["response_type"] != "code" || params["code_challenge_method"] != "S256" || params["scope"] != "openid profile" {
		t.Errorf("params %v", params)
	}
	q := newRequest("spa", params["scope"]).form()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		q.Set(name, params[name])
	}
	q.Set("redirect_uri", b.app.origin+"/callback")
	back := p.browser().visit(p.issuer + "/authorize?" + q.Encode()).Query()
	token := encode(t, map[string]string{"code": back.Get("code"), "iss": back.Get("iss"), "state": back.Get("state")})
	b.first.must(chromedp.Evaluate[chromedp.Void]("answer(" + quoted(token) + ")"))
	if got := b.first.hears("success"); got.Sub != "alice.testnet" {
		t.Errorf("told %+v", got)
	}
}

func buttonWithForgedFedCM(t *testing.T, p *process) {
	for token, want := range map[string]string{
		`{"code":"c","iss":"` + p.issuer + `","state":"another"}`:           "unknown_state",
		`{"code":"c","iss":"https://evil.example","state":"THIS"}`:          "issuer_mismatch",
		`{"code":"c","state":"THIS"}`:                                       "issuer_mismatch",
		`no JSON`:                                                           "fedcm_failed",
		`{"error":"access_denied","iss":"` + p.issuer + `","state":"THIS"}`: "access_denied",
	} {
		b := buttonPage{element: fedcmButton}.open(t, p)
		params := b.asksDialog()
		b.first.must(chromedp.Evaluate[chromedp.Void]("answer(" + quoted(strings.Replace(token, "THIS", params["state"], 1)) + ")"))
		if got := b.first.hears("error"); got.Error != want {
			t.Errorf("%s: told %+v", token, got)
		}
		if n := value[int](b.first, "localStorage.length"); n != 0 {
			t.Errorf("%d sign-ins are kept", n)
		}
	}
}

func buttonWithoutScript(t *testing.T, p *process) {
	b := newProfile(t, p)
	b.app = &application{TB: t, origin: buttonPage{element: `<near-signin-button href="/in"><a href="/in">Sign in with NEAR</a></near-signin-button>`}.serve(t, p.issuer)}
	b.first.withoutScript()
	b.first.visit(b.app.origin + "/")
	deadline := time.Now().Add(patience)
	for b.first.location() != b.app.origin+"/" && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	b.first.click("near-signin-button a")
	b.first.at(b.app.origin + "/in")
}
