package e2e

import (
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

// Names of clients that would mislead: markup, words of the other direction, marks without
// end, and more letters than fit.
var hostileNames = map[string]string{
	"markup":    `</h1><script>document.title="owned"</script><img src=x onerror=alert(1)>&lt;b&gt;`,
	"backwards": "בנק example.com שלום",
	"marks":     strings.Repeat("Z\u0301\u0489\u035C", 9),
	"long":      strings.Repeat("W", 100),
}

// Names that no client gets past the registry with (internal/clients), nor past the
// page should it ever fail: they turn or hide what stands around them.
var refusedNames = []string{
	"Bank \u202Emoc.elpmaxe.nogin",
	"\u2067\u2067\u202BBank\u2066",
	"\u2069\u2069Bank\u202D",
	"Ba\u200Bnk\u200D\u2060" + strings.Repeat("\u200B", 60),
	"Bank\nYou will return to bank.example\u2028\u2029",
	strings.Repeat("ש", 200),
}

// Whatever a client is called, its name is text, in its place, and nothing else on the page
// moves or changes order.
func TestNamesOfClientsStayNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	for kind, name := range hostileNames {
		s.more += fmt.Sprintf("  - {client_id: %s, client_name: %q, token_endpoint_auth_method: none, redirect_uris: [%q, \"http://localhost/callback\"]}\n", kind, name, redirectURI)
	}
	p := s.serve()
	for kind := range hostileNames {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			b.signer = neartest.NewWallet(strings.Repeat("w", 49) + fmt.Sprintf("%07d.testnet", len(kind)))
			b.chain.AddKey(b.signer.AccountID, b.signer.PublicKey(), neartest.FullAccess)
			b.enter()
			h := hostile{b, kind}
			h.page("login", "/authorize?"+b.asks("client_id", kind, "redirect_uri", redirectURI, "prompt", "login"))
			h.page("consent", "/authorize?"+b.asks("client_id", kind, "redirect_uri", redirectURI))
			b.app.silent = true
			b.first.reaches("/authorize?" + b.asks("client_id", kind, "state", strings.Repeat("s", 4<<10)))
			b.first.click(`[value="allow"]`)
			if back := b.app.arrival(); len(back.Get("state")) != 4<<10 {
				t.Errorf("back with a state of %d bytes", len(back.Get("state")))
			}
			h.fits("continue")
			h.page("account", "/account")
		})
	}
}

type hostile struct {
	*profile
	kind string
}

// page examines one that shows the name, in English and from right to left.
func (h hostile) page(name, address string) {
	h.Helper()
	h.first.reaches(address)
	for _, tag := range []string{"en", "ar"} {
		h.first.reads(tag)
		h.fits(name + "-" + tag)
	}
	h.first.reads("en")
}

// instead writes another name wherever the client's is.
const instead = `((from, to) => {
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) if (texts.currentNode.data === from) texts.currentNode.data = to;
})`

// inOrder tells that wherever the host is shown its letters stand in their order, line by line.
const inOrder = `(() => {
	const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
	const range = document.createRange();
	while (texts.nextNode()) {
		const text = texts.currentNode;
		const start = text.data.indexOf("app.example.com");
		if (start < 0) continue;
		const at = [..."app.example.com"].map((_, i) => {
			range.setStart(text, start + i);
			range.setEnd(text, start + i + 1);
			return range.getBoundingClientRect();
		});
		if (!at.every((box, i) => i === 0 || (box.top === at[i - 1].top ? box.left >= at[i - 1].left : box.top > at[i - 1].top))) return false;
	}
	return true;
})()`

func (h hostile) fits(where string) {
	h.Helper()
	w, name := h.first, hostileNames[h.kind]
	if !value[bool](w, `document.body.textContent.includes(`+quoted(name)+`)`) {
		h.Errorf("%s: the name is not on the page", where)
	}
	if value[bool](w, `document.title === "owned" || !!document.querySelector("main script, main img[src=x]")`) {
		h.Errorf("%s: the name is markup", where)
	}
	w.fits("names-" + h.kind + "-" + where)
	for i, other := range append([]string{name}, refusedNames...) {
		value[any](w, fmt.Sprintf("%s(%s, %s) ?? null", instead, quoted(name), quoted(other)))
		if !value[bool](w, inOrder) {
			h.Errorf("%s, beside %q: the host is not in its order", where, other)
		}
		if i > 0 {
			w.probe("examine.js", fmt.Sprintf("%s, as %q", where, other))
		}
		name = other
	}
}
