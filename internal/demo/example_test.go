package demo

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/trial"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// startExample runs an example as its README says, beside the shared `idp dev`,
// and returns where it is.
func startExample(t *testing.T, name string) string {
	t.Helper()
	dev := development(t)
	issuer, err := url.Parse(dev.issuer)
	if err != nil {
		t.Fatal(err)
	}
	_, base := launch(t, name, "IDP_DEV_DIR="+dev.dir, "IDP_PORT="+issuer.Port(), "WALLET_URL="+dev.wallet)
	return base
}

// launch runs an example with more in its environment, until the test ends.
func launch(t *testing.T, name string, environment ...string) (*trial.Process, string) {
	t.Helper()
	readAll(t, "../../examples")
	port := trial.FreePort(t)
	cmd := exec.CommandContext(context.Background(), "examples/run", name)
	cmd.Dir = "../.."
	cmd.Env = append(append(os.Environ(), "IDP="+one.binary, fmt.Sprint("PORT=", port)), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	return trial.Start(t, cmd, startPatience, trial.Answers(http.DefaultClient, base+"/")), base
}

// readAll reads what the processes of a test will, so that `go test` keeps no result
// from before it was changed.
func readAll(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == "node_modules": // held to its lock file by scripts/npm.sh
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// approveFor goes through the provider's login page and the wallet's window.
func (b *tab) approveFor(account string) {
	b.t.Helper()
	b.reads("Development wallet")
	b.popup(func() { b.click(developmentWallet) }).approve(account)
	b.reads("Signed in as")
	b.reads(account)
}

// The Go example, by the one command that a newcomer gives: nothing runs before,
// and nothing is left running.
func TestGoExample(t *testing.T) {
	t.Parallel()
	one.Lock()
	dir := filepath.Join(buildRoot(t), "example")
	one.Unlock()
	port := trial.FreePort(t)
	p, base := launch(t, "go", "IDP_DEV_DIR="+dir, fmt.Sprint("IDP_PORT=", port))
	b := newTab(t)
	b.open(base)
	b.click("a.button")
	b.approveFor("alice.testnet")
	b.click(`form[action="/renew"] button`)
	b.reads("renewed once")

	refusesForgeries(t, base, fmt.Sprintf("http://localhost:%d", port))

	// The provider tells the application, through no browser, that the person was signed out.
	end := exec.CommandContext(t.Context(), one.binary, "session", "end", "alice.testnet", "--dev")
	end.Env = append(os.Environ(), "IDP_DEV_DIR="+dir)
	if out, err := end.CombinedOutput(); err != nil {
		t.Fatalf("idp session end: %v\n%s", err, out)
	}
	trial.Eventually(t, "the back channel signs out", time.Minute, func() bool {
		b.open(base)
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		return err == nil && strings.Contains(text, "Sign in with NEAR")
	})

	b.click("a.button")
	b.approveFor("bob.testnet")
	b.click(`form[action="/logout"] button`)
	b.reads("Sign in with NEAR")
	b.click("a.button")
	b.reads("Development wallet") // the provider's session has ended with the application's

	if err := syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGINT); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	select {
	case <-p.Done:
	case <-time.After(time.Minute):
		t.Fatal("the example does not stop")
	}
	for _, address := range []string{base, fmt.Sprintf("http://localhost:%d", port)} {
		if response, err := loopbackClient().Get(address); err == nil {
			response.Body.Close()
			t.Errorf("%s still answers", address)
		}
	}
}

// refusesForgeries sends the Go example what other sites and other browsers could.
func refusesForgeries(t *testing.T, base, issuer string) {
	t.Helper()
	begin := func() (callback, cookie string) {
		answer := send(t, "GET", base+"/login")
		to, err := answer.Location()
		if err != nil {
			t.Fatal(err)
		}
		return base + "/callback?code=x&state=" + to.Query().Get("state") + "&iss=", answer.Header.Get("Set-Cookie")
	}
	callback, cookie := begin()
	refused(t, http.StatusBadRequest, "GET", callback+"http://evil.example", "Cookie", cookie) // another provider's answer, and the end of this login
	refused(t, http.StatusBadRequest, "GET", callback+issuer, "Cookie", cookie)                // the same state again
	refused(t, http.StatusBadRequest, "GET", base+"/callback?code=x&state=&iss="+issuer)
	refused(t, http.StatusForbidden, "POST", base+"/logout", "Sec-Fetch-Site", "cross-site")
	refused(t, http.StatusBadRequest, "POST", base+"/backchannel-logout")

	others, _ := begin()
	// Somebody else's sign-in, in a browser that began one itself.
	refused(t, http.StatusBadRequest, "GET", others+issuer, "Cookie", cookie)
}

// refused expects a status of a request with these header fields.
func refused(t *testing.T, status int, method, to string, header ...string) {
	t.Helper()
	if answer := send(t, method, to, header...); answer.StatusCode != status {
		t.Errorf("%s %s %q: %s, want %d", method, to, header, answer.Status, status)
	}
}

// send follows no redirect, and has no cookies.
func send(t *testing.T, method, to string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

func TestAuthJSExample(t *testing.T) {
	t.Parallel()
	base := startExample(t, "authjs")
	b := newTab(t)
	signIn := func() { b.click(`form[action="/login"] button`) }
	b.open(base)
	signIn()
	b.reads("Development wallet")
	b.click("[data-act=cancel]")
	b.reads("You cancelled")
	signIn()
	b.approveFor("bob.testnet")
	b.open(base)
	b.reads("Signed in as bob.testnet")
	b.click(`form[action="/logout"] button`)
	b.reads("An Auth.js server")
	signIn()
	b.reads("Development wallet") // the provider's session has ended with the application's
	for _, path := range []string{"/login", "/logout"} {
		refused(t, http.StatusForbidden, "POST", base+path, "Sec-Fetch-Site", "cross-site")
	}
}

func TestBackendLoginExample(t *testing.T) {
	t.Parallel()
	base := startExample(t, "backend-login")
	b := newTab(t)
	b.open(base)
	ask := func() *tab {
		b.reads("Not signed in")
		wallet := b.popup(func() { b.click("#sign-in") })
		wallet.goesTo(development(t).wallet)
		return wallet
	}
	wallet := ask()
	wallet.reads("Sign a message")
	wallet.click("[data-act=reject]")
	b.reads("Not approved")

	// What was signed signs in once.
	b.do(chromedp.Evaluate[chromedp.Void](`{ const { fetch } = window; window.fetch = (to, how) => fetch(to, window.sent = how && { ...how, to }); undefined }`))
	ask().approve("bob.testnet")
	b.reads("Signed in as bob.testnet")
	again, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`fetch(sent.to, sent).then(async (r) => [sent.to, r.status, (await r.json()).error].join(" "))`, chromedp.EvalAwaitPromise))
	if err != nil || !strings.HasPrefix(again, "/api/auth/verify-login 401 This sign-in was not started") {
		t.Errorf("the same token again: %s (%v)", again, err)
	}

	b.open(base)
	b.reads("Signed in as bob.testnet")
	b.click("#sign-out")
	b.reads("Not signed in")
	ask().approve("limited-key.testnet")
	b.reads("limited access")
	for _, path := range []string{"/api/auth/initiate-login", "/api/auth/verify-login", "/api/logout"} {
		refused(t, http.StatusForbidden, "POST", base+path, "Origin", "https://evil.example")
	}
	refused(t, http.StatusNotFound, "GET", base+"//") // no address, which ends no process either
	refused(t, http.StatusUnauthorized, "POST", base+"/api/auth/verify-login", "Origin", base)
}

func TestStaticExample(t *testing.T) {
	t.Parallel()
	base := startExample(t, "static")
	b := newTab(t)
	b.open(base)
	b.click(`[mode="popup"]`)
	provider := b.windowAt(development(t).issuer + "/login/")
	provider.reads("Development wallet")
	provider.click(developmentWallet) // by redirect, since the window is as small as a phone
	provider.approve("bob.testnet")
	b.reads("Signed in as bob.testnet")
	b.click("#sign-out")
	b.goesTo(base)
	b.reads("Not signed in")

	b.click(`[mode="redirect"]`)
	b.reads("Development wallet")
	b.click("[data-act=cancel]")
	b.reads("You cancelled")
	b.click(`[mode="redirect"]`)
	b.approveFor("bob.testnet")
	if at := b.goesTo(base); at != base+"/" {
		t.Errorf("the answer is still in the address: %s", at)
	}
}

// windowAt waits for a window of the same visitor at an address. The button has cut
// the tie by which popup finds windows.
func (b *tab) windowAt(prefix string) *tab {
	b.t.Helper()
	own := chromedp.FromContext(b.ctx).BrowserContextID
	for {
		list, err := chromedp.CallBrowser(b.ctx, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, info := range list.TargetInfos {
			if info.BrowserContextID == own && strings.HasPrefix(info.URL, prefix) && !b.opened[info.TargetID] {
				return b.attach(info.TargetID)
			}
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("no window at %s", prefix)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
