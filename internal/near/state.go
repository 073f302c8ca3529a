package near

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// What became of a question to a provider.
const (
	outcomeOK        = "ok"
	outcomeTimeout   = "timeout"
	outcomeLimited   = "rate_limited"
	outcomeUnfit     = "unfit" // it answers, and must not be believed
	outcomeError     = "error"
	outcomeAbandoned = "abandoned" // another provider was faster, or the person left
)

// A State is how a Client is doing.
type State struct {
	Providers []ProviderState
	// Authorised answers that were reused, and questions for which there was none.
	Hits, Misses uint64
	Cached       int // answers that are kept, old ones among them
}

// A ProviderState says whether a provider is left out after repeated failures.
type ProviderState struct {
	Host string
	Open bool
}

// State returns how the client is doing.
func (c *Client) State() State {
	s := State{Hits: c.cache.hits.Load(), Misses: c.cache.misses.Load(), Cached: c.cache.size()}
	for _, p := range c.providers() {
		s.Providers = append(s.Providers, ProviderState{p.host, p.breaker.open()})
	}
	return s
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= b.threshold
}

// uses counts look-ups.
type uses struct{ hits, misses atomic.Uint64 }

func (u *uses) count(hit bool) {
	if hit {
		u.hits.Add(1)
	} else {
		u.misses.Add(1)
	}
}

func (k *keyCache) size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.entries)
}

// observed tells Options.Observe of a question. ctx is that of the whole race.
func (c *Client) observed(ctx context.Context, p *provider, began time.Time, err error) {
	if c.observe == nil {
		return
	}
	outcome := outcomeError
	var bad *unfit
	switch {
	case err == nil:
		outcome = outcomeOK
	case ctx.Err() != nil:
		outcome = outcomeAbandoned
	case errors.Is(err, errNoAnswer):
		outcome = outcomeTimeout
	case errors.Is(err, errRateLimited):
		outcome = outcomeLimited
	case errors.As(err, &bad):
		outcome = outcomeUnfit
	}
	c.observe(ctx, p.host, outcome, began, time.Since(began))
}
