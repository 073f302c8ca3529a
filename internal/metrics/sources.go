package metrics

import "github.com/prometheus/client_golang/prometheus"

// A Source is a metric that somebody else keeps and that is read when it is asked for.
type Source struct {
	Name, Help string
	Labels     []string
	Counter    bool // it only grows; else it is a gauge
	// Read calls emit with each value and those of its labels.
	Read func(emit func(value float64, labels ...string))
}

// Watch adds sources. It panics if two metrics have one name, which is a defect.
func (s *Set) Watch(sources ...Source) {
	for _, source := range sources {
		kind := prometheus.GaugeValue
		if source.Counter {
			kind = prometheus.CounterValue
		}
		s.registry.MustRegister(&watched{source, kind, prometheus.NewDesc(source.Name, source.Help, source.Labels, nil)})
	}
}

type watched struct {
	Source
	kind prometheus.ValueType
	desc *prometheus.Desc
}

func (w *watched) Describe(to chan<- *prometheus.Desc) { to <- w.desc }

func (w *watched) Collect(to chan<- prometheus.Metric) {
	w.Read(func(value float64, labels ...string) {
		m, err := prometheus.NewConstMetric(w.desc, w.kind, value, labels...)
		if err != nil {
			m = prometheus.NewInvalidMetric(w.desc, err)
		}
		to <- m
	})
}
