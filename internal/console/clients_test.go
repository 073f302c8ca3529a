package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

var grafana = url.Values{"preset": {"grafana"}, "client_id": {"ops"}, "client_uri": {"https://grafana.example.com"}, "sure": {"yes"}}

// with is a copy of values with one changed.
func with(values url.Values, name, value string) url.Values {
	c := url.Values{}
	for n, v := range values {
		c[n] = append([]string(nil), v...)
	}
	c.Set(name, value)
	return c
}

// hidden is the value of a hidden field of a page.
func (r reply) hidden(name string) string {
	r.Helper()
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(r.body)
	if m == nil {
		r.Fatalf("no hidden field %s: %s", name, r.text())
	}
	return strings.NewReplacer("&#34;", `"`, "&amp;", "&", "&#39;", "'").Replace(m[1])
}

// values is the form of the edit page of a client, as a browser would post it unchanged.
func (b *browser) values(id string) url.Values {
	b.Helper()
	page := b.get("/clients/" + id + "/edit").want(http.StatusOK)
	c, err := b.clients.Client(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	v := url.Values{
		"etag": {page.hidden("etag")}, "client_name": {c.Name}, "client_uri": {c.ClientURI}, "logo_uri": {c.LogoURI}, "policy_uri": {c.PolicyURI}, "tos_uri": {c.TosURI}, "brand_color": {c.BrandColor},
		"redirect_uris":             {strings.Join(c.RedirectURIs, "\r\n")},
		"post_logout_redirect_uris": {strings.Join(c.PostLogoutRedirectURIs, "\r\n")}, "backchannel_logout_uri": {c.BackchannelLogoutURI},
		"scope": {c.Scope}, "grant_types": c.GrantTypes, "token_endpoint_auth_method": {c.TokenEndpointAuthMethod}, "jwks_uri": {c.JWKSURI},
		"id_token_signed_response_alg": {c.IDTokenSignedResponseAlg}, "claim_policy": {c.ClaimPolicy}, "access_policy": {c.AccessPolicy}, "profile": {c.Profile},
		"access_token": {c.Lifetimes.AccessToken.String()}, "id_token": {c.Lifetimes.IDToken.String()},
		"refresh_idle": {c.Lifetimes.RefreshIdle.String()}, "refresh_absolute": {c.Lifetimes.RefreshAbsolute.String()},
	}
	if c.MustUsePKCE() {
		v.Set("require_pkce", "true")
	}
	return v
}

func TestClientIsRegisteredOnceItWasSeen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.get("/register").want(http.StatusOK).says("Grafana", "Keycloak", "Something else")
	b.get("/register?preset=grafana").want(http.StatusOK).says("Where it lives")
	b.get("/register?preset=grafan").want(http.StatusNotFound).says("did you mean grafana?")

	b.post("/register", with(grafana, "sure", "")).want(http.StatusOK).says("Nothing is yet", "https://grafana.example.com/login/generic_oauth").hides("ncs_")
	if _, err := s.clients.Client(t.Context(), "ops"); err == nil {
		t.Fatal("the preview registered it")
	}
	made := b.post("/register", grafana).want(http.StatusOK)
	made.says("Grafana is registered", "It is shown this once", "client_secret = ncs_", "[auth.generic_oauth]")
	c, err := s.clients.Client(t.Context(), "ops")
	if err != nil || c.Preset != "grafana" || len(c.Secrets) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	b.get("/clients").says("Grafana", "ops")
	b.get("/clients?q=nothing").want(http.StatusOK).says("No client has nothing in its id or name")
}

func TestMistakesAreBesideTheirFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	page := b.post("/register", with(with(grafana, "client_uri", "http://grafana.example.com"), "client_id", "alice.near")).want(http.StatusUnprocessableEntity)
	page.says("Nothing was changed", "use https")
	if !regexp.MustCompile(`name="client_uri"[^>]*aria-invalid="true"`).MatchString(page.body) {
		t.Error("the field is not marked")
	}
	b.post("/register", with(grafana, "client_id", "alice.near")).want(http.StatusUnprocessableEntity).says("has the form of a NEAR account")
	b.post("/register", with(grafana, "client_id", "idp-admin")).want(http.StatusUnprocessableEntity).says("own admin pages")
	b.post("/register", grafana).want(http.StatusOK)
	b.post("/register", grafana).want(http.StatusUnprocessableEntity).says("it was registered before").hides("ncs_")
	b.post("/clients/ops/edit", with(b.values("ops"), "redirect_uris", "javascript:alert(1)")).want(http.StatusUnprocessableEntity).says("javascript:alert(1)")
}

func TestEditChangesWhatWasChangedAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	before, err := s.store.Client(t.Context(), "ops")
	if err != nil {
		t.Fatal(err)
	}
	b.post("/clients/ops/edit", b.values("ops")).want(http.StatusSeeOther)
	if same, err := s.store.Client(t.Context(), "ops"); err != nil || same.Version() != before.Version() {
		t.Errorf("an unchanged form wrote: %v", err)
	}
	form := b.values("ops")
	form.Set("client_name", "Dashboards")
	form.Set("redirect_uris", "https://a.example.com/cb\r\n\r\n https://b.example.com/cb ")
	form.Set("access_token", "5m")
	form.Set("first_party", "true")
	b.post("/clients/ops/edit", form).want(http.StatusSeeOther)
	got, err := s.store.Client(t.Context(), "ops") // without defaults
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "Dashboards" || strings.Join(got.RedirectURIs, " ") != "https://a.example.com/cb https://b.example.com/cb" ||
		got.Lifetimes.AccessToken.String() != "5m" || !got.FirstParty {
		t.Errorf("%+v", got)
	}
	if got.Lifetimes.IDToken != 0 || got.ResponseTypes != nil {
		t.Errorf("defaults were written down: %+v", got)
	}
	b.get("/clients/ops?done=saved").says("Saved.", "Dashboards")
}

// Two administrators who edit at the same time do not undo each other's work.
func TestEditOfAnOldStateIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	first, second := b.values("ops"), b.values("ops")
	first.Set("client_name", "First")
	second.Set("client_name", "Second")
	b.post("/clients/ops/edit", first).want(http.StatusSeeOther)
	b.post("/clients/ops/edit", second).want(http.StatusUnprocessableEntity).says("it was changed or deleted meanwhile")
	if c, _ := s.clients.Client(t.Context(), "ops"); c.Name != "First" {
		t.Errorf("named %q", c.Name)
	}
}

func TestClientOfTheConfigurationIsReadOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	s.exec(`UPDATE clients SET managed_by = 'config', source = 'clients.d/ops.yaml:3' WHERE id = 'ops'`)
	page := b.get("/clients/ops").want(http.StatusOK).says("clients.d/ops.yaml:3", "is changed there")
	for _, path := range []string{"/edit", "/delete", "/disable"} {
		page.hides("/clients/ops" + path)
	}
	if got := b.get("/clients/ops/edit"); got.status != http.StatusSeeOther || got.location != "/clients/ops" {
		t.Errorf("%d to %q", got.status, got.location)
	}
	b.post("/clients/ops/edit", url.Values{"client_name": {"x"}}).want(http.StatusSeeOther)
	b.post("/clients/ops/disable", nil).want(http.StatusConflict).says("clients.d/ops.yaml:3")
	b.post("/clients/ops/delete", url.Values{"typed": {"ops"}}).want(http.StatusConflict).says("clients.d/ops.yaml:3")
	if c, err := s.clients.Client(t.Context(), "ops"); err != nil || c.Name != "Grafana" || c.Disabled {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	secret := regexp.MustCompile(`ncs_[A-Za-z0-9_-]{40,}`)
	first := secret.FindString(b.post("/register", grafana).want(http.StatusOK).body)
	second := secret.FindString(b.post("/clients/ops/secrets", url.Values{"expires": {"30d"}}).want(http.StatusOK).says("It is shown this once").body)
	if first == "" || second == "" || first == second {
		t.Fatalf("secrets %q and %q", first, second)
	}
	page := b.get("/clients/ops").want(http.StatusOK).says("in 30 days", first[:8])
	for _, path := range []string{"/clients", "/clients/ops", "/clients/ops/edit", "/clients/ops/delete"} {
		b.get(path).want(http.StatusOK).hides(first, second)
	}
	b.post("/clients/ops/secrets", url.Values{"expires": {"tomorrow"}}).want(http.StatusUnprocessableEntity).hides("shown this once")

	revoke := regexp.MustCompile(`/clients/ops/secrets/[A-Z2-7]+/revoke`).FindString(page.body)
	b.get(revoke).want(http.StatusOK).says("Revoke the secret?")
	b.post(revoke, nil).want(http.StatusSeeOther)
	b.post(revoke, nil).want(http.StatusNotFound)
	if c, _ := s.clients.Client(t.Context(), "ops"); len(c.Secrets) != 1 {
		t.Errorf("%d secrets are left", len(c.Secrets))
	}
}

// G03, S09
func TestClientIsDisabledAndDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	b.post("/clients/ops/disable", nil).want(http.StatusSeeOther)
	b.get("/clients/ops").says("It is disabled")
	b.post("/clients/ops/enable", nil).want(http.StatusSeeOther)
	if c, _ := s.clients.Client(t.Context(), "ops"); c.Disabled {
		t.Error("it stayed disabled")
	}
	for _, typed := range []string{"", "op", "OPS", "ops "} {
		b.post("/clients/ops/delete", url.Values{"typed": {typed}}).want(http.StatusUnprocessableEntity).says("Nothing was changed")
	}
	old := b.get("/clients/ops/delete").hidden("etag")
	b.post("/clients/ops/disable", nil).want(http.StatusSeeOther)
	b.post("/clients/ops/delete", url.Values{"typed": {"ops"}, "etag": {old}}).want(http.StatusPreconditionFailed)
	b.post("/clients/ops/delete", url.Values{"typed": {"ops"}, "etag": {b.get("/clients/ops/delete").hidden("etag")}}).want(http.StatusSeeOther)
	b.get("/clients/ops").want(http.StatusNotFound)
}

// G01: what an administrator does is recorded in their name.
func TestChangesAreRecordedInTheNameOfTheAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	events, err := s.store.Events(t.Context(), idp.EventFilter{ClientID: "ops", Limit: 10})
	if err != nil || len(events) == 0 {
		t.Fatalf("%v, %v", events, err)
	}
	for _, e := range events {
		if e.Actor != "account:alice.near" || e.RequestID == "" {
			t.Errorf("%s by %q in request %q", e.Type, e.Actor, e.RequestID)
		}
	}
}
