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

// Rates are what one sender may ask for, an IPv4 address or a /64 of IPv6, and what one
// client may. A zero Rate does not limit.
type Rates struct {
	Requests  idp.Rate // all but files and probes
	Authorize idp.Rate // authorization requests, and challenges by the API
	Verify    idp.Rate // answers of wallets, renewals and decisions, and user codes
	Token     idp.Rate // requests that clients make themselves, pushed ones aside
	PAR       idp.Rate // pushed authorization requests, and those of devices
	// TokenFailures are failed client authentications of one sender.
	TokenFailures idp.Rate

	// ClientAuthorize are authorization requests of one sender for one client.
	ClientAuthorize idp.Rate
	// ClientToken are requests that a client has authenticated, from wherever.
	ClientToken idp.Rate
	// ClientBackoff is the longest wait of who fails again and again to authenticate as a client; 0: none.
	ClientBackoff time.Duration
}

// Limits count what is asked for. Each replica counts for itself.
type Limits struct {
	requests, authorize, verify, token, par, failures *limit.Limiter // by sender

	clientAuthorize *limit.Limiter // by sender and client
	clientToken     *limit.Limiter // by client
	backoff         *limit.Backoff // by sender and client
}

// NewLimits returns Limits with these rates.
func NewLimits(r Rates, now func() time.Time) *Limits {
	senders := func(name string) *limit.Limiter { return limit.OfSenders(name, idp.Rate{}, now) }
	l := &Limits{
		requests: senders("requests"), authorize: senders("authorize"), verify: senders("verify"),
		token: senders("token"), par: senders("par"), failures: senders("token_failures"),
		clientAuthorize: limit.New("client_authorize", idp.Rate{}, now),
		clientToken:     limit.New("client_token", idp.Rate{}, now),
		backoff:         limit.NewBackoff("client_backoff", 0, now),
	}
	l.Set(r)
	return l
}

// Set makes the rates others from now on, while requests are answered.
func (l *Limits) Set(r Rates) {
	l.requests.Set(r.Requests)
	l.authorize.Set(r.Authorize)
	l.verify.Set(r.Verify)
	l.token.Set(r.Token)
	l.par.Set(r.PAR)
	l.failures.Set(r.TokenFailures)
	l.clientAuthorize.Set(r.ClientAuthorize)
	l.clientToken.Set(r.ClientToken)
	l.backoff.Set(r.ClientBackoff)
}

// limited refuses what a sender asks too often, before anything is done for it.
func (s *server) limited(l *limit.Limiter, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := l.Admit(entryOf(r).sender); err != nil {
			return err
		}
		return h(w, r)
	}
}

// ofExceeded tells who has to wait for how long. Waiting that long is enough.
func ofExceeded(e *limit.Exceeded) *problem {
	p := &problem{status: http.StatusTooManyRequests, code: "rate_limited", heading: "Too many requests",
		text:       "There were too many requests from your network. Wait a moment and try again.",
		retryAfter: max(1, int(math.Ceil(e.Wait.Seconds()))), err: e}
	switch e.Bucket {
	case "client_token":
		p.detail = "There were too many requests of this client. Wait a moment and try again."
	case "client_backoff":
		p.detail = "Client authentication failed too often. Wait a moment, and check the secret."
	}
	return p
}

// mayAuthorize refuses a client's requests that come too often from one sender, so that one
// application that runs in circles leaves its neighbours room.
func (s *server) mayAuthorize(r *http.Request, client string) error {
	l := s.Limits.clientAuthorize
	return l.Refusal(l.Take(entryOf(r).sender.And(client)))
}

// mayAuthenticate refuses whoever has failed too often to authenticate a client (RFC 6749
// section 2.3.1), and a client that asks too often. Failures count against who fails, and never against the client
// elsewhere, or anybody could lock it out.
func (s *server) mayAuthenticate(r *http.Request) error {
	e := entryOf(r)
	if err := s.Limits.failures.MayGoOn(e.sender); err != nil {
		return err
	}
	if err := s.Limits.backoff.MayTry(e.sender.And(e.clientID)); err != nil {
		return err
	}
	l := s.Limits.clientToken
	return l.Refusal(l.Exhausted(limit.KeyOf(e.clientID)))
}

// authenticated wraps a handler whose requests clients authenticate, and counts how that went.
func (s *server) authenticated(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		e := entryOf(r)
		if refused, ok := errors.AsType[*oauth.Error](err); ok && refused.Code == "invalid_client" {
			_ = s.Limits.failures.Admit(e.sender) // counted; this one was answered
			s.Limits.backoff.Failed(e.sender.And(e.clientID))
		} else if s.proves(r, err) {
			s.Limits.backoff.Succeeded(e.sender.And(e.clientID))
			s.Limits.clientToken.Take(limit.KeyOf(e.clientID))
		}
		return err
	}
}

// proves reports a request that only its client can have made: anybody can name a public one.
// An invalid grant is found out after the client was.
func (s *server) proves(r *http.Request, err error) bool {
	if !s.Limits.backoff.On() && !s.Limits.clientToken.On() {
		return false // nobody wants to know
	}
	refused, ok := errors.AsType[*oauth.Error](err)
	if err != nil && (!ok || refused.Code != "invalid_grant") {
		return false
	}
	c, err := s.Clients.Client(r.Context(), entryOf(r).clientID)
	return err == nil && !c.Public()
}
