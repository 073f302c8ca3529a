package e2e

import (
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
)

// TestWatchSeesViolations proves that the silence of the other tests means something.
func TestWatchSeesViolations(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, script := range map[string]string{
		"inline style":      `document.body.setAttribute("style", "color: red")`,
		"foreign picture":   `new Image().src = "https://tracker.example/x.png"`,
		"foreign request":   `void fetch("https://tracker.example/").catch(() => {})`,
		"markup":            `try { document.body.innerHTML = "<b>x</b>" } catch {}`,
		"error on console":  `console.error("x")`,
		"uncaught error":    `setTimeout(() => { throw new Error("x") })`,
		"lost rejection":    `void Promise.reject(new Error("x"))`,
		"foreign top level": `location.href = "https://stranger.example/"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			b.first.begin()
			b.wanted = true // one thing may be reported twice, the second time late
			b.first.must(chromedp.Evaluate[chromedp.Void](script))
			for deadline := time.Now().Add(patience); ; time.Sleep(15 * time.Millisecond) {
				b.mu.Lock()
				seen := len(b.faults)
				b.mu.Unlock()
				if seen > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("not seen")
				}
			}
		})
	}
}
