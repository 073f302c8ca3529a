package admin_test

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/admin"
)

func TestClientTellsWhatBecameOfItsLogo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := grafana()
	c["logo_uri"], c["policy_uri"], c["tos_uri"] = "https://grafana.example.com/logo.png?token=secret", "https://grafana.example.com/privacy", "https://grafana.example.com/terms"
	c["idp"] = map[string]any{"brand_color": "#F05A28"}
	made := s.do("POST", "/admin/v1/clients", c).want(201, "")
	if made.text("idp.brand_color") != "#f05a28" || made.text("tos_uri") != "https://grafana.example.com/terms" || made.text("idp.logo") != "" {
		t.Error(made.body)
	}
	due, err := s.store.ClaimLogos(t.Context(), 1, time.Minute)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	if err := s.store.RefuseLogo(t.Context(), due[0], "it is an SVG", time.Minute); err != nil {
		t.Fatal(err)
	}
	read := s.do("GET", "/admin/v1/clients/grafana", nil).want(200, "")
	if read.text("idp.logo.error") != "it is an SVG" || read.text("idp.logo.next_try_at") == "" {
		t.Error(read.body)
	}
	full, _, err := admin.ParseDocument([]byte(read.body))
	if err != nil || full.Logo.Error != "it is an SVG" || full.BrandColor != "#f05a28" {
		t.Errorf("%+v %v", full.Logo, err)
	}
	// What was read may be sent back.
	s.do("PUT", "/admin/v1/clients/grafana", read.body).want(200, "")
	s.do("PATCH", "/admin/v1/clients/grafana", `{"logo_uri":null,"idp":{"brand_color":null}}`).want(200, "")
	if events := s.do("GET", "/admin/v1/audit-events?client_id=grafana", nil).want(200, ""); strings.Contains(events.body, "token=") || !strings.Contains(events.body, "logo.png") {
		t.Error(events.body)
	}
}

// The audit log tells that an image was changed, not the image.
func TestImageInTheRegistrationIsNotInTheAuditLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := grafana()
	c["logo_uri"] = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	s.do("POST", "/admin/v1/clients", c).want(201, "")
	if events := s.do("GET", "/admin/v1/audit-events?client_id=grafana", nil).want(200, ""); strings.Contains(events.body, "base64") || !strings.Contains(events.body, "(image)") {
		t.Error(events.body)
	}
}
