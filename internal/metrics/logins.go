package metrics

import "github.com/prometheus/client_golang/prometheus"

// Steps of a login, in the order in which they come. Who is signed in already has no
// challenge, page and signature; who was asked before does not consent again.
var Steps = []string{"authorize", "challenge", "page", "signed", "verified", "consented", "code", "token"}

// Logins counts how far logins come, and why they come no further.
type Logins struct {
	steps    map[string]prometheus.Counter
	verified *children[string, prometheus.Counter]
	refused  *children[pair, prometheus.Counter]
	errors   *children[pair, prometheus.Counter]
	limited  *children[string, prometheus.Counter]
}

type pair [2]string

func newLogins(registry *prometheus.Registry) *Logins {
	steps := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_login_steps_total", Help: "Logins that came to a step.",
	}, []string{"step"})
	verified := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_login_verified_total", Help: "Signatures that signed somebody in.",
	}, []string{"wallet"})
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_login_refusals_total", Help: "Logins and answers of wallets that were refused.",
	}, []string{"reason", "wallet"})
	errors := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_oauth_errors_total", Help: "Error responses of the protocol.",
	}, []string{"endpoint", "error"})
	limited := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idp_rate_limited_total", Help: "Requests that were refused because there were too many.",
	}, []string{"bucket"})
	registry.MustRegister(steps, verified, refused, errors, limited)
	l := &Logins{
		steps:    map[string]prometheus.Counter{},
		verified: newChildren("other", func(wallet string) prometheus.Counter { return verified.WithLabelValues(wallet) }),
		refused:  newChildren(pair{"other", "other"}, func(p pair) prometheus.Counter { return refused.WithLabelValues(p[:]...) }),
		errors:   newChildren(pair{"other", "other"}, func(p pair) prometheus.Counter { return errors.WithLabelValues(p[:]...) }),
	}
	l.limited = newChildren("other", func(bucket string) prometheus.Counter { return limited.WithLabelValues(bucket) })
	for _, step := range Steps {
		l.steps[step] = steps.WithLabelValues(step)
	}
	return l
}

// Step counts a login that came to one of Steps.
func (l *Logins) Step(step string) {
	if counter, ok := l.steps[step]; ok {
		counter.Inc()
	}
}

// Verified counts a sign-in by a wallet of the configuration, or "other".
func (l *Logins) Verified(wallet string) { l.verified.of(wallet).Inc() }

// Refused counts a refusal by its reason; wallet is that of the answer, or "none" without one.
func (l *Logins) Refused(reason, wallet string) { l.refused.of(pair{reason, wallet}).Inc() }

// ProtocolError counts an error code that an endpoint answered.
func (l *Logins) ProtocolError(endpoint, code string) { l.errors.of(pair{endpoint, code}).Inc() }

// Limited counts a request that a bucket of rate_limits refused.
func (l *Logins) Limited(bucket string) { l.limited.of(bucket).Inc() }
