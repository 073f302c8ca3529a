package e2e

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestLooks holds every page and panel to contrast, names and width, in light
// and dark, at 320 and 1280 px.
func TestLooks(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(b *profile){
		"the panels of the login page":       everyPanel,
		"the panels of the callback":         everyCallbackPanel,
		"the first panel with all it can be": everythingAtOnce,
		"the first panel without JavaScript": firstWithoutScript,
		"the pages of the server":            serverPages,
		"the page between form and client":   continuePage,
		"the keyboard goes from top to end":  tabOrder,
		"a refusal with a long account name": longAccount,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newProfile(t, p))
		})
	}
}

// force shows a panel as the script would.
const force = `((name) => {
	const main = document.querySelector("main");
	main.dataset.visible = name;
	for (const p of main.querySelectorAll("[data-panel]")) p.hidden = p.dataset.panel !== name;
	for (const hidden of main.querySelectorAll("[data-act], [data-request]")) hidden.hidden = false;
	for (const code of main.querySelectorAll("[data-request] code")) code.textContent = "UJQ4KZC3VYOEPSDZQYT2JW7FWA";
})`

func (w *window) everyPanel(prefix string) {
	w.Helper()
	panels := value[[]string](w, `[...document.querySelectorAll("[data-panel]")].map((p) => p.dataset.panel)`)
	if len(panels) < 12 {
		w.Fatalf("only the panels %v", panels)
	}
	for _, panel := range panels {
		w.must(chromedp.Evaluate[chromedp.Void](force + "(" + quoted(panel) + ")"))
		w.readable(prefix + "-" + panel)
	}
}

func everyPanel(b *profile) {
	b.first.begin()
	b.first.everyPanel("login")
}

func everyCallbackPanel(b *profile) {
	b.first.begin()
	b.first.visit(b.first.location() + "/cb#error=User%20rejected&")
	b.first.shows("rejected")
	b.first.everyPanel("callback")
}

func everythingAtOnce(b *profile) {
	b.first.installs("nightly", "okx", "sender", "standard", `standard({ id: "long", name: "A wallet with a very long name indeed" })`)
	b.first.visit("/authorize?" + newRequestFor(b, "login_hint", b.signer.AccountID))
	b.first.shows("choose")
	b.first.must(chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll("details")) d.open = true`))
	b.first.readable("login-everything")
}

func newRequestFor(b *profile, name, value string) string {
	q := newRequest("spa", "openid profile")
	q.redirectURI = b.app.origin + "/callback"
	form := q.form()
	form.Set(name, value)
	return form.Encode()
}

func firstWithoutScript(b *profile) {
	b.first.withoutScript()
	b.first.start()
	b.first.readable("login-noscript")
}

func serverPages(b *profile) {
	other := newProfile(b.TB, b.process)
	b.first.begin()
	login := b.first.location()
	for name, address := range map[string]string{
		"home": "/", "not-found": "/nothing", "bad-client": "/authorize?client_id=nobody", "bad-redirect": "/authorize?client_id=spa&redirect_uri=https://evil.example",
		"unknown-login": "/login/AAAAAAAAAAAAAAAAAAAAAAAAAA", "wrong-browser": login,
	} {
		other.first.visit(address)
		other.first.until(`document.readyState === "complete" && document.querySelector("h1")`)
		other.first.readable("page-" + name)
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
}

func tabOrder(b *profile) {
	b.first.installs("nightly")
	b.first.begin()
	b.first.must(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur(); window.visited = [];
		document.addEventListener("focusin", (e) => visited.push(e.target))`))
	controls := value[int](b.first, `window.controls = [...document.querySelectorAll("button, a[href], summary, textarea")].filter((e) => e.checkVisibility()), controls.length`)
	for range controls {
		b.first.must(chromedp.KeyEvent(kb.Tab))
	}
	if !value[bool](b.first, `visited.length === controls.length && visited.every((e, i) => e === controls[i])`) {
		b.Errorf("the keyboard goes %s", value[string](b.first, `visited.map((e) => e.textContent.trim()).join("; ")`))
	}
	if !value[bool](b.first, `visited.every((e) => e.matches(":focus-visible") || e !== document.activeElement) && getComputedStyle(document.activeElement).outlineStyle === "solid"`) {
		b.Error("the focus cannot be seen")
	}
	// A panel is reached by the keyboard alone, and so is the way back.
	b.uses(meteorWallet)
	b.first.must(chromedp.Focus(chromedp.CSS(`[data-wallet="meteor"]`)), chromedp.KeyEvent(kb.Enter))
	b.first.shows("waiting")
	b.first.told()
	b.popup(meteorOrigin).close()
	b.first.shows("rejected")
	b.first.must(chromedp.KeyEvent(kb.Enter))
	b.first.shows("choose")
}

func longAccount(b *profile) {
	b.signer = neartest.NewWallet(strings.Repeat("a", 56) + ".testnet")
	b.first.installs("nightly")
	b.first.begin()
	b.first.choose("nightly")
	b.first.shows("account_not_found")
	b.first.readable("login-long-account")
}

// TestWatchSeesViolations proves that the silence of the other tests means something.
func TestWatchSeesViolations(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, script := range map[string]string{
		"inline style":      `document.body.setAttribute("style", "color: red")`,
		"foreign picture":   `new Image().src = "https://tracker.example/x.png"`,
		"foreign request":   `void fetch("https://tracker.example/").catch(() => {})`,
		"markup":            `try { document.body.innerHTML = "<b>x</b>" } catch {}`,
		"error on console":  `console.error("x")`,
		"uncaught error":    `setTimeout(() => { throw new Error("x") })`,
		"lost rejection":    `void Promise.reject(new Error("x"))`,
		"foreign top level": `location.href = "https://stranger.example/"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			b.first.begin()
			b.wanted = true // one thing may be reported twice, the second time late
			b.first.must(chromedp.Evaluate[chromedp.Void](script))
			for deadline := time.Now().Add(patience); ; time.Sleep(15 * time.Millisecond) {
				b.mu.Lock()
				seen := len(b.faults)
				b.mu.Unlock()
				if seen > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("not seen")
				}
			}
		})
	}
}
