package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An RPC counts what was asked of the chain.
type RPC struct {
	total *children[pair, prometheus.Counter]
	took  *children[string, prometheus.Observer]
}

func newRPC(registry *prometheus.Registry) *RPC {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_rpc_requests_total", Help: "Questions to RPC providers by what became of them.",
	}, []string{"provider", "outcome"})
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "idp_rpc_request_duration_seconds", Help: "How long RPC providers took.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 4},
	}, []string{"provider"})
	registry.MustRegister(total, took)
	return &RPC{
		total: newChildren(pair{"other", "other"}, func(p pair) prometheus.Counter { return total.WithLabelValues(p[:]...) }),
		took:  newChildren("other", func(provider string) prometheus.Observer { return took.WithLabelValues(provider) }),
	}
}

// Asked counts one question. provider is the host of a configured address.
func (r *RPC) Asked(provider, outcome string, took time.Duration, trace string) {
	r.total.of(pair{provider, outcome}).Inc()
	observe(r.took.of(provider), took, trace)
}
