package config

import (
	"time"

	"near-idp/internal/idp"
)

// follows marks a rate whose default is a part of another's.
var follows = idp.Rate{N: -1}

// maxRate is the highest number of a rate, as idp.ParseRate has it.
const maxRate = 1_000_000

func defaultRateLimits() RateLimits {
	perMinute := func(n int) idp.Rate { return idp.Rate{N: n, Per: time.Minute} }
	return RateLimits{
		Authorize: perMinute(600), Verify: perMinute(300), Token: perMinute(6000), PAR: perMinute(1200), TokenFailures: perMinute(60),
		Requests: follows, Unfinished: follows, ClientAuthorize: follows, ClientToken: follows, AccountVerify: follows, ClientBackoff: -1,
	}
}

// derive fills in what follows from the rates that are written down, so that who raises one of
// them, or turns it off, need not know of the others.
func (l *RateLimits) derive() {
	part := func(of *idp.Rate, whole idp.Rate, times, over int) {
		if *of == follows {
			*of = idp.Rate{N: min(maxRate, (whole.N*times+over-1)/over), Per: whole.Per}
		}
	}
	part(&l.Requests, l.Token, 2, 1)
	part(&l.ClientAuthorize, l.Authorize, 1, 2)
	part(&l.ClientToken, l.Token, 5, 1)
	part(&l.AccountVerify, l.Verify, 1, 5)
	if l.Unfinished == follows {
		l.Unfinished = idp.Rate{}
		if l.Authorize.N > 0 {
			l.Unfinished = idp.Rate{N: 1200, Per: time.Hour}
		}
	}
	if l.ClientBackoff < 0 {
		l.ClientBackoff = 0
		if l.TokenFailures.N > 0 {
			l.ClientBackoff = idp.Duration(time.Minute)
		}
	}
}

func (l *RateLimits) check(p *problems) {
	if l.ClientBackoff != 0 {
		checkRange(p, "rate_limits.client_backoff", l.ClientBackoff, time.Second, time.Hour)
	}
}
