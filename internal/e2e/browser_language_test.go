package e2e

import (
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// languageMenu opens the menu by the keyboard, which moves nothing on the page, chooses, and
// chooses again without JavaScript.
func languageMenu(b *profile) {
	w := b.first
	w.begin()
	w.size(1280, 800)
	w.tabTo(".languages summary")
	const places = `[...document.querySelectorAll("main, main :not([data-expiry], [data-expiry] *), .brand")].map((e) => {
		const { x, y, width, height } = e.getBoundingClientRect();
		return [e.outerHTML.slice(0, 60), x, y + scrollY, width, height].join(" ");
	})`
	before := value[[]string](w, places)
	w.must(chromedp.KeyEvent(kb.Enter))
	w.until(`document.querySelector(".languages[open]")`)
	for i, place := range value[[]string](w, places) {
		if place != before[i] {
			b.Errorf("the open menu moves the page: %s, before %s", place, before[i])
		}
	}
	w.readable("language-menu")
	w.colours("language-menu")
	w.tabTo(`[name="lang"][value="ar"]`)
	w.must(chromedp.KeyEvent(kb.Enter))
	w.until(`document.readyState === "complete" && document.documentElement.dir === "rtl"`)
	w.click(".languages summary")
	w.until(`document.querySelector(".languages[open]")`)
	w.fits("language-menu-ar")
	w.withoutScript()
	w.must(chromedp.Reload())
	w.click(".languages summary")
	w.click(`[name="lang"][value="de"]`)
	w.until(`document.documentElement.lang === "de"`)
	w.examine()
}
