package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// durations are the upper bounds, in seconds, by which requests are sorted: from an answer
// out of memory to one that waits for the database or for the chain.
var durations = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// classes name the hundreds of a status.
var classes = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// requests are rate, errors and duration of HTTP requests, for each route.
type requests struct {
	total  *prometheus.CounterVec
	took   *prometheus.HistogramVec
	routes *children[route, *oneRoute]
}

type route struct{ listener, pattern, method string }

type oneRoute struct {
	total [len(classes)]prometheus.Counter
	took  prometheus.Observer
}

func newRequests(registry *prometheus.Registry) *requests {
	r := &requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "idp_http_requests_total", Help: "Requests that were answered.",
		}, []string{"listener", "route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "idp_http_request_duration_seconds", Help: "How long requests took.", Buckets: durations,
		}, []string{"listener", "route", "method"}),
	}
	registry.MustRegister(r.total, r.took)
	r.routes = newChildren(route{"other", "other", "other"}, r.route)
	return r
}

func (r *requests) route(of route) *oneRoute {
	one := &oneRoute{took: r.took.WithLabelValues(of.listener, of.pattern, of.method)}
	for i, class := range classes {
		one.total[i] = r.total.WithLabelValues(of.listener, of.pattern, of.method, class)
	}
	return one
}

// A Listener counts the requests of one listener.
type Listener struct {
	name string
	all  *requests
}

// Listener returns the counter of the listener with this name.
func (s *Set) Listener(name string) *Listener { return &Listener{name, s.requests} }

// Request counts one that was answered. pattern is that of its route, empty if it has none; method is
// one that HTTP knows, or "other"; trace is the id of its trace if that is recorded, else empty.
func (l *Listener) Request(pattern, method string, status int, took time.Duration, trace string) {
	if pattern == "" {
		pattern = "none"
	}
	one := l.all.routes.of(route{l.name, pattern, method})
	one.total[class(status)].Inc()
	observe(one.took, took, trace)
}

func class(status int) int {
	if status < 100 || status > 599 {
		return 0
	}
	return status / 100
}

// observe leads from a duration to the trace of who took it, if there is one.
func observe(h prometheus.Observer, took time.Duration, trace string) {
	if trace == "" {
		h.Observe(took.Seconds())
		return
	}
	h.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": trace})
}
