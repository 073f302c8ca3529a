package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/web/static"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// A buttonPage is an application of another site with the button on its pages. Its policy
// lets nothing happen but what the button needs, and its own script.
type buttonPage struct {
	coop     string // Cross-Origin-Opener-Policy of every page
	element  string // what stands on the page, and on that of the redirect URI unless callback does
	callback string
	script   string // of every page, besides one that listens
	own      bool   // the application serves the button itself, as npm has it
}

// listen keeps what the button told the page.
const listen = `window.told = [];
for (const name of ["start", "success", "error"])
	document.addEventListener("near-signin-" + name, ({ target, detail: d }) =>
		told.push({ name, target: target.localName, error: d.code, message: d.message, sub: d.claims?.sub, token: d.access_token, options: name === "start" ? d : undefined }));
`

func (a buttonPage) serve(t testing.TB, issuer string) (origin string) {
	t.Helper()
	b := static.CurrentButton(issuer)
	if a.own {
		b.URL = "/near-signin-button.js"
	}
	if a.callback == "" {
		a.callback = a.element
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page.js" {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, listen+strings.ReplaceAll(a.script, "BUTTON", b.URL))
			return
		}
		if r.URL.Path == "/near-signin-button.js" {
			http.ServeFile(w, r, filepath.Join("..", "..", "packages", "button", "near-signin-button.js"))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' "+issuer+"; connect-src "+issuer+"; img-src data:; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
		w.Header().Set("Cross-Origin-Opener-Policy", a.coop)
		element := a.element
		if r.URL.Path == "/callback" {
			element = a.callback
		}
		fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>Notes</title>
<script type="module" src="%s" integrity="%s" crossorigin></script>
<script type="module" src="/page.js"></script>
<h1>Notes</h1> %s`, b.URL, b.Integrity, element)
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port // another site than 127.0.0.1
}

// open visits the application in a new profile.
func (a buttonPage) open(t testing.TB, p *process) *profile {
	t.Helper()
	b := newProfile(t, p)
	b.app = &application{TB: t, origin: a.serve(t, p.issuer)}
	b.first.visit(b.app.origin + "/")
	b.first.until("customElements.get('near-signin-button') && window.told")
	return b
}

// opened waits for a window that a page opened, whoever it belongs to now, and watches it.
func (p *profile) opened(prefix string) *window {
	p.Helper()
	own := chromedp.FromContext(p.first.ctx).BrowserContextID
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		list, err := chromedp.CallBrowser(p.root, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			p.Fatal(err)
		}
		for _, info := range list.TargetInfos {
			p.mu.Lock()
			known := p.windows[info.TargetID] != nil
			p.mu.Unlock()
			if info.Type == "page" && info.BrowserContextID == own && !known && strings.HasPrefix(info.URL, prefix) {
				w, err := p.takeOver(info.TargetID)
				if err != nil {
					p.Fatal(err)
				}
				return w
			}
		}
	}
	p.Fatalf("no window of %s was opened", prefix)
	return nil
}

// signsIn is the person at the login page, with a wallet in the browser.
func (w *window) signsIn() {
	w.Helper()
	w.installs("nightly")
	w.must(chromedp.Reload())
	w.shows("choose")
	w.choose("nightly")
}

// hears waits for an event of the button, and returns what it told.
func (w *window) hears(name string) announced {
	w.Helper()
	w.until(fmt.Sprintf("window.told?.some((e) => e.name === %q)", name))
	return value[announced](w, fmt.Sprintf("told.find((e) => e.name === %q)", name))
}

type announced struct {
	Name, Target, Error, Message, Sub, Token string
	Options                                  map[string]any
}

// isIn holds the page to have signed the person in with tokens that work.
func (w *window) isIn() {
	w.Helper()
	got := w.hears("success")
	if got.Sub != w.signer.AccountID || got.Target != "near-signin-button" {
		w.Errorf("signed in as %+v, want %s", got, w.signer.AccountID)
	}
	claims, err := w.browser().do("GET", "/userinfo", "", "Authorization", "Bearer "+got.Token)
	if err != nil || claims.text("sub") != w.signer.AccountID {
		w.Errorf("userinfo: %d %s %v", claims.status, claims.body, err)
	}
	if left := value[[]string](w, `Object.keys(localStorage).filter((key) => key.startsWith("near-signin:"))`); len(left) > 0 {
		w.Errorf("kept after the sign-in: %v", left)
	}
}
