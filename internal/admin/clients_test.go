package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

func TestClientFromRegistrationToDeletion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	if made.header.Get("Location") != "/admin/v1/clients/grafana" || len(made.text("client_secret")) < 32 ||
		made.text("idp.first_party") != "true" || made.text("idp.managed_by") != "api" || made.text("grant_types") == "" {
		t.Errorf("%v %s", made.header, made.body)
	}
	read := s.do("GET", "/admin/v1/clients/grafana", nil).want(200, "")
	if read.text("client_secret") != "" || strings.Contains(read.body, made.text("client_secret")) {
		t.Error("the secret is shown again")
	}
	s.do("GET", "/admin/v1/clients/grafana", nil, "If-None-Match", read.header.Get("ETag")).want(304, "")
	patched := s.do("PATCH", "/admin/v1/clients/grafana", `{"client_name":"Metrics","idp":{"first_party":null,"lifetimes":{"id_token":"2h"}}}`,
		"Content-Type", "application/merge-patch+json", "If-Match", read.header.Get("ETag")).want(200, "")
	if patched.text("client_name") != "Metrics" || patched.text("idp.first_party") != "" || patched.text("idp.lifetimes.id_token") != "2h" ||
		patched.header.Get("ETag") == read.header.Get("ETag") {
		t.Error(patched.body)
	}
	replaced := s.do("PUT", "/admin/v1/clients/grafana", grafana()).want(200, "")
	if replaced.text("client_name") != "Grafana" || replaced.text("idp.lifetimes.id_token") != "1h" {
		t.Error(replaced.body)
	}
	secret := s.do("POST", "/admin/v1/clients/grafana/secrets", map[string]any{"expires_at": time.Now().Add(time.Hour)}).want(201, "")
	if n := len(s.do("GET", "/admin/v1/clients/grafana/secrets", nil).want(200, "").items()); n != 2 {
		t.Errorf("%d secrets", n)
	}
	s.do("DELETE", "/admin/v1/clients/grafana/secrets/"+secret.text("id"), nil).want(204, "")
	s.do("DELETE", "/admin/v1/clients/grafana/secrets/"+secret.text("id"), nil).want(404, "not_found")
	s.do("DELETE", "/admin/v1/clients/grafana", nil).want(204, "")
	s.do("GET", "/admin/v1/clients/grafana", nil).want(404, "not_found")
}

func TestStaleChangeIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := s.do("POST", "/admin/v1/clients", grafana()).want(201, "").header.Get("ETag")
	s.do("PATCH", "/admin/v1/clients/grafana", `{"client_name":"Theirs"}`).want(200, "")
	for method, body := range map[string]any{"PATCH": `{"client_name":"Mine"}`, "PUT": grafana(), "DELETE": nil} {
		r := s.do(method, "/admin/v1/clients/grafana", body, "If-Match", old).want(412, "stale")
		if !strings.Contains(r.text("detail"), "ead it again") {
			t.Error(r.body)
		}
	}
	if name := s.do("GET", "/admin/v1/clients/grafana", nil).text("client_name"); name != "Theirs" {
		t.Errorf("%q: a stale change was made", name)
	}
}

func TestBadRegistrationsNameTheField(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	for want, body := range map[string]string{
		`redirect_uri: is not a known member`:            `{"client_id":"a","redirect_uri":["https://a.example.com/cb"]}`,
		`first_party: belongs into the object "idp"`:     `{"client_id":"a","first_party":true,"redirect_uris":["https://a.example.com/cb"]}`,
		`idp.client_name: belongs beside`:                `{"client_id":"a","idp":{"client_name":"A"},"redirect_uris":["https://a.example.com/cb"]}`,
		`idp.admin: is not a known member`:               `{"client_id":"a","idp":{"admin":true},"redirect_uris":["https://a.example.com/cb"]}`,
		`idp: must be an object`:                         `{"client_id":"a","idp":"x","redirect_uris":["https://a.example.com/cb"]}`,
		`redirect_uris: has the wrong type: want array`:  `{"client_id":"a","redirect_uris":"https://a.example.com/cb"}`,
		`redirect_uris: "javascript:alert(1)" has the`:   `{"client_id":"a","redirect_uris":["javascript:alert(1)"]}`,
		`client_id: "alice.near" has the form of a NEAR`: `{"client_id":"alice.near","redirect_uris":["https://a.example.com/cb"]}`,
		`client_secret: must be a text of 32`:            `{"client_id":"a","client_secret":7,"redirect_uris":["https://a.example.com/cb"]}`,
		`lifetimes.code: is 1h`:                          `{"client_id":"a","idp":{"lifetimes":{"code":"1h"}},"redirect_uris":["https://a.example.com/cb"]}`,
	} {
		for _, query := range []string{"", "?dry_run=true"} {
			r := s.do("POST", "/admin/v1/clients"+query, body).want(422, "invalid")
			var got []string
			for _, e := range r.errors() {
				got = append(got, e["field"]+": "+e["detail"])
			}
			if !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("want %q in %s", want, r.body)
			}
		}
	}
	s.do("POST", "/admin/v1/clients", grafana()).want(409, "conflict")
	s.do("POST", "/admin/v1/clients?dry_run=true", grafana()).want(409, "conflict")
	s.do("POST", "/admin/v1/clients", "{").want(400, "malformed")
	s.do("POST", "/admin/v1/clients", "{} {}").want(400, "malformed")
	s.do("POST", "/admin/v1/clients", "a=b", "Content-Type", "application/x-www-form-urlencoded").want(415, "unsupported_media_type")
	s.do("POST", "/admin/v1/clients", `{"client_name":"`+strings.Repeat("a", 9<<20)+`"}`).want(413, "too_large")
	if n := len(s.do("GET", "/admin/v1/clients", nil).items()); n != 1 {
		t.Errorf("%d clients after nothing but refusals", n)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if r := s.do("POST", "/admin/v1/clients?dry_run=true", grafana()).want(200, ""); r.text("client_secret") != "" {
		t.Error("a secret that will not exist")
	}
	s.do("GET", "/admin/v1/clients/grafana", nil).want(404, "not_found")
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	before := s.do("GET", "/admin/v1/clients/grafana", nil).body
	if r := s.do("PATCH", "/admin/v1/clients/grafana?dry_run=true", `{"client_name":"New"}`).want(200, ""); r.text("client_name") != "New" {
		t.Error(r.body)
	}
	s.do("DELETE", "/admin/v1/clients/grafana?dry_run=true", nil).want(204, "")
	s.do("POST", "/admin/v1/api-keys?dry_run=true", map[string]any{"scopes": []string{"clients:read"}, "expires_at": s.now.Add(time.Minute)}).want(200, "")
	if after := s.do("GET", "/admin/v1/clients/grafana", nil).body; after != before {
		t.Errorf("%s\n%s", before, after)
	}
	if n := len(s.do("GET", "/admin/v1/api-keys", nil).items()); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 7 {
		c := grafana()
		c["client_id"] = fmt.Sprintf("app-%d", i)
		s.do("POST", "/admin/v1/clients", c).want(201, "")
	}
	var got []string
	for cursor, pages := "", 0; ; pages++ {
		r := s.do("GET", "/admin/v1/clients?limit=3&cursor="+cursor, nil).want(200, "")
		for _, c := range r.items() {
			got = append(got, c["client_id"].(string))
		}
		if cursor = r.text("next_cursor"); cursor == "" {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	if strings.Join(got, " ") != "app-0 app-1 app-2 app-3 app-4 app-5 app-6" {
		t.Error(got)
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=YWZ0ZXI6AA"} {
		s.do("GET", "/admin/v1/clients?"+bad, nil).want(422, "invalid")
	}
	if n := len(s.do("GET", "/admin/v1/clients?q=APP-3", nil).items()); n != 1 {
		t.Errorf("%d found", n)
	}
}

func TestClientsOfTheFileAreReadOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := idp.Client{ID: "web", RedirectURIs: []string{"https://web.example.com/cb"}}
	if _, err := (clients.Defaults{}).ApplyConfig(t.Context(), s.store, []clients.Entry{{Client: c}}); err != nil {
		t.Fatal(err)
	}
	for method, body := range map[string]any{"PUT": grafana(), "PATCH": `{"client_name":"x"}`, "DELETE": nil} {
		r := s.do(method, "/admin/v1/clients/web", body)
		if method == "PUT" {
			delete(body.(map[string]any), "client_id")
			r = s.do(method, "/admin/v1/clients/web", body)
		}
		if r.want(409, "managed_by_config"); !strings.Contains(r.text("detail"), "configuration file") {
			t.Error(r.body)
		}
	}
}

func TestReadingKeyCannotChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	reader := s.as(s.newKey(admin.ScopeClientsRead))
	reader.do("POST", "/admin/v1/clients", grafana()).want(403, "forbidden")
	reader.do("GET", "/admin/v1/clients", nil).want(200, "")
}
