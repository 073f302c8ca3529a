package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"near-idp/internal/recent"
)

// How failures slow down: so many are free, the next waits firstWait, and each one after it twice
// as long as the one before.
const (
	freeFailures = 5
	firstWait    = time.Second
	// forgiven is how many of the longest waits without a failure wipe the slate clean.
	forgiven = 10
)

// A Backoff slows down who fails again and again, and forgets it with the first success. A nil
// Backoff slows nobody down. It is safe for concurrent use.
type Backoff struct {
	name    string
	longest atomic.Int64 // of its waits, in nanoseconds; 0: off
	clock   clock

	mu       sync.Mutex
	failures recent.Generations[Key, failures]
}

type failures struct {
	n    int
	last time.Duration // when
}

// NewBackoff returns a Backoff whose waits are no longer than that; with zero there are none. Its
// name is that of the bucket.
func NewBackoff(name string, longest time.Duration, now func() time.Time) *Backoff {
	b := &Backoff{name: name, clock: newClock(now), failures: recent.NewGenerations[Key, failures](maxKeys)}
	b.Set(longest)
	return b
}

// Set makes waits no longer than that from now on, those that have begun included.
func (b *Backoff) Set(longest time.Duration) { b.longest.Store(int64(longest)) }

// On reports that it slows anybody down.
func (b *Backoff) On() bool { return b.most() > 0 }

func (b *Backoff) most() time.Duration {
	if b == nil {
		return 0
	}
	return time.Duration(b.longest.Load())
}

// MayTry returns an *Exceeded for who failed too often to try again now.
func (b *Backoff) MayTry(k Key) error {
	longest := b.most()
	if longest == 0 || k == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.now()
	if f, ok := b.failures.Get(k); ok && f.until(longest) > now {
		return &Exceeded{Bucket: b.name, Wait: f.until(longest) - now}
	}
	return nil
}

// Failed counts a failure.
func (b *Backoff) Failed(k Key) {
	longest := b.most()
	if longest == 0 || k == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.now()
	f, _ := b.failures.Get(k)
	if now > f.until(longest)+forgiven*longest {
		f = failures{}
	}
	b.failures.Put(k, failures{f.n + 1, now})
}

// until is when the next attempt may be made.
func (f failures) until(longest time.Duration) time.Duration {
	if f.n <= freeFailures {
		return f.last
	}
	const most = 30 // doublings, so that nothing overflows
	return f.last + min(firstWait<<min(f.n-freeFailures-1, most), longest)
}

// Succeeded forgets the failures.
func (b *Backoff) Succeeded(k Key) {
	if b == nil || k == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures.Drop(k)
}
