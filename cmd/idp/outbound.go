package main

import (
	"net/http"

	"near-idp/internal/config"
	"near-idp/internal/outbound"
)

// outboundClient makes the requests to addresses that clients name. A provider
// on loopback is somebody's own machine, and so may its clients be.
func outboundClient(cfg *config.Config) *http.Client {
	return outbound.Client(outbound.Policy{AllowPrivate: cfg.Outbound.AllowPrivate, AllowLoopback: cfg.IssuerOnLoopback()})
}
