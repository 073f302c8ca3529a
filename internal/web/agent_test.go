package web

import (
	"net/netip"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// Y03: what people's browsers send, and the names that are stored of it.
func TestBrowserOf(t *testing.T) {
	t.Parallel()
	const webkit = "(KHTML, like Gecko) "
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 " + webkit + "Chrome/142.0.0.0 Safari/537.36":                                "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 " + webkit + "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":                  "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0":                                                                   "Firefox on Linux",
		"Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0":                                                                     "Firefox on Android",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 " + webkit + "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":            "Samsung Internet on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 " + webkit + "Version/26.0 Safari/605.1.15":                          "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 " + webkit + "CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1": "Chrome on iOS",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 " + webkit + "Chrome/142.0.0.0 Safari/537.36":                                 "Chrome on ChromeOS",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 " + webkit + "Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0":            "Opera on macOS",
		"curl/8.14.1": " on ",
		"":            " on ",
		// Nothing that was sent comes of it: markup, a turned line, or a flood.
		"<script>alert(1)</script> Firefox/1 \u202eX11":          "Firefox on Linux",
		"\xff\x00\r\nX-Evil: 1":                                  " on ",
		strings.Repeat("a", maxAgent) + " Firefox/144.0 Windows": " on ",
	} {
		got := browserOf(agent, netip.Addr{})
		if got.Name+" on "+got.System != want || got.Place != "" {
			t.Errorf("%.120q is %+v, want %s", agent, got, want)
		}
	}
}

// Of an address only its network is kept.
func TestPlaceIsNoAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "2001:db8:1:2:3:4:5:6": "2001:db8:1::/48", "::1": "::/48",
	} {
		if got := idp.Place(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is of %q, want %q", addr, got, want)
		}
	}
	if got := idp.Place(netip.Addr{}); got != "" {
		t.Errorf("no address is of %q", got)
	}
}
