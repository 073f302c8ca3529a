package main

import (
	"context"
	"time"

	"near-idp/internal/metrics"
	"near-idp/internal/near"
	"near-idp/internal/postgres"
	"near-idp/internal/tracing"
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

// scrapePatience is how long the database may take to answer a scrape.
const scrapePatience = 2 * time.Second

// watch adds to the metrics what the parts of a provider know of themselves.
func (p *provider) watch(chain *near.Client, tracer *tracing.Tracer) {
	p.metrics.Watch(p.poolSources()...)
	p.metrics.Watch(memorySources(p, chain)...)
	p.metrics.Watch(p.workSources()...)
	p.metrics.Watch(metrics.Source{Name: "idp_trace_spans_total", Help: "Spans by what became of them.", Labels: []string{"result"}, Counter: true, Read: func(emit func(float64, ...string)) {
		var exported, dropped uint64
		if tracer != nil {
			exported, dropped = tracer.State()
		}
		emit(float64(exported), "exported")
		emit(float64(dropped), "dropped")
	}})
}

func gaugeOf(name, help string, read func() float64) metrics.Source {
	return metrics.Source{Name: name, Help: help, Read: func(emit func(float64, ...string)) { emit(read()) }}
}

func counterOf(name, help string, read func() float64) metrics.Source {
	s := gaugeOf(name, help, read)
	s.Counter = true
	return s
}

func (p *provider) poolSources() []metrics.Source {
	return []metrics.Source{
		{Name: "idp_db_connections", Help: "Connections to the database by what they do.", Labels: []string{"state"}, Read: func(emit func(float64, ...string)) {
			now := p.store.Pool()
			emit(float64(now.Acquired), "acquired")
			emit(float64(now.Idle), "idle")
		}},
		gaugeOf("idp_db_connections_max", "How many connections there may be.", func() float64 { return float64(p.store.Pool().Max) }),
		counterOf("idp_db_acquires_total", "Connections that were taken for a statement.", func() float64 { return float64(p.store.Pool().Acquires) }),
		counterOf("idp_db_acquire_waits_total", "Of those, how many had to be waited for.", func() float64 { return float64(p.store.Pool().Waits) }),
		counterOf("idp_db_acquire_wait_seconds_total", "How long they were waited for.", func() float64 { return p.store.Pool().Waited.Seconds() }),
	}
}

// memorySources are what is answered without the database and the chain.
func memorySources(p *provider, chain *near.Client) []metrics.Source {
	return []metrics.Source{
		{Name: "idp_cache_requests_total", Help: "Look-ups in memory by what was found.", Labels: []string{"cache", "result"}, Counter: true, Read: func(emit func(float64, ...string)) {
			keys, registry := chain.State(), p.clients.State()
			emit(float64(keys.Hits), "account_keys", "hit")
			emit(float64(keys.Misses), "account_keys", "miss")
			emit(float64(registry.Hits), "clients", "hit")
			emit(float64(registry.Misses), "clients", "miss")
		}},
		{Name: "idp_cache_entries", Help: "What is kept in memory.", Labels: []string{"cache"}, Read: func(emit func(float64, ...string)) {
			emit(float64(chain.State().Cached), "account_keys")
			emit(float64(p.clients.State().Clients), "clients")
		}},
		{Name: "idp_rpc_circuit_open", Help: "1 while an RPC provider is left out after repeated failures.", Labels: []string{"provider"}, Read: func(emit func(float64, ...string)) {
			seen := map[string]bool{}
			for _, one := range chain.State().Providers {
				seen[one.Host] = seen[one.Host] || one.Open // two addresses of one host are told together
			}
			for host, open := range seen {
				emit(truth(open), host)
			}
		}},
		{Name: "idp_signing_key_activated_timestamp_seconds", Help: "When the key that signs began to.", Labels: []string{"alg"}, Read: func(emit func(float64, ...string)) {
			for _, key := range p.ring.State() {
				emit(float64(key.Since.Unix()), key.Alg)
			}
		}},
		{Name: "idp_signing_key_rotation_timestamp_seconds", Help: "When its successor will.", Labels: []string{"alg"}, Read: func(emit func(float64, ...string)) {
			for _, key := range p.ring.State() {
				emit(float64(key.Until.Unix()), key.Alg)
			}
		}},
	}
}

// workSources are what is done beside requests.
func (p *provider) workSources() []metrics.Source {
	return []metrics.Source{
		{Name: "idp_backlog", Help: "What waits to be done by any replica: logouts to tell, logos to fetch.", Labels: []string{"work"}, Read: func(emit func(float64, ...string)) {
			if waits, err := p.backlog(); err == nil {
				emit(float64(waits.Logouts), "logouts")
				emit(float64(waits.Logos), "logos")
			}
		}},
		{Name: "idp_logout_oldest_seconds", Help: "How long the first of the logouts to tell has waited.", Read: func(emit func(float64, ...string)) {
			if waits, err := p.backlog(); err == nil {
				emit(waits.OldestLogout.Seconds())
			}
		}},
		gaugeOf("idp_audit_queue_events", "Refusals that wait to be stored.", func() float64 {
			queued, _ := p.refusals.State()
			return float64(queued)
		}),
		{Name: "idp_audit_dropped_total", Help: "Refusals that are not stored, and why.", Labels: []string{"reason"}, Counter: true, Read: func(emit func(float64, ...string)) {
			_, dropped := p.refusals.State()
			emit(float64(dropped.Suppressed), "suppressed")
			emit(float64(dropped.Lost), "lost")
		}},
		{Name: "idp_config_reloads_total", Help: "Changed configurations by what became of them.", Labels: []string{"result"}, Counter: true, Read: func(emit func(float64, ...string)) {
			if f := p.follower; f != nil {
				emit(float64(f.applied.Load()), "applied")
				emit(float64(f.refused.Load()), "refused")
			}
		}},
		gaugeOf("idp_config_in_force", "1 if the configuration that was read last is in force.", func() float64 {
			return truth(p.follower == nil || p.follower.problem.Load() == nil)
		}),
	}
}

func (p *provider) backlog() (postgres.Backlog, error) {
	ctx, done := context.WithTimeout(context.Background(), scrapePatience)
	defer done()
	return p.store.Backlog(ctx)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
