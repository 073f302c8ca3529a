package main

import (
	"time"

	"near-idp/internal/metrics"
	"near-idp/internal/web"
)

// The names of listeners in metrics.
const (
	listenerPublic = "public"
	listenerAdmin  = "admin"
)

// publicMetrics are what the public side counts.
type publicMetrics struct {
	*metrics.Listener
	*metrics.Logins
}

var _ web.Metrics = publicMetrics{}

// countAdmin counts requests of the admin side.
func countAdmin(set *metrics.Set) func(route, method string, status int, took time.Duration) {
	listener := set.Listener(listenerAdmin)
	return func(route, method string, status int, took time.Duration) {
		listener.Request(route, method, status, took, "")
	}
}
