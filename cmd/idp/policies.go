package main

import (
	"net/netip"
	"sync/atomic"
	"time"

	"near-idp/internal/access"
	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/idp"
)

// policies are what of the configuration is in force and may change: claim and access policies,
// who administers, and what is looked at anew each time. They change all at once.
type policies struct {
	current atomic.Pointer[inForce]
}

type inForce struct {
	claims   *claims.Policies
	access   *access.Rules
	defaults clients.Defaults
	admins   []string

	proxies   []netip.Prefix
	drain     time.Duration // of listen.drain
	retention time.Duration // of audit events
}

func newPolicies(cfg *config.Config) *policies {
	p := &policies{}
	p.set(cfg)
	return p
}

// set puts those of a valid configuration in force. Requests that are under way end with either.
func (p *policies) set(cfg *config.Config) {
	claims, access := cfg.Policies()
	p.current.Store(&inForce{
		claims: claims, access: access, defaults: clientDefaults(cfg), admins: cfg.Admin.Accounts,
		proxies: cfg.Proxy.Trusted, drain: cfg.Listen.Drain.Std(), retention: cfg.Audit.Retention.Std(),
	})
}

// defaults are what the configuration in force says where a client says nothing.
func (p *policies) defaults() clients.Defaults { return p.current.Load().defaults }

// admins are the subjects that may sign in to the admin pages.
func (p *policies) admins() []string { return p.current.Load().admins }

// trusts reports whether the address is that of a proxy in front.
func (p *policies) trusts(addr netip.Addr) bool {
	for _, network := range p.current.Load().proxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// drain is how long a process that is told to end answers on.
func (p *policies) drain() time.Duration { return p.current.Load().drain }

// retention is how long audit events are kept; 0: for ever.
func (p *policies) retention() time.Duration { return p.current.Load().retention }

// profile, claimNames and allowed are what the protocol asks.

func (p *policies) profile(c *idp.Client, who idp.Identity, scopes []string, place string) map[string]any {
	return p.current.Load().claims.Profile(c, who, scopes, place)
}

func (p *policies) claimNames() []string { return p.current.Load().claims.Names() }

func (p *policies) allowed(c *idp.Client, subject string) error {
	return p.current.Load().access.Check(c.AccessPolicy, subject)
}
