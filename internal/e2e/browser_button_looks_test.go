package e2e

import (
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// gallery is every look of the button.
func gallery() string {
	var b strings.Builder
	b.WriteString(`<meta name="color-scheme" content="light dark">`)
	for _, theme := range []string{"auto", "light", "dark"} {
		for _, size := range []string{"small", "medium", "large"} {
			fmt.Fprintf(&b, `<p><near-signin-button theme=%s size=%s href="/in"></near-signin-button> `, theme, size)
			fmt.Fprintf(&b, `<near-signin-button theme=%s size=%s shape=pill text=continue></near-signin-button> `, theme, size)
			fmt.Fprintf(&b, `<near-signin-button theme=%s size=%s icon-only></near-signin-button> `, theme, size)
			fmt.Fprintf(&b, `<near-signin-button theme=%s size=%s icon-only shape=pill></near-signin-button>`, theme, size)
		}
	}
	b.WriteString(`<p><near-signin-button block></near-signin-button>`)
	fmt.Fprintf(&b, `<p><near-signin-button label="%s"></near-signin-button>`, strings.Repeat("A label that is long ", 8))
	for _, lang := range []string{"ar", "de", "es", "fr", "id", "pt-BR", "uk", "vi", "zh-CN", "xx"} {
		fmt.Fprintf(&b, `<p><near-signin-button lang=%s></near-signin-button> <near-signin-button lang=%s text=continue></near-signin-button>`, lang, lang)
	}
	return b.String()
}

// TestButtonLooks holds every look of the button to contrast, names, size and width, in
// light and dark, at 320 and 1280 px, and the keyboard to reaching each.
func TestButtonLooks(t *testing.T) {
	t.Parallel()
	b := buttonPage{element: gallery()}.open(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	w.inEveryLook(func(look string) {
		w.probe("button.js", look)
		w.probe("examine.js", look)
		w.picture("button-" + look)
	})
	w.must(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}}))
	w.probe("button.js", "forced colours")
	w.picture("button-forced-colours")
	w.scheme("light")

	// What a screen reader is told: links for links, buttons for the others, each with its words.
	tree, err := chromedp.Call(w.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil || node.Name == nil {
			continue
		}
		if role := strings.Trim(string(node.Role.Value), `"`); role == "link" || role == "button" {
			roles[role]++
			if name := string(node.Name.Value); !strings.Contains(name, "NEAR") && !strings.Contains(name, "A label") {
				t.Errorf("a %s is called %s", role, name)
			}
		}
	}
	if want := value[int](w, `document.querySelectorAll("near-signin-button").length`); roles["link"] != 9 || roles["link"]+roles["button"] != want {
		t.Errorf("%v of %d", roles, want)
	}

	w.must(chromedp.KeyEvent(kb.Tab))
	if !value[bool](w, `document.activeElement === document.querySelector("near-signin-button") && getComputedStyle(document.activeElement.shadowRoot.activeElement).outlineWidth === "3px"`) {
		t.Error("the focus is not on the first button, or cannot be seen")
	}
	w.picture("button-focus")
}

// The words follow the language of the page, and of the element; its direction follows the words.
func TestButtonSpeaksTheLanguageOfThePage(t *testing.T) {
	t.Parallel()
	b := buttonPage{element: `<div lang="de"><near-signin-button></near-signin-button></div> <near-signin-button lang="ar"></near-signin-button>
		<near-signin-button lang="PT-pt" text="continue"></near-signin-button> <near-signin-button lang="de" label="Los!"></near-signin-button> <near-signin-button></near-signin-button>`}.
		open(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	const words = `[...document.querySelectorAll("near-signin-button")].map((e) => e.shadowRoot.textContent).join("|")`
	if got := value[string](w, words); got != "Mit NEAR anmelden|تسجيل الدخول باستخدام NEAR|Continuar com NEAR|Los!|Sign in with NEAR" {
		t.Errorf("they say %s", got)
	}
	if got := value[string](w, `[...document.querySelectorAll("near-signin-button")].map((e) => getComputedStyle(e.shadowRoot.firstChild).direction).join()`); got != "ltr,rtl,ltr,ltr,ltr" {
		t.Errorf("directions %s", got)
	}
	w.must(chromedp.Evaluate[chromedp.Void](`for (const e of document.querySelectorAll("near-signin-button")) { e.removeAttribute("label"); e.lang = "uk"; }`))
	if got := value[string](w, words); got != strings.TrimSuffix(strings.Repeat("Увійти через NEAR|", 4), "|")+"|Увійти через NEAR" && !strings.Contains(got, "Продовжити з NEAR") {
		t.Errorf("after a change they say %s", got)
	}
}
