package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

func app(id string) map[string]any {
	return map[string]any{"client_id": id, "redirect_uris": []string{"https://" + id + ".example.com/cb"}}
}

func TestApplyPlansPrunesAndIsIdempotent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	list := map[string]any{"clients": []any{app("wiki"), app("blog")}, "prune": true}
	counts := func(r reply) string {
		return r.text("create") + r.text("update") + r.text("delete") + r.text("unchanged") + " " + r.text("applied")
	}
	if r := s.do("POST", "/admin/v1/clients:apply?dry_run=true", list).want(200, ""); counts(r) != "2010 false" {
		t.Error(r.body)
	}
	if n := len(s.do("GET", "/admin/v1/clients", nil).items()); n != 1 {
		t.Fatalf("%d clients after a dry run", n)
	}
	if r := s.do("POST", "/admin/v1/clients:apply", list).want(200, ""); counts(r) != "2010 true" {
		t.Error(r.body)
	}
	if r := s.do("POST", "/admin/v1/clients:apply", list).want(200, ""); counts(r) != "0002 false" {
		t.Error(r.body)
	}
	r := s.do("POST", "/admin/v1/clients:apply", `{"clients":[],"prune":true}`).want(409, "conflict")
	if !strings.Contains(r.body, `"delete":2`) {
		t.Errorf("the plan is missing: %s", r.body)
	}
	s.do("POST", "/admin/v1/clients:apply", `{"clients":[],"prune":true,"prune_many":true}`).want(200, "")
}

// A mistake in one of many is found before anything is done, and named with its place.
func TestNothingIsHalfApplied(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for want, clients := range map[string]string{
		`clients[1].redirect_uris "http://b.example.com/cb"`: `[{"client_id":"a","redirect_uris":["https://a.example.com/cb"]},{"client_id":"b","redirect_uris":["http://b.example.com/cb"]}]`,
		`clients[1].color is not a known member`:             `[{"client_id":"a","redirect_uris":["https://a.example.com/cb"]},{"client_id":"b","color":1}]`,
		`clients[1].idp.secrets[0].hash is not hexa`:         `[{"client_id":"a","redirect_uris":["https://a.example.com/cb"]},{"client_id":"b","idp":{"secrets":[{"hash":"x"}]}}]`,
		`clients[0] The body is not`:                         `[7,{"client_id":"a","redirect_uris":["https://a.example.com/cb"]}]`,
		`clients is missing`:                                 `null`,
	} {
		if r := s.do("POST", "/admin/v1/clients:apply", `{"clients":`+clients+`}`).want(422, "invalid"); !strings.Contains(r.text("detail"), want) {
			t.Errorf("want %q in %s", want, r.body)
		}
	}
	if n := len(s.do("GET", "/admin/v1/clients", nil).items()); n != 0 {
		t.Errorf("%d clients", n)
	}
}

func TestApplyLeavesTheFileAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := idp.Client{ID: "web", RedirectURIs: []string{"https://web.example.com/cb"}}
	if _, err := (clients.Defaults{}).ApplyConfig(t.Context(), s.store, []clients.Entry{{Client: c}}); err != nil {
		t.Fatal(err)
	}
	r := s.do("POST", "/admin/v1/clients:apply", map[string]any{"clients": []any{app("wiki"), app("web")}}).want(409, "managed_by_config")
	if !strings.Contains(r.body, `"conflict":1`) || !strings.Contains(r.text("detail"), "configuration file") {
		t.Error(r.body)
	}
	s.do("GET", "/admin/v1/clients/wiki", nil).want(404, "not_found")
}

// Export, import into an empty registry and export again: the same bytes, and the
// same secrets work.
func TestExportImportExportIsIdentical(t *testing.T) {
	t.Parallel()
	s, other := newSite(t), newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	for i := range 3 {
		s.do("POST", "/admin/v1/clients", app(fmt.Sprintf("app-%d", i))).want(201, "")
	}
	// What was taken away of what a preset gave does not come back.
	s.do("POST", "/admin/v1/clients", map[string]any{"client_id": "bare", "client_uri": "https://g.example.com", "idp": map[string]any{"preset": "grafana"}}).want(201, "")
	s.do("PATCH", "/admin/v1/clients/bare", `{"post_logout_redirect_uris":[],"idp":{"claim_policy":null}}`, "If-Match", "*").want(200, "")
	for kind, name := range map[string]string{"application/json": "JSON", "application/yaml": "YAML"} {
		first := s.do("GET", "/admin/v1/export?hashes=true", nil, "Accept", kind).want(200, "")
		if first.header.Get("Content-Type") != kind || !strings.Contains(first.body, "grafana") {
			t.Fatalf("%s: %v %s", name, first.header, first.body)
		}
		other.do("POST", "/admin/v1/import?prune=true&prune_many=true", first.body, "Content-Type", kind).want(200, "")
		second := other.do("GET", "/admin/v1/export?hashes=true", nil, "Accept", kind).want(200, "")
		if first.body != second.body {
			t.Errorf("%s:\n%s\n%s", name, first.body, second.body)
		}
		if r := other.do("POST", "/admin/v1/import", second.body, "Content-Type", kind).want(200, ""); r.text("unchanged") != "5" || r.text("applied") != "false" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if plain := s.do("GET", "/admin/v1/export", nil).want(200, ""); strings.Contains(plain.body, "hash") {
		t.Error(plain.body)
	}
	s.as(s.newKey("clients:read")).do("GET", "/admin/v1/export?hashes=true", nil).want(403, "forbidden")
}

// A document that somebody sent reads neither the environment nor the files of the server.
func TestImportReadsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, secret := range []string{"file:/etc/passwd", "${PATH}"} {
		body := "- client_id: a\n  redirect_uris: [https://a.example.com/cb]\n  secret: " + secret + "\n"
		r := s.do("POST", "/admin/v1/import", body, "Content-Type", "application/yaml").want(422, "invalid")
		if strings.Contains(r.body, "root:") || strings.Contains(r.body, "/usr/bin") {
			t.Error(r.body)
		}
	}
	s.do("POST", "/admin/v1/import", "- a: [", "Content-Type", "application/yaml").want(422, "invalid")
	s.do("POST", "/admin/v1/import", "a=b", "Content-Type", "text/plain").want(415, "unsupported_media_type")
}
