// Package limit counts what senders, clients and accounts ask for, in bounded memory and
// for one process: several replicas count each for itself.
package limit

import (
	"fmt"
	"sync"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/recent"
)

// wide is how many times as much the /48 around an IPv6 sender may ask for as the sender itself:
// an access provider hands out whole ones, and so can a single attacker be.
const wide = 16

// A Limiter is a bucket by key: so much at once, and so much on average. It forgets a key that two
// generations did not see. A nil Limiter limits nothing, and nobody's key is never limited.
// It is safe for concurrent use.
type Limiter struct {
	name  string
	each  time.Duration // what one request costs
	burst time.Duration // what may be owed
	clock clock
	wide  *Limiter // of the networks that senders are in; nil: they are not counted

	mu   sync.Mutex
	owed recent.Generations[Key, time.Duration] // until when what a key asked for is paid off
}

// New returns a Limiter that allows r for each key, or nil if r is zero. Its name is that of the bucket.
func New(name string, r idp.Rate, now func() time.Time) *Limiter {
	if r.N == 0 {
		return nil
	}
	each := r.Per / time.Duration(r.N)
	return &Limiter{name: name, each: each, burst: each * time.Duration(r.N), clock: newClock(now), owed: recent.NewGenerations[Key, time.Duration](maxKeys)}
}

// OfSenders is New for keys that are senders, whose networks are counted too.
func OfSenders(name string, r idp.Rate, now func() time.Time) *Limiter {
	l := New(name, r, now)
	if l != nil {
		l.wide = New(name, idp.Rate{N: r.N * wide, Per: r.Per}, now)
	}
	return l
}

// Take counts one and returns how long to wait instead if that is one too many.
func (l *Limiter) Take(k Key) time.Duration {
	if l == nil || k == 0 {
		return 0
	}
	now := l.clock.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	owed, wait := l.look(k, now)
	if wait == 0 {
		owed += l.each
	}
	l.owed.Put(k, owed) // also of who is refused, or it would be forgotten while it asks
	return wait
}

// look returns until when a key owes, and how long until one more would be allowed.
func (l *Limiter) look(k Key, now time.Duration) (owed, wait time.Duration) {
	owed, _ = l.owed.Get(k)
	owed = max(owed, now)
	return owed, max(0, owed+l.each-l.burst-now)
}

// Exhausted returns how long until one more would be allowed, counting nothing.
func (l *Limiter) Exhausted(k Key) time.Duration {
	if l == nil || k == 0 {
		return 0
	}
	now := l.clock.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	_, wait := l.look(k, now)
	return wait
}

// Return takes back one that was counted.
func (l *Limiter) Return(s Sender) {
	if l == nil {
		return
	}
	l.wide.Return(Sender{Key: s.network})
	l.mu.Lock()
	defer l.mu.Unlock()
	if owed, ok := l.owed.Get(s.Key); ok {
		l.owed.Put(s.Key, owed-l.each)
	}
}

// Admit is Take for a sender and the network that it is in. Its error is an *Exceeded.
func (l *Limiter) Admit(s Sender) error {
	if l == nil {
		return nil
	}
	if err := l.Refusal(l.Take(s.Key)); err != nil {
		return err
	}
	return l.Refusal(l.wide.Take(s.network))
}

// MayGoOn is Exhausted for a sender and the network that it is in. Its error is an *Exceeded.
func (l *Limiter) MayGoOn(s Sender) error {
	if l == nil {
		return nil
	}
	return l.Refusal(max(l.Exhausted(s.Key), l.wide.Exhausted(s.network)))
}

// Refusal is the *Exceeded of a wait, or nil.
func (l *Limiter) Refusal(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return &Exceeded{Bucket: l.name, Wait: wait}
}

// An Exceeded is the error of who has to wait before they ask again.
type Exceeded struct {
	Bucket string // as the configuration names it
	Wait   time.Duration
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("rate_limits.%s: one may ask again in %s", e.Bucket, e.Wait.Round(time.Millisecond))
}
