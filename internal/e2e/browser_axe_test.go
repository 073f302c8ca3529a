package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is the accessibility checker, which npm installs.
var axe = sync.OnceValues(func() (string, error) {
	library, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	return string(library), err
})

// accessible holds the page to WCAG 2.2, levels A and AA, as far as axe-core can tell; only
// names some of its rules, none means all. axe-core looks from a world of its own, which
// the policy of the page does not govern and whose names the page's scripts do not see.
func (w *window) accessible(where string, only ...string) {
	w.Helper()
	// axe-core needs promises, which pages have none of while their scripts are off.
	if value[bool](w, `matchMedia("(scripting: none)").matches`) {
		w.probe("contrast.js", where)
		return
	}
	for _, violation := range w.violations(only...) {
		w.Errorf("%s: axe: %s", where, violation)
	}
}

func (w *window) violations(only ...string) (found []string) {
	w.Helper()
	requireNPM(w)
	world, err := chromedp.Call(w.ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: cdp.FrameID(w.id), WorldName: "axe"})
	if err != nil {
		w.Fatal(err)
	}
	ask, err := probes.ReadFile("testdata/axe.js")
	if err != nil {
		w.Fatal(err)
	}
	// The world lasts as long as the document, and so does what is loaded into it.
	var loaded bool
	w.within(world.ExecutionContextID, `"axe" in globalThis`, &loaded)
	if !loaded {
		library, err := axe()
		if err != nil {
			w.Fatal(err)
		}
		w.within(world.ExecutionContextID, library+"; true", &loaded)
	}
	w.within(world.ExecutionContextID, string(ask)+"("+encode(w, only)+")", &found)
	return found
}

// within takes the value of an expression in a world.
func (w *window) within(world runtime.ExecutionContextID, expression string, value any) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	yes := true
	result, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world, AwaitPromise: &yes, ReturnByValue: &yes})
	switch {
	case err != nil:
	case result.ExceptionDetails != nil:
		err = errors.New(result.ExceptionDetails.Text)
	default:
		err = json.Unmarshal(result.Result.Value, value)
	}
	if err != nil {
		w.Fatalf("%.60s: %v, at %s", expression, err, w.location())
	}
}

// TestAxeSeesMistakes proves that the silence of axe in the other tests means something.
func TestAxeSeesMistakes(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	b.first.begin()
	b.first.must(chromedp.Evaluate[chromedp.Void](`{
		const sheet = new CSSStyleSheet();
		sheet.replaceSync("h1 .client { color: #ddd } .wallets { gap: 1px } .wallet { min-height: 0; height: 12px; padding: 0; overflow: hidden }");
		document.adoptedStyleSheets = [sheet];
		for (const words of document.querySelectorAll("[data-wallet=meteor] span, [data-wallet=meteor] bdi")) words.textContent = "";
		document.querySelector(".wallets").append(document.createElement("p"));
		document.documentElement.removeAttribute("lang");
	}`))
	found := strings.Join(b.first.violations(), "\n")
	for _, rule := range []string{"color-contrast", "target-size", "button-name", "list", "html-has-lang"} {
		if !strings.Contains("\n"+found, "\n"+rule+":") {
			t.Errorf("%s is not seen, only %s", rule, found)
		}
	}
	if found := b.first.violations("color-contrast"); len(found) == 0 {
		t.Error("color-contrast alone is not seen")
	}
}
