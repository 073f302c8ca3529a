package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// H02: a visitor who writes X-Forwarded-For himself is still logged and limited by the
// address that he has.
func TestForwardedAddressIsTakenFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	s := &server{Options: Options{TrustedProxy: func(addr netip.Addr) bool {
		return netip.MustParsePrefix("10.0.0.0/8").Contains(addr) || netip.MustParsePrefix("2001:db8:aa::/48").Contains(addr)
	}}}
	for _, tt := range []struct {
		name, from string
		forwarded  []string
		want       string
	}{
		{"direct", "192.0.2.1:1234", nil, "192.0.2.1"},
		{"spoofed directly", "192.0.2.1:1234", []string{"203.0.113.9"}, "192.0.2.1"},
		{"one proxy", "10.1.2.3:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"spoofed through the proxy", "10.1.2.3:1234", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"spoofed in a header of its own", "10.1.2.3:1234", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"spoofed as a trusted proxy", "10.1.2.3:1234", []string{"198.51.100.1, 10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.1.2.3:1234", []string{"203.0.113.9, 10.4.5.6"}, "203.0.113.9"},
		{"proxies alone", "10.1.2.3:1234", []string{"10.4.5.6"}, "10.4.5.6"},
		{"no header", "10.1.2.3:1234", nil, "10.1.2.3"},
		{"garbage ends the chain", "10.1.2.3:1234", []string{"203.0.113.9, unknown"}, "10.1.2.3"},
		{"garbage in the middle", "10.1.2.3:1234", []string{"203.0.113.9, x, 10.4.5.6"}, "10.4.5.6"},
		{"with ports", "10.1.2.3:1234", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		{"IPv6", "[2001:db8:aa::1]:1234", []string{"2001:db8:bb::7"}, "2001:db8:bb::7"},
		{"IPv6 with port", "[2001:db8:aa::1]:1234", []string{"[2001:db8:bb::7]:99"}, "2001:db8:bb::7"},
		{"IPv4 in IPv6", "[::ffff:10.1.2.3]:1234", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a zone", "10.1.2.3:1234", []string{"fe80::1%eth0"}, "fe80::1"},
		{"a zone with a port", "10.1.2.3:1234", []string{"[fe80::1%25eth0]:99"}, "fe80::1"},
		{"empty elements", "10.1.2.3:1234", []string{",,,"}, "10.1.2.3"},
		{"an empty header", "10.1.2.3:1234", []string{""}, "10.1.2.3"},
		{"no address at all", "10.1.2.3:1234", []string{"\x00\xff; DROP TABLE"}, "10.1.2.3"},
		{"a network", "10.1.2.3:1234", []string{"203.0.113.0/24"}, "10.1.2.3"},
		{"an octal number", "10.1.2.3:1234", []string{"0203.0.113.9"}, "10.1.2.3"},
		{"many headers", "10.1.2.3:1234", append(slices.Repeat([]string{"198.51.100.1"}, 500), "203.0.113.9"), "203.0.113.9"},
		{"64 KB of one hop", "10.1.2.3:1234", []string{strings.Repeat("9", 64<<10)}, "10.1.2.3"},
		{"64 KB of strangers", "10.1.2.3:1234", []string{strings.Repeat("198.51.100.1,", 5000) + "203.0.113.9"}, "203.0.113.9"},
		{"a flood of hops", "10.1.2.3:1234", []string{"203.0.113.9" + strings.Repeat(", 10.0.0.1", 9000)}, "10.0.0.1"},
		{"no address", "@", []string{"203.0.113.9"}, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.from
		r.Header = http.Header{"X-Forwarded-For": tt.forwarded, "Forwarded": {"for=198.51.100.77"}, "X-Real-Ip": {"198.51.100.78"}}
		if got := s.clientAddress(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// H02: neither scheme nor host come from headers, whoever sends them.
func TestForwardedProtoAndHostChangeNothing(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"192.0.2.1:1234", "10.1.2.3:1234"} {
		for _, issuer := range []string{testIssuer, "http://localhost:8080"} {
			s := newSite(t, func(o *Options) { o.Issuer = issuer })
			w := s.send("GET", "/authorize?client_id=app", "", header("X-Forwarded-Proto", "ftp"), header("X-Forwarded-Host", "evil.example"),
				header("Forwarded", "proto=http;host=evil.example"), header("X-Forwarded-Prefix", "/evil"), func(r *http.Request) { r.RemoteAddr, r.Host = from, "evil.example" })
			secure := strings.HasPrefix(issuer, "https")
			if hsts := w.Header().Get("Strict-Transport-Security") != ""; hsts != secure {
				t.Errorf("%s from %s: HSTS %v", issuer, from, hsts)
			}
			if c := w.Result().Cookies(); len(c) != 1 || c[0].Secure != secure || w.Header().Get("Location") != "/login/"+testID {
				t.Errorf("%s from %s: %v", issuer, from, w.Header())
			}
		}
	}
}

func TestLogNamesTheClientsAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for from, want := range map[string]string{"192.0.2.1:1234": "192.0.2.1", "10.1.2.3:1234": "203.0.113.9"} {
		s.log.Reset()
		s.send("GET", "/", "", header("X-Forwarded-For", "203.0.113.9"), func(r *http.Request) { r.RemoteAddr = from })
		if got := lines(t, s); got[0]["client"] != want {
			t.Errorf("%v, want %s", got[0], want)
		}
	}
}

func TestLimitsCountNetworks(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:db8:1:2:3::4": "2001:db8:1:2::/64"} {
		if got := network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s counts as %s, want %s", addr, got, want)
		}
	}
	if got := network(netip.Addr{}); got != "" {
		t.Errorf("nobody counts as %q", got)
	}
}
