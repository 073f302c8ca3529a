package demo

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/browsertest"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// A tab is one page in Chromium, whose console is watched: a violated security
// policy or an uncaught error fails the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	window bool // opened by another page
	opened map[target.ID]bool
}

// chromium is shared; each tab has cookies of its own.
var chromium = sync.OnceValue(func() context.Context {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	browser, _ := chromedp.NewContext(allocator) // ends with the tests
	return browser
})

// startChromium fails, rather than skips, where there is none.
var startChromium = sync.OnceValue(func() error { return chromedp.Do(chromium()) })

func newTab(t *testing.T) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatalf("the browser tests need Chromium: run `make deps` (%v)", err)
	}
	if err := startChromium(); err != nil {
		t.Fatalf("Chromium does not start; `make deps` installs it: %v", err)
	}
	ctx, cancel := chromedp.NewContext(chromium(), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return watch(t, ctx)
}

func watch(t *testing.T, ctx context.Context) *tab {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	tab := &tab{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || strings.Contains(m.Text, "Content Security Policy") || strings.Contains(m.Text, "Trusted") {
				t.Errorf("console at %s: %s", m.URL, m)
			}
		}
	}()
	return tab
}

// popup runs open, which opens a window, and returns that window.
func (b *tab) popup(open func()) *tab {
	b.t.Helper()
	opener := chromedp.FromContext(b.ctx).Target.TargetID // tests at the same time open theirs
	known := maps.Clone(b.opened)
	opened := chromedp.WaitNewTarget(b.ctx, func(info *target.Info) bool {
		return info.OpenerID == opener && info.URL != "" && info.URL != "about:blank" && !known[info.TargetID]
	})
	open()
	select {
	case id := <-opened:
		return b.attach(id)
	case <-b.ctx.Done():
		b.t.Fatal("no window opened")
	}
	return nil
}

// attach is a window that the tab opened. It is none of the later ones: while a window closes the
// browser goes on telling of it.
func (b *tab) attach(id target.ID) *tab {
	b.t.Helper()
	if b.opened == nil {
		b.opened = map[target.ID]bool{}
	}
	b.opened[id] = true
	ctx, cancel, err := browsertest.Attach(b.ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cancel)
	window := watch(b.t, ctx)
	window.window = true
	return window
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("%v (at %s)", err, at)
	}
}

func (b *tab) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

// click presses the mouse on an element, once the page's scripts listen. In a window of its own it lets the page
// do so a moment later: the answer may close the window while a mouse is still pressed.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.ready(selector)
	if !b.window {
		b.do(chromedp.Click(chromedp.CSS(selector)))
		return
	}
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("{ const e = document.querySelector(%q); setTimeout(() => e.click()); undefined }", selector)))
}

// ready waits until the page is loaded whole, its scripts with it, and has the element.
func (b *tab) ready(selector string) {
	b.t.Helper()
	there := fmt.Sprintf("document.readyState === 'complete' && !!document.querySelector(%q)", selector)
	for {
		ready, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](there))
		if ready && err == nil {
			return
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("%s is never there (%v)", selector, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// goesTo waits until the address begins with prefix, and returns it.
func (b *tab) goesTo(prefix string) string {
	b.t.Helper()
	var at string
	for {
		var err error
		at, err = chromedp.Run(b.ctx, chromedp.Location())
		if err == nil && strings.HasPrefix(at, prefix) {
			return at
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("at %s, not %s (%v)", at, prefix, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// reads waits until the visible text of the page contains want.
func (b *tab) reads(want string) {
	b.t.Helper()
	last := ""
	for {
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
		if err == nil {
			last = text
		}
		if strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			return
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("the page never says %q but:\n%s (%v)", want, last, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
