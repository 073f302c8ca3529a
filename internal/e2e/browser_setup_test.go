package e2e

import (
	"context"
	"fmt"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of this test binary. Popups are blocked as they
// are for people, and no request leaves the machine: https is intercepted, and every other
// name does not resolve.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the tests may run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-popup-blocking", false),
		// Without the pages of the address bar, a profile takes half the time.
		chromedp.Flag("disable-features", "Translate,WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"),
	)
	ctx, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopChromium = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("the tests need Chromium, run: make deps (%w)", err)
	}
	everySecureRequest := fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "https://*"}}}
	if _, err := chromedp.CallBrowser(ctx, fetch.Enable, everySecureRequest); err != nil {
		return nil, fmt.Errorf("intercept requests: %w", err)
	}
	err := chromedp.ListenBrowser(ctx, func(event any) {
		if paused, ok := event.(*fetch.EventRequestPaused); ok {
			go intercept(ctx, paused)
		}
	})
	return ctx, err
})

// stopChromium ends the browser and removes its files.
var stopChromium = func() {}

// profiles are the browser profiles in use, so that an intercepted request
// finds the test that it belongs to.
var profiles struct {
	sync.Mutex
	byID map[cdp.BrowserContextID]*profile
}

func register(id cdp.BrowserContextID, p *profile) {
	profiles.Lock()
	defer profiles.Unlock()
	if profiles.byID == nil {
		profiles.byID = map[cdp.BrowserContextID]*profile{}
	}
	profiles.byID[id] = p
}

// intercept answers a request to an https origin in the name of the wallet that
// its profile plays, and fails every other.
func intercept(ctx context.Context, r *fetch.EventRequestPaused) {
	p := profileOf(ctx, r.FrameID)
	if p == nil || !p.answer(ctx, r) {
		// It fails where the profile is gone; then nobody waits for it.
		_, _ = chromedp.CallBrowser(ctx, fetch.FailRequest,
			fetch.FailRequestParams{RequestID: r.RequestID, ErrorReason: network.ErrorReasonBlockedByClient})
	}
}

// profileOf looks the top-level frame up, which has the id of its window's target.
func profileOf(ctx context.Context, frame cdp.FrameID) *profile {
	of, err := chromedp.CallBrowser(ctx, target.GetTargetInfo, target.GetTargetInfoParams{TargetID: target.ID(frame)})
	if err != nil {
		return nil // closed meanwhile
	}
	profiles.Lock()
	defer profiles.Unlock()
	return profiles.byID[of.TargetInfo.BrowserContextID]
}
