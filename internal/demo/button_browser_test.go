package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

func TestSigningInWithTheButton(t *testing.T) {
	t.Parallel()
	dev := development(t)
	b := newTab(t)
	b.open(dev.demo)
	b.click(`a[href="/button"]`)
	b.reads("A page without a server")
	provider := b.disowned(dev.issuer+"/login/", func() { b.click("near-signin-button") })
	provider.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch)) // the wallet takes the window's place
	provider.reads("Development wallet")
	loaded := `new Promise((done) => document.readyState === "complete" ? done() : addEventListener("load", done)).then(() => {})`
	provider.do(chromedp.Evaluate[chromedp.Void](loaded, chromedp.EvalAwaitPromise))
	provider.click(developmentWallet)
	provider.approve("bob.testnet")
	b.reads("Signed in as bob.testnet")
	b.reads(`"aud": "demo-button"`)
}

// disowned is popup for a window that the page lets go of, which belongs to nobody then.
func (b *tab) disowned(prefix string, open func()) *tab {
	b.t.Helper()
	open()
	own := chromedp.FromContext(b.ctx)
	for b.ctx.Err() == nil {
		list, err := chromedp.CallBrowser(b.ctx, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, info := range list.TargetInfos {
			if info.BrowserContextID == own.BrowserContextID && info.TargetID != own.Target.TargetID && strings.HasPrefix(info.URL, prefix) {
				return b.attach(info.TargetID)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatal("no window opened")
	return nil
}
