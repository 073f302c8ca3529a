package admin_test

import (
	"strings"
	"testing"
)

func TestClientIsDisabledAndEnabled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	old := made.header.Get("ETag")
	disabled := func(path string) string { return s.do("POST", path, nil).want(200, "").text("idp.disabled") }
	if got := disabled("/admin/v1/clients/grafana:disable?dry_run=true"); got != "true" || s.do("GET", "/admin/v1/clients/grafana", nil).text("idp.disabled") != "" {
		t.Errorf("dry run: %q", got)
	}
	if got := disabled("/admin/v1/clients/grafana:disable"); got != "true" || s.do("GET", "/admin/v1/clients/grafana", nil).text("idp.disabled") != "true" {
		t.Errorf("disable: %q", got)
	}
	s.do("POST", "/admin/v1/clients/grafana:enable", nil, "If-Match", old).want(412, "stale")
	if got := disabled("/admin/v1/clients/grafana:enable"); got != "" {
		t.Errorf("enable: %q", got)
	}
	s.do("POST", "/admin/v1/clients/other:disable", nil).want(404, "not_found")
	s.do("POST", "/admin/v1/clients/grafana:destroy", nil).want(405, "method_not_allowed")
}

func TestMethodThatAResourceDoesNotTake(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for request, allow := range map[string]string{
		"PUT /admin/v1/clients":                 "GET, HEAD, POST",
		"POST /admin/v1/clients/x":              "GET, HEAD, PUT, PATCH, DELETE",
		"PATCH /admin/v1/clients/x/secrets/y":   "DELETE",
		"DELETE /admin/v1/presets":              "GET, HEAD",
		"OPTIONS /admin/v1/clients:validate":    "POST",
		"PROPFIND /admin/v1/clients/x:disable":  "GET, HEAD, POST, PUT, PATCH, DELETE",
		"DELETE /admin/v1/status":               "GET, HEAD",
		"POST /admin/openapi.json":              "GET, HEAD",
		"OPTIONS /admin/v1/api-keys":            "GET, HEAD, POST",
		"PUT /admin/v1/clients/x/snippets/none": "GET, HEAD",
	} {
		method, path, _ := strings.Cut(request, " ")
		r := s.do(method, path, nil).want(405, "method_not_allowed")
		if r.header.Get("Allow") != allow {
			t.Errorf("%s: Allow: %s, want %s", request, r.header.Get("Allow"), allow)
		}
	}
	for _, path := range []string{"/", "/admin/v1/client", "/admin/v1/clients/", "/admin//v1/clients", "/admin/v1/../v1/clients", "/admin/v1/clients/x:disable/y"} {
		s.do("GET", path, nil).want(404, "not_found")
	}
}

// A secret is neither made nor ended when the caller only asks whether it could be.
func TestDryRunOfSecretsChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	secrets := func() []map[string]any {
		return s.do("GET", "/admin/v1/clients/grafana/secrets", nil).want(200, "").items()
	}
	id := secrets()[0]["id"].(string)
	s.do("POST", "/admin/v1/clients/grafana/secrets?dry_run=true", "{}").want(204, "")
	s.do("DELETE", "/admin/v1/clients/grafana/secrets/"+id+"?dry_run=true", nil).want(204, "")
	s.do("DELETE", "/admin/v1/clients/grafana/secrets/none?dry_run=true", nil).want(404, "not_found")
	s.do("POST", "/admin/v1/clients/none/secrets?dry_run=true", "{}").want(404, "not_found")
	if n := len(secrets()); n != 1 {
		t.Errorf("%d secrets", n)
	}
	for n := 1; n < 10; n++ {
		if s.do("POST", "/admin/v1/clients/grafana/secrets", "{}").status != 201 {
			break
		}
	}
	dry := s.do("POST", "/admin/v1/clients/grafana/secrets?dry_run=true", "{}").want(409, "conflict")
	if wet := s.do("POST", "/admin/v1/clients/grafana/secrets", "{}").want(409, "conflict"); wet.text("detail") != dry.text("detail") {
		t.Errorf("%s\n%s", dry.body, wet.body)
	}
}

func TestRegistrationIsValidatedWithoutBeingMade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	reader := s.as(s.newKey("clients:read"))
	if r := reader.do("POST", "/admin/v1/clients:validate", grafana()).want(200, ""); r.text("grant_types") == "" || r.text("client_secret") != "" {
		t.Error(r.body)
	}
	reader.do("POST", "/admin/v1/clients:validate", `{"redirect_uris":["https://a.example.com/cb"]}`).want(200, "")
	r := reader.do("POST", "/admin/v1/clients:validate", `{"client_id":"a","redirect_uris":["http://a.example.com/cb"]}`).want(422, "invalid")
	if r.errors()[0]["field"] != "redirect_uris" {
		t.Error(r.body)
	}
	if n := len(s.do("GET", "/admin/v1/clients", nil).items()); n != 1 {
		t.Errorf("%d clients", n)
	}
}

func TestPresetFillsInTheRegistration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.do("POST", "/admin/v1/clients", map[string]any{
		"client_id": "ops", "client_uri": "https://grafana.example.com/", "client_name": "Metrics", "idp": map[string]any{"preset": "grafana"},
	}).want(201, "")
	if !strings.Contains(r.text("redirect_uris"), "https://grafana.example.com/login/generic_oauth") || r.text("client_name") != "Metrics" ||
		r.text("idp.preset") != "grafana" || r.text("client_secret") == "" {
		t.Error(r.body)
	}
	secret := r.text("client_secret")
	shown := s.do("GET", "/admin/v1/clients/ops/snippets/grafana?admin_group=dashboards", nil).want(200, "")
	for _, want := range []string{"client_id = ops", "https://id.example.com", "dashboards", "client_secret of ops"} {
		if !strings.Contains(shown.body, want) {
			t.Errorf("%q is not in %s", want, shown.body)
		}
	}
	if strings.Contains(shown.body, secret) {
		t.Error("the secret is shown again")
	}
	for want, body := range map[string]string{
		"client_uri the preset grafana needs the URL":     `{"client_id":"a","idp":{"preset":"grafana"}}`,
		`client_uri the URL of the application`:           `{"client_id":"a","client_uri":"javascript:x","idp":{"preset":"grafana"}}`,
		`idp.preset preset "grafanna" does not exist; di`: `{"client_id":"a","idp":{"preset":"grafanna"}}`,
	} {
		if r := s.do("POST", "/admin/v1/clients", body).want(422, "invalid"); !strings.Contains(r.text("detail"), want) {
			t.Errorf("want %q in %s", want, r.body)
		}
	}
	s.do("GET", "/admin/v1/clients/ops/snippets/grafanna", nil).want(404, "not_found")
	s.do("GET", "/admin/v1/clients/none/snippets/grafana", nil).want(404, "not_found")
	s.do("GET", "/admin/v1/clients/ops/snippets/spa", nil).want(422, "invalid")
	s.do("GET", "/admin/v1/clients/ops/snippets/grafana?admin_group=%00", nil).want(422, "invalid")
}

// Each preset's example can be registered and its snippet read.
func TestEveryPresetIsOffered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.do("GET", "/admin/v1/presets", nil).want(200, "").items()
	if len(list) < 14 {
		t.Errorf("%d presets", len(list))
	}
	for _, p := range list {
		name := p["name"].(string)
		c := map[string]any{"client_id": "app-" + name, "idp": map[string]any{"preset": name}}
		if p["needs_url"] == true {
			c["client_uri"] = p["example"]
		}
		s.do("POST", "/admin/v1/clients", c).want(201, "")
		s.do("GET", "/admin/v1/clients/app-"+name+"/snippets/"+name, nil).want(200, "")
	}
}
