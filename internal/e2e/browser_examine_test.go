package e2e

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
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
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
}

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

// readable examines the page in every look, and takes its picture where
// IDP_SCREENSHOTS names a directory.
func (w *window) readable(name string) {
	w.Helper()
	w.inEveryLook(func(look string) {
		w.probe("examine.js", name+" "+look)
		w.probe("contrast.js", name+" "+look)
		w.picture(name + "-" + look)
	})
}

func (w *window) picture(name string) {
	w.Helper()
	dir := os.Getenv("IDP_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600)
	}
	if err != nil {
		w.Error(err)
	}
}
