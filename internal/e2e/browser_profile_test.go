package e2e

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/browsertest"
	"near-idp/internal/neartest"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long a condition is waited for: long, for a busy machine.
const patience = 20 * time.Second

// A profile is one person's browser: cookies, storage and windows of its own,
// and the wallet that the person uses. Whatever a page must never do in it
// fails the test: a violation of the policy, an error on the console, a request to a stranger.
type profile struct {
	testing.TB
	*process
	app    *application
	signer *neartest.Wallet // the account that the wallet holds
	first  *window          // opened with the profile

	root context.Context // of the browser

	mu      sync.Mutex
	wallet  *standIn
	asked   []signRequest
	windows map[target.ID]*window
	faults  []string
	answers []*network.EventResponseReceived
	wanted  bool     // the faults are what the test is about
	mutters []string // parts of what the browser may log; set before it happens
}

// newProfile opens a browser for a person with a full-access key.
func newProfile(t testing.TB, p *process) *profile {
	t.Helper()
	root, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	b := &profile{TB: t, process: p, app: newApplication(t), root: root, windows: map[target.ID]*window{}}
	b.signer = neartest.NewWallet(accountOf(t))
	p.chain.AddKey(b.signer.AccountID, b.signer.PublicKey(), neartest.FullAccess)
	b.first = b.attach(chromedp.WithNewBrowserContext())
	id := chromedp.FromContext(b.first.ctx).BrowserContextID
	register(id, b)
	t.Cleanup(func() {
		register(id, nil)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			if !b.wanted {
				t.Error(fault)
			}
		}
		b.app.check()
	})
	b.first.size(1280, 900)
	return b
}

// accountOf makes an account name of a test's name, so that tests do not share accounts.
func accountOf(t testing.TB) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, t.Name())
	return clean[max(0, len(clean)-40):] + ".testnet"
}

// attach opens a window and watches it.
func (p *profile) attach(how chromedp.ContextOption) *window {
	p.Helper()
	ctx, cancel := chromedp.NewContext(p.root, how, chromedp.WithListener(p.watch))
	p.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		p.Fatalf("open a window: %v", err)
	}
	w, err := p.watched(ctx, cancel)
	if err != nil {
		p.Fatal(err)
	}
	return w
}

// takeOver watches a window that a page opened.
func (p *profile) takeOver(id target.ID) (*window, error) {
	ctx, cancel, err := browsertest.Attach(p.root, id, chromedp.WithListener(p.watch))
	if err != nil {
		return nil, fmt.Errorf("take over a window: %w", err)
	}
	p.Cleanup(cancel)
	return p.watched(ctx, cancel)
}

func (p *profile) watched(ctx context.Context, cancel context.CancelFunc) (*window, error) {
	w := &window{profile: p, ctx: ctx, id: chromedp.FromContext(ctx).Target.TargetID, close: sync.OnceFunc(cancel)}
	if err := w.prepare(); err != nil {
		return nil, fmt.Errorf("prepare a window: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.windows[w.id] = w
	return w, nil
}

// knows reports whether a window is watched already.
func (p *profile) knows(frame cdp.FrameID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.windows[target.ID(frame)] != nil
}

// adopt watches a window that shows an empty page, and has it load its own.
func (p *profile) adopt(frame cdp.FrameID) {
	w, err := p.takeOver(target.ID(frame))
	if err == nil {
		err = w.do(call(page.Reload, page.ReloadParams{}))
	}
	if err != nil {
		p.fault("adopt a window: %v", err)
	}
}

// popup waits for the window that shows a page of this origin.
func (p *profile) popup(origin string) *window {
	p.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, w := range p.open() {
			if w != p.first && strings.HasPrefix(w.location(), origin+"/") {
				return w
			}
		}
	}
	p.Fatalf("no window of %s", origin)
	return nil
}

// open lists the windows that are not closed.
func (p *profile) open() (list []*window) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.windows {
		if !w.closed() {
			list = append(list, w)
		}
	}
	return list
}

// got are the answers that the windows have had.
func (p *profile) got() []*network.EventResponseReceived {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.answers)
}

func (p *profile) fault(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// watch sees every event of a window; it runs in the browser's reader and must not block.
func (p *profile) watch(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var said []string
			for _, arg := range e.Args {
				said = append(said, string(arg.Value)+arg.Description)
			}
			p.fault("console.%s: %s", e.Type, strings.Join(said, " "))
		}
	case *runtime.EventExceptionThrown:
		p.fault("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *log.EventEntryAdded:
		// Chromium logs every answer of 400 and above; the tests look at those themselves.
		platform := strings.Contains(e.Entry.Text, "Unrecognized feature: 'bluetooth'") // that Chromium has not on Linux
		refusal := e.Entry.Source == log.EntrySourceNetwork && p.ours(e.Entry.URL) &&
			strings.Contains(e.Entry.Text, "responded with a status of")
		foreseen := slices.ContainsFunc(p.mutters, func(part string) bool { return strings.Contains(e.Entry.Text, part) })
		if !refusal && !platform && !foreseen && e.Entry.Level != log.EntryLevelVerbose && e.Entry.Level != log.EntryLevelInfo {
			p.fault("log %s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventResponseReceived:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answers = append(p.answers, e)
	case *network.EventRequestWillBeSent:
		if !p.mayAsk(e.Request.URL) {
			p.fault("a request to %s", e.Request.URL)
		}
	}
}

// ours reports that an address is the provider's.
func (p *profile) ours(address string) bool {
	return strings.HasPrefix(address, p.issuer+"/") || p.admin != "" && strings.HasPrefix(address, p.admin+"/")
}

func (p *profile) mayAsk(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	allowed := []string{p.issuer, p.app.origin, p.admin}
	if p.wallet != nil {
		allowed = append(allowed, p.wallet.origin)
	}
	return slices.Contains([]string{"data", "about", "blob"}, u.Scheme) || slices.Contains(allowed, u.Scheme+"://"+u.Host)
}
