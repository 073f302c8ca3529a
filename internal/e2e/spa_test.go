package e2e

import (
	"context"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestSinglePageApplicationSignsIn runs oidc-client-ts in Chromium on another
// origin: discovery, keys, tokens and userinfo are all read across origins.
func TestSinglePageApplicationSignsIn(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	app := serveSPA(t, p.issuer)
	page := newTab(t)
	page.do(chromedp.Navigate(app), chromedp.Click(chromedp.CSS("#sign-in")))
	page.until(`location.href.startsWith("` + p.issuer + `/login/") && document.readyState === "complete"`)
	c := ask[challenge](page, `fetch(location.href, {headers: {Accept: "application/json"}}).then((r) => r.json())`)
	to := ask[string](page, `fetch(location.pathname + "/verify", {method: "POST", headers: {"Content-Type": "application/json"},
		body: JSON.stringify(`+encode(t, p.answer(c))+`)}).then((r) => r.json()).then((body) => body.redirect_to)`)
	if !strings.HasPrefix(to, app+"/callback?") || !strings.Contains(to, "code=") {
		t.Fatalf("redirect_to %q", to)
	}
	page.do(chromedp.Navigate(to))
	page.until("window.result")
	got := ask[map[string]any](page, "window.result")
	for name, want := range map[string]any{
		"sub": "alice.testnet", "account": "alice.testnet", "nonce": "n-spa", "state": "remembered", "keys": "ES256 EdDSA RS256",
		"refreshed": "alice.testnet", "rotated": true, "refusal": float64(401), "challenge": `Bearer error="invalid_token"`,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if t.Failed() {
		t.Logf("the page says %v", got)
	}
}

// D04 of security-checks.md, from a page that no client has registered.
func TestPageOfAnotherOriginReadsNoTokens(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	tokens := p.signIn("rs256", "openid")
	stranger := strings.Replace(serveSPA(t, p.issuer), "localhost", "127.0.0.1", 1) // where no redirect URI is
	page := newTab(t)
	page.do(chromedp.Navigate(stranger))
	for path, want := range map[string]bool{
		"/.well-known/openid-configuration": true, "/jwks": true, "/userinfo": false, "/token": false, "/readyz": false, "/": false,
		"/authorize": false, "/api/auth/initiate-login": false,
	} {
		script := fmt.Sprintf(`fetch("%s%s", {headers: %s}).then(() => true, () => false)`, p.issuer, path,
			map[bool]string{true: "{}", false: `{Authorization: "Bearer ` + tokens["access_token"].(string) + `"}`}[want])
		if got := ask[bool](page, script); got != want {
			t.Errorf("%s can be read: %v", path, got)
		}
	}
}

// serveSPA serves the application and returns its origin.
func serveSPA(t testing.TB, issuer string) string {
	t.Helper()
	requireNPM(t)
	script, err := os.ReadFile(filepath.Join("node_modules", "oidc-client-ts", "dist", "browser", "oidc-client-ts.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	view, err := template.ParseFiles(filepath.Join("testdata", "spa.html"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oidc-client-ts.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script) // the browser is gone; nobody to tell
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		if err := view.Execute(w, map[string]template.JSStr{"Issuer": template.JSStr(issuer)}); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port
}

// A tab is a browser of its own with one window.
type tab struct {
	testing.TB
	ctx context.Context
}

func newTab(t testing.TB) *tab {
	t.Helper()
	root, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(root, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return &tab{t, ctx}
}

// tabLimit is long, for a busy machine.
const tabLimit = 30 * time.Second

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	// The first use opens the window, which ends with the context it is opened in.
	if err := chromedp.Do(b.ctx); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, tabLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask evaluates an expression in the page and waits for its promise.
func ask[T any](b *tab, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, tabLimit)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// until waits for a condition of the page, across navigations.
func (b *tab) until(condition string) {
	b.Helper()
	for deadline := time.Now().Add(tabLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, tabLimit)
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		cancel()
		if err == nil && holds {
			return
		}
	}
	b.Fatalf("never: %s, at %s", condition, ask[string](b, "location.href + ' ' + document.body.innerText"))
}
