package config

import (
	"time"

	"near-idp/internal/idp"
)

// RateLimits are buckets that bound what is asked of one process. A sender is an IPv4 address or
// a /64 of IPv6, as Proxy.Trusted lets it be known; a /48 may ask for sixteen times as much. "off" does not limit.
type RateLimits struct {
	// Requests counts all that a sender asks for, files and probes aside. Default twice Token.
	Requests idp.Rate `yaml:"requests"`
	// Authorize counts a sender's authorization requests. Default 600/m.
	Authorize idp.Rate `yaml:"authorize"`
	// Unfinished counts logins that a sender began and nobody has signed. Default 1200/h, off if Authorize is.
	Unfinished idp.Rate `yaml:"unfinished"`
	// Verify counts a sender's answers of wallets, and codes of devices. Default 300/m.
	Verify idp.Rate `yaml:"verify"`
	// Token counts a sender's requests to the token, revocation and introspection endpoints. Default 6000/m.
	Token idp.Rate `yaml:"token"`
	// PAR counts a sender's pushed authorization requests, and those of devices. Default 1200/m.
	PAR idp.Rate `yaml:"par"`
	// TokenFailures counts a sender's failed client authentications. Default 60/m.
	TokenFailures idp.Rate `yaml:"token_failures"`

	// ClientAuthorize counts a sender's authorization requests for one client. Default half of Authorize.
	ClientAuthorize idp.Rate `yaml:"client_authorize"`
	// ClientToken counts the requests that a client has authenticated, whoever sent them. Default
	// five times Token.
	ClientToken idp.Rate `yaml:"client_token"`
	// ClientBackoff is the longest wait of a sender that fails again and again to authenticate as
	// a client, 1s to 1h; 0s: none. Default 1m, 0s if TokenFailures is off.
	ClientBackoff idp.Duration `yaml:"client_backoff"`
	// AccountVerify counts the wallet answers of a sender that name an account whose key they
	// turned out not to have. Default a fifth of Verify.
	AccountVerify idp.Rate `yaml:"account_verify"`
}

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

func (l *Listen) checkConnections(p *problems) {
	if l.MaxConnections < 100 || l.MaxConnections > 1_000_000 {
		p.add("listen.max_connections", "%d is not between 100 and 1000000", l.MaxConnections)
	}
	if l.MaxConnectionsPerSender < 10 || l.MaxConnectionsPerSender > l.MaxConnections {
		p.add("listen.max_connections_per_sender", "%d is not between 10 and listen.max_connections, %d", l.MaxConnectionsPerSender, l.MaxConnections)
	}
}
