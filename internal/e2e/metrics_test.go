package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// samples are what a scrape shows: values, and counts of histograms, by metric and labels,
// written as in `idp_login_steps_total{step="token"}`.
type samples map[string]float64

// scrape reads a process' metrics the way Prometheus does.
func (p *process) scrape() samples {
	p.Helper()
	r := p.browser().send("GET", "http://"+p.ops+"/metrics", "")
	if r.status != http.StatusOK {
		p.Fatalf("/metrics: %d %s", r.status, r.body)
	}
	problems, err := promlint.New(strings.NewReader(r.body)).Lint()
	if err != nil {
		p.Fatalf("/metrics: %v", err)
	}
	for _, problem := range problems {
		p.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(r.body))
	if err != nil {
		p.Fatalf("/metrics: %v", err)
	}
	found := samples{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			slices.Sort(labels)
			key := name
			if labels != nil {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			found[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

// watched serves a site with an ops listener, and an application that asks for consent.
func watched(t *testing.T) *process {
	t.Helper()
	s := newSite(t, pgtest.DSN(t))
	s.ops = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.more = "  - {client_id: asks, secret: \"${CLIENT_SECRET}\", redirect_uris: [\"" + redirectURI + "\"]}\n"
	return s.serve()
}

// Whoever collects metrics gets those and nothing else of the provider, and nobody in public gets them.
func TestOpsListenerServesMetricsAndProbesAlone(t *testing.T) {
	t.Parallel()
	p := watched(t)
	b := p.browser()
	for target, want := range map[string]int{
		"GET /metrics": 200, "GET /healthz": 200, "GET /readyz": 200, "HEAD /metrics": 200,
		"POST /metrics": 405, "DELETE /readyz": 405, "GET /metrics/": 404, "GET /": 404, "GET /authorize": 404, "POST /token": 404, "GET /jwks": 404,
		"GET /.well-known/openid-configuration": 404, "GET /admin/v1/clients": 404, "GET /debug/pprof/": 404, "GET /debug/vars": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		if r := b.send(method, "http://"+p.ops+path, ""); r.status != want {
			t.Errorf("%s of the ops listener: %d, want %d", target, r.status, want)
		}
	}
	if r := b.send("GET", "/metrics", ""); r.status != http.StatusNotFound {
		t.Errorf("/metrics in public: %d", r.status)
	}
	p.Stop()
}

// The steps of one login, and why another one ends, each once.
func TestLoginIsCountedStepByStep(t *testing.T) {
	t.Parallel()
	p := watched(t)
	b, q := p.browser(), newRequest("asks", "openid")
	c := b.authorize("/authorize?" + q.form().Encode())
	b.send("GET", c.path(), "", "Accept", "text/html")
	wrong := b.answer(c)
	wrong["signature"] = b.alice.Sign(c.Message+"!", c.NonceBytes, c.Recipient, nil)
	wrong["wallet"] = "a wallet that nobody configured"
	b.postJSON(c.path()+"/verify", wrong)
	right := b.answer(c)
	right["wallet"] = "meteor"
	b.postJSON(c.path()+"/verify", right)
	b.postJSON(c.path()+"/verify", right) // as networks do
	b.postForm("/consent/"+c.LoginID, url.Values{"decision": {"allow"}}, "Origin", b.issuer)
	next := b.send("GET", "/continue/"+c.LoginID, "")
	at := strings.Index(next.body, "code=")
	if at < 0 {
		t.Fatalf("no code: %d %s", next.status, next.body)
	}
	code, _, _ := strings.Cut(next.body[at+len("code="):], "&")
	if r := b.postForm("/token", q.redeem(code)); r.status != http.StatusOK {
		t.Fatalf("token: %d %s", r.status, r.body)
	}
	b.postForm("/token", q.redeem(code)) // a replay
	b.send("GET", "/login/"+strings.Repeat("A", 26), "", "Accept", typeJSON)
	b.send("GET", "/nothing/here/"+q.state, "")

	found := p.scrape()
	for sample, want := range map[string]float64{
		`idp_login_steps_total{step="authorize"}`: 1, `idp_login_steps_total{step="challenge"}`: 1, `idp_login_steps_total{step="page"}`: 1,
		`idp_login_steps_total{step="signed"}`: 3, `idp_login_steps_total{step="verified"}`: 1, `idp_login_steps_total{step="consented"}`: 1,
		`idp_login_steps_total{step="code"}`: 1, `idp_login_steps_total{step="token"}`: 1,
		`idp_login_verified_total{wallet="meteor"}`:                                                             1,
		`idp_login_refusals_total{reason="bad_signature",wallet="other"}`:                                       1,
		`idp_login_refusals_total{reason="not_found",wallet="none"}`:                                            1,
		`idp_oauth_errors_total{endpoint="token",error="invalid_grant"}`:                                        1,
		`idp_http_requests_total{listener="public",method="POST",route="POST /token",status="2xx"}`:             1,
		`idp_http_requests_total{listener="public",method="POST",route="POST /token",status="4xx"}`:             1,
		`idp_http_request_duration_seconds{listener="public",method="POST",route="POST /token"}`:                2,
		`idp_http_requests_total{listener="public",method="GET",route="none",status="4xx"}`:                     1,
		`idp_http_requests_total{listener="public",method="POST",route="POST /login/{id}/verify",status="2xx"}`: 2,
	} {
		if found[sample] != want {
			t.Errorf("%s is %v, want %v", sample, found[sample], want)
		}
	}
	if found["go_goroutines"] == 0 || found["process_resident_memory_bytes"] == 0 {
		t.Error("the process is not described")
	}
}

// Who starts a second provider on one machine is told what to change.
func TestOpsPortInUseEndsTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := newSite(t, pgtest.DSN(t))
	s.ops = taken.Addr().String()
	out, err := s.command(t.Context(), "serve", "--config", s.configure(s.port, "http://127.0.0.1:1")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "listen.ops: ") || !strings.Contains(string(out), `choose another address, or "off"`) {
		t.Errorf("%v %s", err, out)
	}
}
