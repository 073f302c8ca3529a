package web

import (
	"errors"
	"math"
	"net/http"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/oauth"
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
	authorize, verify, token, par *limit.Limiter

	senders *limit.Limiter // failed client authentications by sender
	clients *limit.Limiter // the same by client_id
	known   *limit.Limiter // sender and client_id that have succeeded together
}

func newLimits(l Limits, now func() time.Time) limits {
	at := func(r idp.Rate) *limit.Limiter { return limit.New(r, now) }
	return limits{at(l.Authorize), at(l.Verify), at(l.Token), at(l.PAR),
		at(l.TokenFailures), at(l.TokenFailures), at(idp.Rate{N: 1, Per: time.Hour})}
}

func tooMany(wait time.Duration) error {
	return &problem{status: http.StatusTooManyRequests, code: "rate_limited", heading: "Too many requests",
		text:       "There were too many requests from your network. Wait a moment and try again.",
		retryAfter: max(1, int(math.Ceil(wait.Seconds())))}
}

// limited refuses what a sender asks too often, before anything is done for it.
func (s *server) limited(l *limit.Limiter, h handler) handler {
	if l == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if wait := l.Take(network(s.clientAddress(r))); wait > 0 {
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
	if wait := s.limits.senders.Exhausted(sender); wait > 0 {
		return tooMany(wait)
	}
	if s.limits.known.Seen(sender + " " + id) {
		return nil
	}
	if wait := s.limits.clients.Exhausted(id); wait > 0 {
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
			s.limits.senders.Take(sender)
			s.limits.clients.Take(id)
		case err == nil && id != "":
			s.limits.known.Remember(sender + " " + id)
		}
		return err
	}
}
