package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// What an operator is shown, alerted by and told of is what a provider has: each metric of the
// dashboard, of the alerts and of docs/observability.md, and no other.
func TestMetricsAreThoseOfDashboardAlertsAndDocs(t *testing.T) {
	t.Parallel()
	found := everyMetric(t)
	names := map[string][]string{} // of labels, by metric
	for sample := range found {
		name, labels, _ := strings.Cut(sample, "{")
		names[name] = nil
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(labels, -1) {
			names[name] = append(names[name], label[1])
		}
	}
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(idp_[a-z_]+)` \\| ([a-z_, ]*) ?\\|").FindAllStringSubmatch(ofRepository(t, "docs/observability.md"), -1) {
		labels := strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(labels)
		documented[row[1]] = labels
	}
	for name, labels := range names {
		told, isTold := documented[name]
		if strings.HasPrefix(name, "idp_") && (!isTold || !slices.Equal(told, labels)) {
			t.Errorf("docs/observability.md has %s with the labels %q, which are %q", name, documented[name], labels)
		}
	}
	for name := range documented {
		if _, exists := names[name]; !exists {
			t.Errorf("docs/observability.md tells of %s, which no provider has", name)
		}
	}
	used := 0
	for where, text := range map[string]string{"the dashboard": dashboardQueries(t), "the alerts": ofRepository(t, "deploy/prometheus/alerts.yml")} {
		for _, name := range regexp.MustCompile(`\b(?:idp|go|process)_[a-z_]+`).FindAllString(text, -1) {
			if name == "go_version" {
				continue // a label
			}
			used++
			if _, exists := names[strings.TrimSuffix(name, "_bucket")]; !exists {
				t.Errorf("%s uses %s, which no provider has", where, name)
			}
		}
	}
	if used < 50 || len(documented) < 25 {
		t.Errorf("only %d uses and %d documented metrics were looked at", used, len(documented))
	}
	runbook := ofRepository(t, "docs/observability.md")
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(ofRepository(t, "deploy/prometheus/alerts.yml"), -1) {
		if !strings.Contains(runbook, "| `"+alert[1]+"` | ") {
			t.Errorf("docs/observability.md does not say what to do about %s", alert[1])
		}
	}
}

// everyMetric has a provider show each of its metrics: a counter with labels shows once it has counted.
func everyMetric(t *testing.T) samples {
	t.Helper()
	s := newSite(t, pgtest.DSN(t))
	s.ops = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.limits = "authorize: off, verify: off, token: off, par: 1/h, token_failures: off"
	p := s.serve()
	p.signIn("rs256", "openid")
	b := p.browser()
	q := newRequest("rs256", "openid")
	c := b.authorize("/authorize?" + q.form().Encode())
	wrong := b.answer(c)
	wrong["signature"] = b.alice.Sign(c.Message+"!", c.NonceBytes, c.Recipient, nil)
	b.postJSON(c.path()+"/verify", wrong)
	b.postForm("/token", q.redeem("no-such-code"))
	for range 2 {
		b.postForm("/par", url.Values{"client_id": {"rs256"}, "client_secret": {clientSecret}})
	}
	return p.scrape()
}

func dashboardQueries(t *testing.T) string {
	t.Helper()
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(ofRepository(t, "deploy/grafana/idp.json")), &board); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	return strings.Join(all, "\n")
}

func ofRepository(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
