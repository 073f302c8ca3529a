package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// A window is one window of a profile.
type window struct {
	*profile
	ctx   context.Context
	id    target.ID
	close func()
}

// reportViolations makes a violation of the policy an error on the console, which
// fails the test.
const reportViolations = `addEventListener("securitypolicyviolation", (e) =>
	console.error("policy violation:", e.violatedDirective, e.blockedURI, e.sample))`

func (w *window) prepare() error {
	return w.do(
		onEveryDocument(reportViolations),
		// Several windows are in front at once here; each behaves as if it were alone.
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
	)
}

func onEveryDocument(script string) chromedp.Action[chromedp.Void] {
	return call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// call is a protocol command as a step.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// must runs steps that have to succeed.
func (w *window) must(steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	if err := w.do(steps...); err != nil {
		w.Fatalf("%v, at %s", err, w.location())
	}
}

func (w *window) size(width, height int64, options ...chromedp.EmulateViewportOption) {
	w.Helper()
	w.must(chromedp.EmulateViewport(width, height, options...))
}

// phone makes the window one with a small touch screen.
func (w *window) phone() {
	w.Helper()
	w.size(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
}

// eval returns the value of an expression in the page.
func eval[T any](w *window, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// leaves runs a script after which the page is another, a moment later: the page it runs in
// could not answer.
func (w *window) leaves(script string) {
	w.Helper()
	w.must(chromedp.Evaluate[chromedp.Void]("setTimeout(() => { " + script + " })"))
}

func value[T any](w *window, expression string) T {
	w.Helper()
	v, err := eval[T](w, expression)
	if err != nil {
		w.Fatalf("%s: %v, at %s", expression, err, w.location())
	}
	return v
}

// until waits for a condition of the page, across navigations.
func (w *window) until(condition string) {
	w.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(15 * time.Millisecond) {
		var holds bool
		if holds, err = eval[bool](w, "Boolean(("+condition+"))"); holds {
			return
		}
	}
	shown, _ := eval[string](w, "document.body.innerText") // only to explain
	w.Fatalf("never: %s (%v), at %s:\n%s", condition, err, w.location(), shown)
}

// shows waits for a panel of the login page and examines it.
func (w *window) shows(panel string) {
	w.Helper()
	w.until(`document.readyState === "complete" && document.querySelector("main")?.dataset.visible === ` + quoted(panel))
	w.examine()
}

// says waits for words on the page.
func (w *window) says(words string) {
	w.Helper()
	w.until("document.body.innerText.includes(" + quoted(words) + ")")
}

func (w *window) location() string {
	at, err := eval[string](w, "location.href")
	if err != nil {
		return "a closed window"
	}
	return at
}

// at waits for an address that begins so.
func (w *window) at(prefix string) {
	w.Helper()
	w.until("location.href.startsWith(" + quoted(prefix) + ") && document.readyState === 'complete'")
}

func (w *window) click(selector string) {
	w.Helper()
	w.must(chromedp.Click(chromedp.CSS(selector)))
}

// press clicks the visible button of the login page that does this.
func (w *window) press(act string) {
	w.Helper()
	w.click(`[data-panel]:not([hidden]) [data-act="` + act + `"]`)
}

func (w *window) choose(wallet string) {
	w.Helper()
	w.click(`[data-wallet="` + wallet + `"]`)
}

func (w *window) closed() bool {
	gone, err := chromedp.Detached(w.ctx)
	if err != nil {
		return true
	}
	select {
	case <-gone:
		return true
	default:
		return false
	}
}

// vanishes waits until the window is closed by a page.
func (w *window) vanishes() {
	w.Helper()
	gone, err := chromedp.Detached(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(patience):
		w.Fatalf("still open: %s", w.location())
	}
}

// quoted is text as JavaScript.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // unreachable: strings always marshal
	}
	return strings.ReplaceAll(string(b), "\u2028", `\u2028`)
}

// navigate goes to an address and returns once it has begun to load there; what
// the page becomes is waited for by its content.
func navigate(address string) chromedp.Action[chromedp.Void] {
	return call(page.Navigate, page.NavigateParams{URL: address})
}
