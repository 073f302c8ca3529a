package doctor_test

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"near-idp/internal/doctor"
)

// A provider answers as one that is well, but for what a test spoils.
type provider struct {
	issuer   string
	metadata map[string]any
	header   func(http.Header)
	status   int // of discovery
	keys     string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", "1")
	w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(p.metadata)
		return
	case "/jwks":
		_, _ = w.Write([]byte(p.keys))
		return
	case "/account":
		http.SetCookie(w, &http.Cookie{Name: "__Host-idp_login", Value: "x", Path: "/", Secure: true, HttpOnly: true})
		w.Header().Set("Location", "/login/x")
	}
	if p.header != nil {
		p.header(w.Header())
	}
	if w.Header().Get("Location") != "" {
		w.WriteHeader(http.StatusSeeOther)
	}
}

func visit(t *testing.T, spoil func(*provider), change func(*doctor.Visitor)) map[string]doctor.Result {
	t.Helper()
	p := &provider{status: http.StatusOK, keys: `{"keys":[{"alg":"RS256"}]}`}
	server := httptest.NewTLSServer(p)
	t.Cleanup(server.Close)
	p.issuer = server.URL
	p.metadata = map[string]any{"issuer": server.URL, "jwks_uri": server.URL + "/jwks"}
	spoil(p)
	v := &doctor.Visitor{Issuer: server.URL, Roots: x509.NewCertPool()}
	v.Roots.AddCert(server.Certificate())
	change(v)
	results := map[string]doctor.Result{}
	for _, r := range v.Visit(t.Context()) {
		results[r.Check] = r
	}
	return results
}

func nothing(*provider)         {}
func unchanged(*doctor.Visitor) {}

func TestEverythingIsWell(t *testing.T) {
	t.Parallel()
	for _, r := range visit(t, nothing, unchanged) {
		if r.State != doctor.OK || r.Remedy != "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestEachFaultHasItsRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check, detail, remedy string
		spoil                 func(*provider)
		change                func(*doctor.Visitor)
	}{
		"unknown host": {"dns", "", "Create an A or AAAA record for nowhere.invalid", nothing, func(v *doctor.Visitor) { v.Issuer = "https://nowhere.invalid" }},
		"authority":    {"tls", "unknown authority", "intermediate certificates", nothing, func(v *doctor.Visitor) { v.Roots = x509.NewCertPool() }},
		"other name":   {"tls", "", "get one for localhost", nothing, func(v *doctor.Visitor) { v.Issuer = strings.Replace(v.Issuer, "127.0.0.1", "localhost", 1) }},
		"closed port":  {"tls", "refused", "firewall", nothing, func(v *doctor.Visitor) { v.Issuer = "https://127.0.0.1:1" }},
		"redirect":     {"discovery", "redirects to https://elsewhere", "follow no redirect", func(p *provider) { p.status = http.StatusMovedPermanently }, unchanged},
		"proxy's 404":  {"discovery", "404", "pass every path", func(p *provider) { p.status = http.StatusNotFound }, unchanged},
		"other issuer": {"discovery", "calls itself https://other", "byte by byte", func(p *provider) { p.metadata["issuer"] = "https://other.example.com" }, unchanged},
		"slow clock": {"clock", "differ by", "NTP", func(p *provider) {
			p.header = func(h http.Header) { h.Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat)) }
		}, unchanged},
		"no key":       {"jwks", "no key", "signing keys", func(p *provider) { p.keys = `{"keys":[]}` }, unchanged},
		"foreign keys": {"jwks", "jwks_uri is", "unchanged", func(p *provider) { p.metadata["jwks_uri"] = "https://evil.example.com/jwks" }, unchanged},
		"cookie path": {"pages", "Path=/", "cookie settings", func(p *provider) {
			p.header = func(h http.Header) { h.Set("Set-Cookie", "__Host-idp_login=x; Path=/idp; Secure") }
		}, unchanged},
		"no cookie":    {"pages", "no cookie", "Set-Cookie", func(p *provider) { p.header = func(h http.Header) { h.Del("Set-Cookie") } }, unchanged},
		"other server": {"pages", "X-Request-Id", "listen.public", func(p *provider) { p.header = func(h http.Header) { h.Del("X-Request-Id") } }, unchanged},
		"no policy": {"pages", "Content-Security-Policy", "keep those of the provider", func(p *provider) {
			p.header = func(h http.Header) { h.Del("Location"); h.Del("Content-Security-Policy") }
		}, unchanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results := visit(t, c.spoil, c.change)
			r := results[c.check]
			if r.State != doctor.Failed || !strings.Contains(r.Detail, c.detail) || !strings.Contains(r.Remedy, c.remedy) {
				t.Errorf("%+v", r)
			}
			if last := results["pages"]; c.check != "pages" && last.State != doctor.Skipped {
				t.Errorf("after a failure: %+v", last)
			}
		})
	}
}

func TestCertificateThatEndsSoonIsAWarning(t *testing.T) {
	t.Parallel()
	// The test certificate ends in 2084.
	r := visit(t, nothing, func(v *doctor.Visitor) {
		v.Now = func() time.Time { return time.Date(2084, 1, 20, 0, 0, 0, 0, time.UTC) }
	})["tls"]
	if r.State != doctor.Warning || r.Remedy == "" {
		t.Errorf("%+v", r)
	}
}
