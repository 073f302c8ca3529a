package near

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

func TestBreakerLeavesAFailingProviderOutThenProbes(t *testing.T) {
	t.Parallel()
	clock := newClock()
	chains, urls, w := threeChains(t)
	for _, chain := range chains {
		chain.SetClock(clock.now)
	}
	chains[0].SetMode(neartest.Down500)
	client := newTestClient(t, Options{Now: clock.now, CacheTTL: -1, HedgeDelay: time.Minute}, urls...)
	asked := func() int { return chains[0].RequestsByKind()["view_access_key"] }
	for range 5 {
		wantStatus(t, client, w, Authorised)
	}
	if asked() != 3 {
		t.Errorf("the failing provider was asked %d times, the breaker opens after 3", asked())
	}
	clock.advance(10 * time.Second)
	wantStatus(t, client, w, Authorised)
	wantStatus(t, client, w, Authorised)
	if asked() != 4 {
		t.Errorf("after the pause it was asked %d times, want one probe", asked()-3)
	}
	clock.advance(10 * time.Second)
	chains[0].SetMode(neartest.OK)
	wantStatus(t, client, w, Authorised)
	wantStatus(t, client, w, Authorised)
	if asked() != 6 {
		t.Errorf("after its recovery it was asked %d times, want 2", asked()-4)
	}
}

func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	b := breaker{threshold: 1, pause: time.Second}
	b.fail(clock.now())
	clock.advance(time.Second)
	if probe, second := b.admit(clock.now()), b.admit(clock.now()); !probe || second {
		t.Error("after the pause exactly one request may pass")
	}
	b.abandon()
	if !b.admit(clock.now()) {
		t.Error("an abandoned probe leaves the provider out for good")
	}
	b.succeed()
	if first, second := b.admit(clock.now()), b.admit(clock.now()); !first || !second {
		t.Error("a recovered provider is not fully back")
	}
}

// settle waits for the checks of providers that questions have left behind.
func settle(c *Client) {
	for _, p := range c.providers() {
		p.mu.Lock()
		last := p.status
		p.mu.Unlock()
		if last != nil {
			<-last.done
		}
	}
}

// With every breaker open an outage costs the user no wait and the providers no
// request.
func TestOpenBreakersFailFast(t *testing.T) {
	t.Parallel()
	clock := newClock()
	chain, url := newChain(t)
	chain.SetClock(clock.now)
	chain.SetMode(neartest.Down500)
	client := newTestClient(t, Options{Now: clock.now}, url)
	w := neartest.NewWallet("alice.near")
	wantCannotTell(t, client, w)
	wantCannotTell(t, client, w)
	settle(client)
	before := chain.Requests()
	if err := wantCannotTell(t, client, w); !strings.Contains(err.Error(), errCircuitOpen.Error()) {
		t.Errorf("error = %v", err)
	}
	if chain.Requests() != before {
		t.Error("a request was sent")
	}
}
