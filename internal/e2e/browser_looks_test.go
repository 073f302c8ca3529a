package e2e

import (
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestLooks holds every state of the login page and of the callback to WCAG 2.2 AA, and
// to its width, in light and dark, at 320 and 1280 px, in forced colours and other languages.
func TestLooks(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, test := range map[string]func(b *profile){
		"the panels of the login page":       everyPanel,
		"the panels of the callback":         everyCallbackPanel,
		"the first panel with all it can be": everythingAtOnce,
		"the first panel without JavaScript": firstWithoutScript,
		"the first panel on a large screen":  firstOnLargeScreen,
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

func (w *window) eachPanel(examine func(panel string)) {
	w.Helper()
	panels := value[[]string](w, `[...document.querySelectorAll("[data-panel]")].map((p) => p.dataset.panel)`)
	if len(panels) < 12 {
		w.Fatalf("only the panels %v", panels)
	}
	for _, panel := range panels {
		w.must(chromedp.Evaluate[chromedp.Void](force + "(" + quoted(panel) + ")"))
		examine(panel)
	}
}

func everyPanel(b *profile) {
	b.first.begin()
	b.first.eachPanel(func(panel string) {
		b.first.readable("login-" + panel)
		b.first.colours("login-" + panel)
	})
	for _, tag := range []string{"ar", "de"} {
		b.first.reads(tag)
		b.first.eachPanel(func(panel string) { b.first.fits("login-" + panel + "-" + tag) })
	}
}

func everyCallbackPanel(b *profile) {
	b.first.begin()
	b.first.visit(b.first.location() + "/cb#error=User%20rejected&")
	b.first.shows("rejected")
	b.first.eachPanel(func(panel string) { b.first.readable("callback-" + panel) })
}

func everythingAtOnce(b *profile) {
	b.enter("okx", "sender", "standard", `standard({ id: "long", name: "A wallet with a very long name indeed" })`)
	b.first.visit("/authorize?" + b.asks("login_hint", b.signer.AccountID, "prompt", "select_account"))
	b.first.shows("choose")
	b.first.says("Continue as")
	b.first.everywhere("login-session")
	const open = `for (const d of document.querySelectorAll("main details")) d.open = true`
	b.first.must(chromedp.Evaluate[chromedp.Void](open))
	b.first.readable("login-everything")
	b.first.reads("ar")
	b.first.must(chromedp.Evaluate[chromedp.Void](open))
	b.first.fits("login-everything-ar")
}

// asks is an authorization request of the profile's application, with more parameters.
func (p *profile) asks(more ...string) string {
	q := newRequest("spa", "openid profile")
	q.redirectURI = p.app.origin + "/callback"
	form := q.form()
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form.Encode()
}

func firstWithoutScript(b *profile) {
	b.first.withoutScript()
	b.first.start()
	b.first.readable("login-noscript")
}

// Where there is much space, the page keeps to the middle of it.
func firstOnLargeScreen(b *profile) {
	b.first.begin()
	b.first.scheme("light")
	b.first.size(3840, 2160)
	b.first.probe("examine.js", "3840 px")
	b.first.picture("login-choose-light-3840")
	const fromTheMiddle = `(() => {
		const box = document.querySelector("main").getBoundingClientRect();
		return [Math.abs(box.left + box.right - innerWidth) / 2, Math.abs(box.top + box.bottom - innerHeight) / 2];
	})()`
	if off := value[[]float64](b.first, fromTheMiddle); off[0] > 1 || off[1] > 80 {
		b.Errorf("the card is %v px from the middle", off)
	}
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
	b.first.shows("no_answer")
	b.first.must(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
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
