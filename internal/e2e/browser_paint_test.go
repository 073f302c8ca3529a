package e2e

import (
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/network"
)

// The first sight of the login page costs one document, one sheet and one script, all ours;
// what follows are pictures, of our origin too: the profile fails on any other request.
func TestFirstPaintOfTheLoginPage(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	b.first.begin()
	b.first.until(`document.readyState === "complete"`)
	const mostHTML = 24 << 10
	count := map[network.ResourceType]int{}
	for _, r := range b.got() {
		if r.Response.Status != 200 {
			continue // the redirect from the application
		}
		if r.Type == network.ResourceTypeOther && strings.HasSuffix(r.Response.URL, ".svg") {
			continue // the icon of the window
		}
		count[r.Type]++
		if !strings.HasPrefix(r.Response.URL, b.issuer+"/") && !strings.HasPrefix(r.Response.URL, "data:") {
			t.Errorf("a response of %s", r.Response.URL)
		}
	}
	for kind, want := range map[network.ResourceType]int{network.ResourceTypeDocument: 1, network.ResourceTypeStylesheet: 1, network.ResourceTypeScript: 1} {
		if count[kind] != want {
			t.Errorf("%d responses of type %s, want %d", count[kind], kind, want)
		}
		delete(count, kind)
	}
	delete(count, network.ResourceTypeImage)
	if len(count) > 0 {
		t.Errorf("responses beyond document, sheet, script and pictures: %v", count)
	}
	// What is downloaded and decoded, with the greatest list of wallets of a test network.
	if size := value[int](b.first, `performance.getEntriesByType("navigation")[0].decodedBodySize`); size > mostHTML {
		t.Errorf("the page has %d bytes, more than its budget of %d", size, mostHTML)
	}
	if waits := value[[]string](b.first, `performance.getEntriesByType("resource").filter((e) => e.renderBlockingStatus === "blocking").map((e) => e.name)`); len(waits) > 1 {
		t.Errorf("the first paint waits for %q", waits)
	}
}
