package limit

import (
	"sync"
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
	longest time.Duration
	clock   clock

	mu       sync.Mutex
	failures recent.Generations[Key, failures]
}

type failures struct {
	n     int
	until time.Duration // when the next attempt may be made
}

// NewBackoff returns a Backoff whose waits are no longer than that, or nil if that is zero. Its
// name is that of the bucket.
func NewBackoff(name string, longest time.Duration, now func() time.Time) *Backoff {
	if longest == 0 {
		return nil
	}
	return &Backoff{name: name, longest: longest, clock: newClock(now), failures: recent.NewGenerations[Key, failures](maxKeys)}
}

// MayTry returns an *Exceeded for who failed too often to try again now.
func (b *Backoff) MayTry(k Key) error {
	if b == nil || k == 0 {
		return nil
	}
	now := b.clock.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if f, ok := b.failures.Get(k); ok && f.until > now {
		return &Exceeded{Bucket: b.name, Wait: f.until - now}
	}
	return nil
}

// Failed counts a failure.
func (b *Backoff) Failed(k Key) {
	if b == nil || k == 0 {
		return
	}
	now := b.clock.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	f, _ := b.failures.Get(k)
	if now > f.until+forgiven*b.longest {
		f = failures{}
	}
	f.n++
	f.until = now + b.wait(f.n)
	b.failures.Put(k, f)
}

// wait is how long the nth failure in a row keeps the next attempt away.
func (b *Backoff) wait(n int) time.Duration {
	if n <= freeFailures {
		return 0
	}
	const most = 30 // doublings, so that nothing overflows
	return min(firstWait<<min(n-freeFailures-1, most), b.longest)
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
