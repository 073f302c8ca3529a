package main

import (
	"sync/atomic"

	"near-idp/internal/access"
	"near-idp/internal/claims"
	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/idp"
)

// policies are the claim and access policies in force, and who administers. They change all at once.
type policies struct {
	current atomic.Pointer[inForce]
}

type inForce struct {
	claims   *claims.Policies
	access   *access.Rules
	defaults clients.Defaults
	admins   []string
}

func newPolicies(cfg *config.Config) *policies {
	p := &policies{}
	p.set(cfg)
	return p
}

// set puts those of a valid configuration in force. Requests that are under way end with either.
func (p *policies) set(cfg *config.Config) {
	claims, access := cfg.Policies()
	p.current.Store(&inForce{claims, access, clientDefaults(cfg), cfg.Admin.Accounts})
}

// defaults are what the configuration in force says where a client says nothing.
func (p *policies) defaults() clients.Defaults { return p.current.Load().defaults }

// admins are the subjects that may sign in to the admin pages.
func (p *policies) admins() []string { return p.current.Load().admins }

// profile, claimNames and allowed are what the protocol asks.

func (p *policies) profile(c *idp.Client, who idp.Identity, scopes []string, place string) map[string]any {
	return p.current.Load().claims.Profile(c, who, scopes, place)
}

func (p *policies) claimNames() []string { return p.current.Load().claims.Names() }

func (p *policies) allowed(c *idp.Client, subject string) error {
	return p.current.Load().access.Check(c.AccessPolicy, subject)
}
