// Package limit counts what senders ask for, in bounded memory.
package limit

import (
	"sync"
	"time"

	"near-idp/internal/idp"

	"golang.org/x/time/rate"
)

// maxSenders bounds the memory of a limiter: two generations of so many. An
// attacker with more addresses than that is not one that counting stops.
const maxSenders = 20_000

// A Limiter counts by key. It forgets a key that two generations did not see. A nil
// Limiter limits nothing, and the empty key is never limited. It is safe for concurrent use.
type Limiter struct {
	every rate.Limit
	burst int
	now   func() time.Time

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// New returns a Limiter that allows r for each key, or nil if r is zero.
func New(r idp.Rate, now func() time.Time) *Limiter {
	if r.N == 0 {
		return nil
	}
	return &Limiter{every: rate.Limit(float64(r.N) / r.Per.Seconds()), burst: r.N, now: now, young: map[string]*rate.Limiter{}}
}

// of returns the counter of a key, a new one if create.
func (l *Limiter) of(key string, create bool) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.young[key]; one != nil {
		return one
	}
	one := l.old[key]
	if one == nil && !create {
		return nil
	}
	if one == nil {
		one = rate.NewLimiter(l.every, l.burst)
	}
	if len(l.young) >= maxSenders {
		l.young, l.old = map[string]*rate.Limiter{}, l.young
	}
	l.young[key] = one
	return one
}

// Take counts one and returns how long to wait instead if that is one too many.
func (l *Limiter) Take(key string) time.Duration {
	if l == nil || key == "" {
		return 0
	}
	one, now := l.of(key, true), l.now()
	if one.AllowN(now, 1) {
		return 0
	}
	return l.wait(one, now)
}

// Exhausted returns how long until one more would be allowed, counting nothing.
func (l *Limiter) Exhausted(key string) time.Duration {
	if l == nil || key == "" {
		return 0
	}
	if one := l.of(key, false); one != nil {
		return l.wait(one, l.now())
	}
	return 0
}

func (l *Limiter) wait(one *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - one.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.every) * float64(time.Second))
}

// Seen reports whether a key was counted or remembered of late.
func (l *Limiter) Seen(key string) bool { return l != nil && l.of(key, false) != nil }

// Remember makes a key seen without counting anything.
func (l *Limiter) Remember(key string) {
	if l != nil {
		l.of(key, true)
	}
}
