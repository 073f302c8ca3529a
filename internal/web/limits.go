package web

import (
	"errors"
	"math"
	"net/http"
	"sync"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"

	"golang.org/x/time/rate"
)

// Limits bound what one sender may ask for: an IPv4 address, or a /64 of IPv6.
// Each replica counts for itself. A zero Rate does not limit.
type Limits struct {
	Authorize idp.Rate // authorization requests, and challenges by the API
	Verify    idp.Rate // answers of wallets, renewals and decisions, and user codes
	Token     idp.Rate // requests that clients make themselves, pushed ones aside
	PAR       idp.Rate // pushed authorization requests, and those of devices
	// TokenFailures are failed client authentications of one sender, and of one
	// client_id from senders that have not authenticated as it before.
	TokenFailures idp.Rate
}

// limits are the counters of a server; nil ones do not limit.
type limits struct {
	authorize, verify, token, par *limiter

	senders *limiter // failed client authentications by sender
	clients *limiter // the same by client_id
	known   *limiter // sender and client_id that have succeeded together
}

func newLimits(l Limits, now func() time.Time) limits {
	at := func(r idp.Rate) *limiter { return newLimiter(r, now) }
	return limits{at(l.Authorize), at(l.Verify), at(l.Token), at(l.PAR),
		at(l.TokenFailures), at(l.TokenFailures), at(idp.Rate{N: 1, Per: time.Hour})}
}

// maxSenders bounds the memory of a limiter: two generations of so many. An
// attacker with more addresses than that is not one that counting stops.
const maxSenders = 20_000

// A limiter counts by key. It forgets a key that two generations did not see.
type limiter struct {
	every rate.Limit
	burst int
	now   func() time.Time

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func newLimiter(r idp.Rate, now func() time.Time) *limiter {
	if r.N == 0 {
		return nil
	}
	return &limiter{every: rate.Limit(float64(r.N) / r.Per.Seconds()), burst: r.N, now: now, young: map[string]*rate.Limiter{}}
}

// of returns the counter of a key, a new one if create.
func (l *limiter) of(key string, create bool) *rate.Limiter {
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

// take counts one and returns how long to wait instead if that is one too many.
func (l *limiter) take(key string) time.Duration {
	if l == nil || key == "" {
		return 0
	}
	one, now := l.of(key, true), l.now()
	if one.AllowN(now, 1) {
		return 0
	}
	return l.wait(one, now)
}

// exhausted returns how long until one more would be allowed, counting nothing.
func (l *limiter) exhausted(key string) time.Duration {
	if l == nil || key == "" {
		return 0
	}
	if one := l.of(key, false); one != nil {
		return l.wait(one, l.now())
	}
	return 0
}

func (l *limiter) wait(one *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - one.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.every) * float64(time.Second))
}

func tooMany(wait time.Duration) error {
	return &problem{status: http.StatusTooManyRequests, code: "rate_limited", heading: "Too many requests",
		text:       "There were too many requests from your network. Wait a moment and try again.",
		retryAfter: max(1, int(math.Ceil(wait.Seconds())))}
}

// limited refuses what a sender asks too often, before anything is done for it.
func (s *server) limited(l *limiter, h handler) handler {
	if l == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if wait := l.take(network(s.clientAddress(r))); wait > 0 {
			return tooMany(wait)
		}
		return h(w, r)
	}
}

// mayAuthenticate refuses whoever has failed too often to authenticate a client
// (RFC 6749 section 2.3.1). A client that fails elsewhere is not locked out
// from where it has succeeded before, or anybody could lock it out.
func (s *server) mayAuthenticate(r *http.Request) error {
	sender, id := network(s.clientAddress(r)), entryOf(r).clientID
	if wait := s.limits.senders.exhausted(sender); wait > 0 {
		return tooMany(wait)
	}
	if s.limits.known.of(sender+" "+id, false) != nil {
		return nil
	}
	if wait := s.limits.clients.exhausted(id); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

// authenticated wraps a handler whose requests clients authenticate, and counts
// how that went.
func (s *server) authenticated(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		sender, id := network(s.clientAddress(r)), entryOf(r).clientID
		refused, ok := errors.AsType[*oauth.Error](err)
		switch {
		case ok && refused.Code == "invalid_client":
			s.limits.senders.take(sender)
			s.limits.clients.take(id)
		case err == nil && id != "":
			s.limits.known.of(sender+" "+id, true)
		}
		return err
	}
}
