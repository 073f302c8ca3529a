package clients

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// R01: a redirect URI is the registered one, byte for byte.
func TestRedirectURIMatchesExactly(t *testing.T) {
	t.Parallel()
	registered := []string{"https://app.example.com/cb", "https://app.example.com/q?a=1", "com.example.app:/cb", "https://127.0.0.1/cb"}
	for _, uri := range registered {
		if !MatchRedirect(registered, uri) {
			t.Errorf("%s: refused", uri)
		}
	}
	for attack, uri := range map[string]string{
		"empty":                     "",
		"suffix":                    "https://app.example.com/cb/evil",
		"suffix without slash":      "https://app.example.com/cbevil",
		"prefix":                    "https://app.example.com/c",
		"prefix of the host":        "https://evil-app.example.com/cb",
		"suffix of the host":        "https://app.example.com.evil.com/cb",
		"case of the path":          "https://app.example.com/CB",
		"case of the host":          "https://APP.example.com/cb",
		"case of the scheme":        "HTTPS://app.example.com/cb",
		"trailing slash":            "https://app.example.com/cb/",
		"percent-encoding":          "https://app.example.com/%63b",
		"dot segment":               "https://app.example.com/x/../cb",
		"encoded dot segment":       "https://app.example.com/%2e%2e/cb",
		"userinfo":                  "https://app.example.com@evil.com/cb",
		"userinfo before the host":  "https://evil@app.example.com/cb",
		"backslash":                 `https://evil.com\@app.example.com/cb`,
		"added query":               "https://app.example.com/cb?x=1",
		"changed query":             "https://app.example.com/q?a=2",
		"dropped query":             "https://app.example.com/q",
		"added fragment":            "https://app.example.com/cb#x",
		"default port":              "https://app.example.com:443/cb",
		"another port":              "https://app.example.com:8443/cb",
		"http for https":            "http://app.example.com/cb",
		"white space":               " https://app.example.com/cb",
		"line feed":                 "https://app.example.com/cb\n",
		"port of an https loopback": "https://127.0.0.1:8443/cb",
		"http of an https loopback": "http://127.0.0.1/cb",
		"another custom scheme":     "com.example.evil:/cb",
		"custom scheme with host":   "com.example.app://cb",
	} {
		if MatchRedirect(registered, uri) {
			t.Errorf("%s: %s accepted", attack, uri)
		}
	}
}

// R02: a native application picks its port on loopback, and nothing else of the URI.
func TestLoopbackRedirectMayNameAnyPortAndNothingElse(t *testing.T) {
	t.Parallel()
	registered := []string{"http://127.0.0.1/cb", "http://[::1]:9/cb", "http://localhost:3000/cb?x=1", "http://app.localhost:3000/cb"}
	for _, uri := range []string{
		"http://127.0.0.1:49152/cb", "http://127.0.0.1:80/cb", "http://127.0.0.1:65535/cb", "http://[::1]/cb", "http://[::1]:1/cb",
		"http://localhost:3001/cb?x=1", "http://localhost/cb?x=1", "http://app.localhost:3000/cb",
	} {
		if !MatchRedirect(registered, uri) {
			t.Errorf("%s: refused", uri)
		}
	}
	for _, uri := range []string{
		"http://127.0.0.1.evil.com/cb", "http://127.0.0.1:80.evil.com/cb", "http://127.0.0.1:@evil.com/cb", "http://127.0.0.1:80@evil.com/cb",
		`http://127.0.0.1:80\@evil.com/cb`, "http://user@127.0.0.1:80/cb", "http://127.0.0.1@evil.com/cb",
		"http://localhost.evil.com/cb?x=1", "http://localhost:1.evil.com/cb?x=1", "http://localhostevil/cb?x=1", "http://LOCALHOST:1/cb?x=1",
		"http://localhost.:1/cb?x=1", "http://localhost:1/cb", "http://localhost:1/cb?x=2", "http://localhost:1/cb?x=1&y=2", "http://localhost:1/cb?x=1#f",
		"https://localhost:1/cb?x=1", "https://127.0.0.1:1/cb", "http://[::1]:1/cb/", "http://[::1%25lo]:1/cb", "http://[::1].evil.com/cb", "http://[0:0:0:0:0:0:0:1]:1/cb",
		"http://127.0.0.1:/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:080/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:+80/cb", "http://127.0.0.1:99999999999999999999/cb",
		"http://127.0.0.2:1/cb", "http://127.1:1/cb", "http://2130706433:1/cb", "http://0.0.0.0:1/cb", "http://localhost:1/CB?x=1",
		"http://localhost:1/x/../cb?x=1", "http://app.localhost:3001/cb", "http://[::1]:1/cb?", "http://127.0.0.1:1/%63b",
	} {
		if MatchRedirect(registered, uri) {
			t.Errorf("%s: accepted", uri)
		}
	}
}

// R05: what could send a code to anybody else is not registered.
func TestRegistrationRefusesDangerousRedirectURIs(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"", "/cb", "//evil.com/cb", "app.example.com/cb", "https:", "https:/cb", "https:///cb", "https:app", "https://?x", "https://:443/cb",
		"http://app.example.com/cb", "http://127.0.0.1.evil.com/cb", "http://localhost.evil.com/cb", "http://notlocalhost/cb", "http://127.0.0.2/cb", "http://127.1/cb",
		"http://2130706433/cb", "http://0x7f.1/cb", "http://0/cb", "http://[::]/cb", "http://[::ffff:127.0.0.1]/cb", "http://[::1%25lo0]/cb", "http://localhost./cb",
		"https://app.example.com/cb#", "https://app.example.com/cb#frag", "https://user@app.example.com/cb", "https://user:pw@app.example.com/cb", "https://@app.example.com/cb",
		"https://*.example.com/cb", "https://app.example.com/*", "https://app.example.com/cb?next=*",
		"https://app.example.com/a/../cb", "https://app.example.com/%2e%2e/cb", "https://app.example.com/..%2fcb", "https://app.example.com/..%5Ccb", "https://app.example.com/./cb", "https://app.example.com/..",
		"https://app.example.com/c b", " https://app.example.com/cb", "https://app.example.com/cb\n", "https://app.example.com/\x00", "https://app.example.com/\t", "https://app.example.com/é",
		"https://exämple.com/cb", `https://app.example.com\cb`, "https://app.example.com/<script>", `https://app.example.com/"`, "https://app.example.com/%zz",
		"https://app.example.com:0/cb", "https://app.example.com:/cb", "https://app.example.com:65536/cb", "https://app.example.com:abc/cb", "https://app..example.com/cb", "https://app.example.com./cb",
		"https://a%2eb/cb", "https://1.2.3/cb", "https://999.1.1.1/cb", "https://[fe80::1%25eth0]/cb", "https://app.example.com/" + strings.Repeat("a", maxRedirectURI),
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "blob:https://x", "vbscript:x", "about:blank", "ftp://x.example.com/",
		"myapp:/cb", "myapp://cb", "intent://x", "com.example.app:/a/../cb", "com.example.app:../cb", "com.example.app://u@h/cb",
	} {
		for _, public := range []bool{true, false} {
			if err := checkRedirectURI(uri, public); err == nil {
				t.Errorf("%q (public %v): accepted", uri, public)
			}
		}
	}
	for _, uri := range []string{
		"https://app.example.com/cb", "https://app.example.com", "https://app.example.com:8443/a/b?c=d&e=%20", "https://xn--exmple-cua.com/cb", "https://10.0.0.1/cb", "https://[2001:db8::1]:8443/cb",
		"http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://[::1]:8080/cb", "http://localhost:5556/auth", "http://demo.localhost:3000/cb",
		"https://kc.example.com/realms/x/broker/near/endpoint", "https://intra/cb", "https://app.example.com/a..b/c", "https://my_host.example.com/cb",
	} {
		if err := checkRedirectURI(uri, false); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// R08: a private-use scheme is a reversed domain, with its dot, of a public client.
func TestPrivateUseSchemesAreForNativeApplications(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"com.example.app:/cb", "com.example.app://oauth/cb", "com.example.app:cb"} {
		if err := checkRedirectURI(uri, true); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		if err := checkRedirectURI(uri, false); err == nil || !strings.Contains(err.Error(), idp.AuthNone) {
			t.Errorf("%s for a confidential client: %v", uri, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://app.example.com/cb":      "https://app.example.com",
		"https://app.example.com:443/cb":  "https://app.example.com",
		"https://app.example.com:8443/cb": "https://app.example.com:8443",
		"https://App.Example.com/cb":      "https://app.example.com",
		"https://xn--exmple-cua.com/cb":   "https://xn--exmple-cua.com",
		"http://localhost:80/cb":          "http://localhost",
		"http://127.0.0.1:3000/cb":        "http://127.0.0.1:3000",
		"http://[::1]:3000/cb":            "http://[::1]:3000",
		"http://[::1]/cb":                 "http://[::1]",
		"com.example.app://host/cb":       "",
		"com.example.app:/cb":             "",
		"":                                "",
	} {
		if got := Origin(uri); got != want {
			t.Errorf("Origin(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestOnlyOriginsOfTheClientsOwnPagesAreAllowed(t *testing.T) {
	t.Parallel()
	c := &idp.Client{RedirectURIs: []string{"https://app.example.com/cb", "http://localhost:5173/cb", "com.example.app:/cb"}}
	for origin, want := range map[string]bool{
		"https://app.example.com":           true,
		"http://localhost:5173":             true,
		"http://localhost:5174":             true, // as MatchRedirect allows
		"":                                  false,
		"null":                              false,
		"https://app.example.com:8443":      false,
		"https://app.example.com/":          false,
		"http://app.example.com":            false,
		"https://APP.example.com":           false,
		"https://app.example.com.evil.com":  false,
		"https://evil.com":                  false,
		"https://localhost:5173":            false,
		"http://localhost.evil.com:5173":    false,
		"http://localhost:5173/cb":          false,
		"http://127.0.0.1:5173":             false,
		"com.example.app:":                  false,
		"http://localhost:5173@evil.com":    false,
		"https://app.example.com, https://": false,
	} {
		if got := OriginAllowed(c, origin); got != want {
			t.Errorf("%q: %v", origin, got)
		}
	}
}

// The page that asks and the address that it names are one application's, whatever else is registered.
func TestRedirectOfAnotherOriginIsNotThePages(t *testing.T) {
	registered := []string{"com.example.app:/cb", "https://app.example.com/cb", "https://app.example.com/two", "https://other.example.com/cb", "http://localhost/cb"}
	for _, tt := range []struct{ origin, given, want string }{
		{"https://app.example.com", "", "https://app.example.com/cb"},
		{"https://app.example.com", "https://app.example.com/two", "https://app.example.com/two"},
		{"https://app.example.com", "https://app.example.com/three", ""},
		{"https://app.example.com", "https://other.example.com/cb", ""},
		{"https://app.example.com:8443", "", ""},
		{"http://app.example.com", "", ""},
		{"http://localhost:5173", "", "http://localhost/cb"},
		{"http://localhost:5173", "http://localhost:5173/cb", "http://localhost:5173/cb"},
		{"http://localhost:5173", "http://localhost:8080/cb", ""},
		{"http://127.0.0.1:5173", "", ""},
		{"com.example.app:", "", ""},
		{"com.example.app:", "com.example.app:/cb", ""},
		{"null", "", ""},
		{"", "", ""},
		{"", "com.example.app:/cb", ""},
	} {
		if got := RedirectAt(registered, tt.origin, tt.given); got != tt.want {
			t.Errorf("%q for a page of %q: %q, want %q", tt.given, tt.origin, got, tt.want)
		}
	}
}
