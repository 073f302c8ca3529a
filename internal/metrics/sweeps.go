package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sweeps counts what expired and was deleted. Replicas take turns, so that most of the time
// one alone has something to tell.
type Sweeps struct {
	rows       *children[string, prometheus.Counter]
	last, took prometheus.Gauge
}

func newSweeps(registry *prometheus.Registry) *Sweeps {
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_sweep_rows_total", Help: "Rows that expired and were deleted.",
	}, []string{"table"})
	s := &Sweeps{
		rows: newChildren("other", func(table string) prometheus.Counter { return rows.WithLabelValues(table) }),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "idp_sweep_last_run_timestamp_seconds", Help: "When this process last deleted what had expired; 0: never.",
		}),
		took: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "idp_sweep_duration_seconds", Help: "How long that took.",
		}),
	}
	registry.MustRegister(rows, s.last, s.took)
	s.rows.of("logins") // is shown before the first run, too
	return s
}

// Rows counts those of one table.
func (s *Sweeps) Rows(table string, n int64) { s.rows.of(table).Add(float64(n)) }

// Ran notes a run that began then and met no error.
func (s *Sweeps) Ran(began time.Time) {
	s.last.SetToCurrentTime()
	s.took.Set(time.Since(began).Seconds())
}
