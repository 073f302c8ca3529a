package main

import (
	"net/http"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/logos"
	"near-idp/internal/outbound"
)

// outboundPolicy bounds the requests to addresses that clients name. A provider
// on loopback is somebody's own machine, and so may its clients be.
func outboundPolicy(cfg *config.Config) outbound.Policy {
	return outbound.Policy{AllowPrivate: cfg.Outbound.AllowPrivate, AllowLoopback: cfg.IssuerOnLoopback()}
}

// outboundClient makes those requests.
func outboundClient(cfg *config.Config) *http.Client { return outbound.Client(outboundPolicy(cfg)) }

// logoClient makes those for images, which are larger.
func logoClient(cfg *config.Config) *http.Client {
	policy := outboundPolicy(cfg)
	policy.MaxBody, policy.Timeout = logos.MaxBytes, 10*time.Second
	return outbound.Client(policy)
}
