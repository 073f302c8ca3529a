package main

import (
	"net/http"
	"net/netip"
	"net/url"

	"near-idp/internal/config"
	"near-idp/internal/outbound"
)

// outboundClient makes the requests to addresses that clients name. A provider
// on loopback is somebody's own machine, and so may its clients be.
func outboundClient(cfg *config.Config) *http.Client {
	policy := outbound.Policy{AllowPrivate: cfg.Outbound.AllowPrivate}
	if u, err := url.Parse(cfg.Issuer); err == nil {
		addr, err := netip.ParseAddr(u.Hostname())
		policy.AllowLoopback = u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	}
	return outbound.Client(policy)
}
