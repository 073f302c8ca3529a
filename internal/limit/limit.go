// Package limit counts what senders, clients and accounts ask for, in bounded memory and
// for one process: several replicas count each for itself.
package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
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
	price atomic.Pointer[price] // nil: off
	clock clock
	wide  *Limiter // of the networks that senders are in; nil: they are not counted

	mu   sync.Mutex
	owed recent.Generations[Key, time.Duration] // until when what a key asked for is paid off
}

// A price is a rate in time: what one request costs, and how much may be owed.
type price struct{ each, burst time.Duration }

// New returns a Limiter that allows r for each key; a zero one does not limit. Its name is that of the bucket.
func New(name string, r idp.Rate, now func() time.Time) *Limiter {
	l := &Limiter{name: name, clock: newClock(now), owed: recent.NewGenerations[Key, time.Duration](maxKeys)}
	l.Set(r)
	return l
}

// OfSenders is New for keys that are senders, whose networks are counted too.
func OfSenders(name string, r idp.Rate, now func() time.Time) *Limiter {
	l := New(name, idp.Rate{}, now)
	l.wide = New(name, idp.Rate{}, now)
	l.Set(r)
	return l
}

// Set allows r from now on. What a key owes stays owed, but no more of it than who asked for as much as r
// allows at once.
func (l *Limiter) Set(r idp.Rate) {
	if l.wide != nil {
		l.wide.Set(idp.Rate{N: r.N * wide, Per: r.Per})
	}
	if r.N == 0 {
		l.price.Store(nil)
		return
	}
	each := r.Per / time.Duration(r.N)
	l.price.Store(&price{each, each * time.Duration(r.N)})
}

// On reports that it limits.
func (l *Limiter) On() bool { return l.pays() != nil }

func (l *Limiter) pays() *price {
	if l == nil {
		return nil
	}
	return l.price.Load()
}

// Take counts one and returns how long to wait instead if that is one too many.
func (l *Limiter) Take(k Key) time.Duration {
	p := l.pays()
	if p == nil || k == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.now() // later than that of whoever had the lock
	owed, wait := l.look(k, p, now)
	if wait == 0 {
		owed += p.each
	}
	l.owed.Put(k, owed) // also of who is refused, or it would be forgotten while it asks
	return wait
}

// look returns until when a key owes, and how long until one more would be allowed.
func (l *Limiter) look(k Key, p *price, now time.Duration) (owed, wait time.Duration) {
	owed, _ = l.owed.Get(k)
	owed = max(owed, now)
	if most := now + p.burst; owed > most { // of another price
		owed = most
		l.owed.Put(k, owed)
	}
	return owed, max(0, owed+p.each-p.burst-now)
}

// Exhausted returns how long until one more would be allowed, counting nothing.
func (l *Limiter) Exhausted(k Key) time.Duration {
	p := l.pays()
	if p == nil || k == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.now() // later than that of whoever had the lock
	_, wait := l.look(k, p, now)
	return wait
}

// Return takes back one that was counted.
func (l *Limiter) Return(s Sender) {
	p := l.pays()
	if p == nil {
		return
	}
	l.wide.Return(Sender{Key: s.network})
	l.mu.Lock()
	defer l.mu.Unlock()
	if owed, ok := l.owed.Get(s.Key); ok {
		l.owed.Put(s.Key, owed-p.each)
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
