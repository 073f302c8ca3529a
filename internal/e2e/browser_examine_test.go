package e2e

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/*.js
var probes embed.FS

// probe runs a script of testdata that answers with what is wrong.
func (w *window) probe(script, where string) {
	w.Helper()
	source, err := probes.ReadFile("testdata/" + script)
	if err != nil {
		w.Fatal(err)
	}
	for _, wrong := range value[[]string](w, string(source)) {
		w.Errorf("%s, %s: %s", where, strings.TrimSuffix(script, ".js"), wrong)
	}
}

// examine holds the page as it is to what every page must keep to.
func (w *window) examine() {
	w.Helper()
	w.until(`document.readyState === "complete"`) // with its style
	at := w.location()
	w.probe("examine.js", at)
	tree, err := chromedp.Call(w.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		w.Fatal(err)
	}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		name := ""
		if node.Name != nil {
			name = strings.Trim(string(node.Name.Value), `" `)
		}
		switch role {
		case "button", "link", "textbox", "heading", "DisclosureTriangle", "image":
			if name == "" {
				w.Errorf("%s: a %s has no name in the accessibility tree", at, role)
			}
		}
	}
}

// told holds a change of panels to what people hear of it.
func (w *window) told() {
	w.Helper()
	w.probe("told.js", value[string](w, `document.querySelector("main").dataset.visible`))
}

// scheme makes the window prefer light or dark, without motion.
func (w *window) scheme(name string) {
	w.Helper()
	w.must(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}, {Name: "forced-colors", Value: "none"},
	}}))
}

// seenOnly are the rules of axe that depend on how a page looks and not only on what it holds.
var seenOnly = []string{"color-contrast", "target-size", "link-in-text-block", "scrollable-region-focusable"}

// inEveryLook calls look in light and dark, narrow and wide.
func (w *window) inEveryLook(look func(name string)) {
	w.Helper()
	for _, scheme := range []string{"light", "dark"} {
		w.scheme(scheme)
		for _, width := range []int64{320, 1280} {
			w.size(width, 800)
			look(fmt.Sprintf("%s-%d", scheme, width))
		}
	}
}

// readable examines the page in every look, and takes its pictures.
func (w *window) readable(name string) {
	w.Helper()
	w.until(`document.readyState === "complete"`) // whole, and with its style
	var only []string                             // the first look is examined for everything
	w.inEveryLook(func(look string) {
		w.probe("examine.js", name+"-"+look)
		w.accessible(name+"-"+look, only...)
		w.picture(name + "-" + look)
		only = seenOnly
	})
}

// fits examines the page once, where there is the least space.
func (w *window) fits(name string) {
	w.Helper()
	w.scheme("light")
	w.size(320, 800)
	w.probe("examine.js", name)
	w.picture(name)
}

// colours examines the page in the few colours of somebody who chose them.
func (w *window) colours(name string) {
	w.Helper()
	w.must(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "forced-colors", Value: "active"}, {Name: "prefers-color-scheme", Value: "dark"}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
	w.size(320, 800)
	w.probe("examine.js", name+"-forced")
	w.probe("forced.js", name+"-forced")
	w.picture(name + "-forced")
	w.scheme("light")
}

// reads makes a language the one that the person prefers, and opens the page again.
func (w *window) reads(tag string) {
	w.Helper()
	w.must(call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}}), chromedp.Reload())
	w.until(`document.readyState === "complete" && document.documentElement.lang === ` + quoted(tag))
}

// everywhere examines a page that can be opened again: in every look, in forced colours,
// from right to left, and with the long words of German.
func (w *window) everywhere(name string) {
	w.Helper()
	w.readable(name)
	w.colours(name)
	for _, tag := range []string{"ar", "de"} {
		w.reads(tag)
		w.fits(name + "-" + tag)
	}
	w.reads("en")
}

// picture writes what the window shows where IDP_ARTIFACTS names a directory. The window
// is made as high as its page: a picture of what lies beyond it shows pages from right to left out of place.
func (w *window) picture(name string) {
	w.Helper()
	dir := os.Getenv("IDP_ARTIFACTS")
	if dir == "" {
		return
	}
	size := value[[]int64](w, "[innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]")
	w.size(size[0], size[1])
	shot, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600)
	}
	if err != nil {
		w.Error(err)
	}
}
