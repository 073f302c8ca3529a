package main

import (
	"time"

	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/web"
)

// rateLimits are the buckets of rate_limits, each where what it counts is known.
type rateLimits struct {
	edge       *web.Limits
	unfinished *limit.Limiter
	accounts   *limit.Limiter
}

func newRateLimits(l config.RateLimits) *rateLimits {
	r := &rateLimits{
		edge:       web.NewLimits(web.Rates{}, time.Now),
		unfinished: limit.OfSenders("unfinished", idp.Rate{}, time.Now),
		accounts:   limit.New("account_verify", idp.Rate{}, time.Now),
	}
	r.set(l)
	return r
}

// set puts other rates in force.
func (r *rateLimits) set(l config.RateLimits) {
	r.edge.Set(web.Rates{
		Requests: l.Requests, Authorize: l.Authorize, Verify: l.Verify, Token: l.Token, PAR: l.PAR, TokenFailures: l.TokenFailures,
		ClientAuthorize: l.ClientAuthorize, ClientToken: l.ClientToken, ClientBackoff: l.ClientBackoff.Std(),
	})
	r.unfinished.Set(l.Unfinished)
	r.accounts.Set(l.AccountVerify)
}
