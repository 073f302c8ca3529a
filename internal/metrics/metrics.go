// Package metrics holds what an operator's Prometheus reads of one process, and writes it
// in Prometheus' text format or, for who asks for it, OpenMetrics with exemplars.
//
// A label's value is chosen by this program or its configuration and never by who sends a
// request: a name that a stranger makes up would be a series for ever. Counting allocates
// nothing and takes no lock. Nothing here knows accounts, tokens, codes or signatures.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Set is the metrics of one process.
type Set struct {
	registry *prometheus.Registry
	requests *requests
	Logins   *Logins
	RPC      *RPC
	Sweeps   *Sweeps
}

// New returns a Set with everything that needs no source.
func New(version string) *Set {
	s := &Set{registry: prometheus.NewRegistry()}
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "idp_build_info", Help: "1, labelled with what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	s.registry.MustRegister(build)
	s.requests = newRequests(s.registry)
	s.Logins = newLogins(s.registry)
	s.RPC = newRPC(s.registry)
	s.Sweeps = newSweeps(s.registry)
	return s
}

// Handler answers a scrape.
func (s *Set) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		ErrorHandling:       promhttp.ContinueOnError, // one source that fails must not hide the others
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}
