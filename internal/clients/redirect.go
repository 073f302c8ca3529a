package clients

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"near-idp/internal/idp"
)

const (
	maxRedirectURIs = 50
	maxRedirectURI  = 2048 // bytes
)

// loopback are the hosts whose http redirect URIs may name any port, since a
// native application listens on whichever is free (RFC 8252 section 7.3, and
// localhost, which section 8.3 discourages but applications use).
var loopback = []string{"127.0.0.1", "[::1]", "localhost"}

// dangerous schemes run or open something in the browser itself.
var dangerous = []string{"javascript", "data", "file", "blob", "vbscript", "about", "filesystem", "view-source", "ws", "wss", "ftp"}

// MatchRedirect reports whether given is one of the registered redirect URIs.
// The comparison is exact, byte by byte (RFC 9700 section 4.1.3), but for the
// port of an http URI on 127.0.0.1, [::1] or localhost.
func MatchRedirect(registered []string, given string) bool {
	if slices.Contains(registered, given) {
		return true
	}
	host, rest, ok := cutLoopback(given)
	if !ok {
		return false
	}
	return slices.ContainsFunc(registered, func(uri string) bool {
		h, r, ok := cutLoopback(uri)
		return ok && h == host && r == rest
	})
}

// cutLoopback splits an http loopback URI into its host and what follows the
// port. It reads the text itself: a URL parser that differs from the
// browser's is how userinfo and backslashes pass such checks.
func cutLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	for _, host := range loopback {
		rest, ok := strings.CutPrefix(after, host)
		if !ok {
			continue
		}
		if port, found := strings.CutPrefix(rest, ":"); found {
			digits := strings.IndexFunc(port, func(r rune) bool { return r < '0' || r > '9' })
			if digits < 0 {
				digits = len(port)
			}
			n, err := strconv.ParseUint(port[:digits], 10, 16)
			if err != nil || n == 0 || port[0] == '0' {
				return "", "", false
			}
			rest = port[digits:]
		}
		return host, rest, rest == "" || rest[0] == '/' || rest[0] == '?'
	}
	return "", "", false
}

// Origin returns the web origin (RFC 6454) of a redirect URI as browsers write
// it in the Origin header, or "" for a URI that no web page can have.
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		host = strings.TrimSuffix(strings.TrimSuffix(host, port), ":")
	}
	return u.Scheme + "://" + host
}

// OriginAllowed reports whether origin is that of a redirect URI which the
// client could use, so that its pages may read answers meant for the client.
func OriginAllowed(c *idp.Client, origin string) bool {
	return slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return sameOrigin(Origin(uri), origin) })
}

// RedirectAt returns the redirect URI that a request from a page of this origin amounts
// to: the given one, or the first registered one of the origin if none is given. It is "" if
// the client has none there, so that no page asks in the name of another's client.
func RedirectAt(registered []string, origin, given string) string {
	if given != "" {
		if origin != "" && Origin(given) == origin && MatchRedirect(registered, given) {
			return given
		}
		return ""
	}
	i := slices.IndexFunc(registered, func(uri string) bool { return sameOrigin(Origin(uri), origin) })
	if i < 0 {
		return ""
	}
	return registered[i]
}

func sameOrigin(registered, origin string) bool {
	if registered == "" {
		return false
	}
	if registered == origin {
		return true
	}
	host, rest, ok := cutLoopback(registered)
	given, after, also := cutLoopback(origin)
	return ok && also && host == given && rest == "" && after == ""
}

// checkRedirectURI returns what is wrong with a redirect URI, and what to do.
func checkRedirectURI(uri string, public bool) error {
	if err := checkCharacters(uri); err != nil {
		return err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return errors.New("is not a URI: write for example https://app.example.com/callback")
	}
	switch {
	case u.Scheme == "":
		return errors.New("is relative: write the whole URI, for example https://app.example.com/callback")
	case slices.Contains(dangerous, u.Scheme):
		return fmt.Errorf("has the scheme %s, which would hand what is sent there to whoever wrote the URI: use https", u.Scheme)
	case u.User != nil:
		return errors.New("has a user name or password before the host: remove it")
	case dotSegments(u):
		return errors.New(`has "." or ".." in its path: write the path that they lead to`)
	case u.Scheme == "https" || u.Scheme == "http":
		return checkWeb(u)
	case !strings.Contains(u.Scheme, "."):
		return fmt.Errorf("has the scheme %s, which any application could claim: use a reversed domain name of yours such as com.example.app (RFC 8252 section 7.1)", u.Scheme)
	case !public:
		return fmt.Errorf("has the private-use scheme %s, which only native applications have: set token_endpoint_auth_method to %q, or use https", u.Scheme, idp.AuthNone)
	}
	return nil
}

func checkCharacters(uri string) error {
	switch {
	case uri == "":
		return errors.New("is empty: write for example https://app.example.com/callback")
	case len(uri) > maxRedirectURI:
		return fmt.Errorf("has %d bytes: at most %d are allowed", len(uri), maxRedirectURI)
	case strings.Contains(uri, "#"):
		return errors.New("has a fragment: remove the # and what follows (RFC 6749 section 3.1.2)")
	case strings.Contains(uri, "*"):
		return errors.New("has a wildcard: register each URI, since they are compared exactly")
	}
	for _, b := range []byte(uri) {
		if b <= ' ' || b > '~' || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			return fmt.Errorf("has the character %q: percent-encode it in a path, write a host in punycode (xn--)", b)
		}
	}
	return nil
}

// dotSegments looks behind percent-encoding too, since servers do.
func dotSegments(u *url.URL) bool {
	path := u.Path
	if u.Opaque != "" {
		path, _ = url.PathUnescape(u.Opaque)
	}
	return slices.ContainsFunc(strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }),
		func(segment string) bool { return segment == "." || segment == ".." })
}

func checkWeb(u *url.URL) error {
	if u.Opaque != "" || u.Hostname() == "" {
		return fmt.Errorf("has no host: write %s://host/path", u.Scheme)
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return fmt.Errorf("has the port %q: it must be a number from 1 to 65535", port)
		}
	}
	host := strings.ToLower(u.Hostname())
	if !hostSyntax(host, strings.HasPrefix(u.Host, "[")) {
		return fmt.Errorf("has the host %q, which is neither a domain name nor an IP address", u.Hostname())
	}
	if u.Scheme == "http" && host != "127.0.0.1" && host != "::1" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return errors.New("is http: use https, since anybody on the way could read what is sent there; http is for 127.0.0.1, [::1] and localhost only")
	}
	return nil
}

// hostSyntax accepts what every URL parser reads as the same host: names of
// which the last label is no number, dotted IPv4, and bracketed IPv6.
func hostSyntax(host string, bracketed bool) bool {
	addr, err := netip.ParseAddr(host)
	if bracketed || err == nil {
		return err == nil && addr.Zone() == "" && bracketed == addr.Is6()
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(host) <= 253 && (last[0] < '0' || last[0] > '9')
}
