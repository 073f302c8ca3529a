// Package outbound makes the provider's requests to addresses that clients
// name: the keys at a jwks_uri, the logout token to a backchannel_logout_uri.
// Whoever may register a client could otherwise have the provider knock on
// doors of the operator's own network (server-side request forgery).
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrForbidden reports an address that a client may not make the provider talk to.
	ErrForbidden = errors.New("address is not allowed")
	// ErrTooLarge reports an answer with a body longer than the policy's.
	ErrTooLarge = errors.New("answer is too large")
	// ErrTimeout reports an answer that was not whole within the policy's Timeout.
	ErrTimeout = errors.New("no whole answer in time")
)

// A Policy says where requests may go and what an answer may cost.
type Policy struct {
	// AllowPrivate are networks that are not public and may be reached all the same.
	AllowPrivate []netip.Prefix
	// AllowLoopback lets requests reach this machine: for an issuer that is
	// itself on loopback, as in development.
	AllowLoopback bool
	// Timeout bounds a request from the name's resolution to the last byte of
	// the body. 0: 5 s.
	Timeout time.Duration
	// MaxBody bounds the answer's body in bytes. 0: 64 KiB.
	MaxBody int64
}

// Client returns a client that keeps to the policy. It speaks https, and http
// to loopback hosts alone; it follows no redirect, the caller sees the 3xx; it ignores
// proxies of the environment, behind which no address could be checked. The
// address is checked as it is connected to, so that a name which resolves to one
// address for the check and to another for the connection gains nothing.
func Client(p Policy) *http.Client {
	const (
		connect    = 3 * time.Second
		idle       = 30 * time.Second
		maxHeaders = 16 << 10
	)
	if p.Timeout <= 0 {
		p.Timeout = 5 * time.Second
	}
	if p.MaxBody <= 0 {
		p.MaxBody = 64 << 10
	}
	dialer := &net.Dialer{Timeout: connect, ControlContext: p.control}
	return &http.Client{
		Timeout:       p.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &guarded{p.MaxBody, &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // a small answer must not unpack to a large one
			TLSHandshakeTimeout:    connect,
			IdleConnTimeout:        idle,
			MaxIdleConnsPerHost:    1,
			MaxConnsPerHost:        8,
			MaxResponseHeaderBytes: maxHeaders,
		}},
	}
}

// Cause returns what an error of a request, or of reading its answer, may be
// shown as: without the URL, which can hold a secret of the client's, and with
// ErrTimeout for each of the ways in which net/http says that time was up.
func Cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return ErrTimeout
	}
	return err
}

// control is called with each address that is about to be connected to.
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err == nil && p.Allows(to.Addr()) {
		return nil
	}
	return fmt.Errorf("%w: %s is not public; outbound.allow_private can allow it", ErrForbidden, address)
}

// Allows reports whether a connection to the address may be made.
func (p Policy) Allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, network := range p.AllowPrivate {
		if network.Contains(addr) {
			return true
		}
	}
	if addr.IsLoopback() {
		return p.AllowLoopback
	}
	return public(addr)
}

// notPublic are the networks that IANA's special-purpose registries keep off
// the internet, as far as netip's own predicates do not name them.
var notPublic = parse(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	translated    = netip.MustParsePrefix("64:ff9b::/96") // NAT64: the last four bytes are the address (RFC 6052)
)

func parse(list ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(list))
	for i, text := range list {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	return prefixes
}

func public(addr netip.Addr) bool {
	if translated.Contains(addr) {
		raw := addr.As16()
		addr = netip.AddrFrom4([4]byte(raw[12:]))
	}
	for _, network := range notPublic {
		if network.Contains(addr) {
			return false
		}
	}
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && (addr.Is4() || globalUnicast.Contains(addr))
}

// guarded checks the address of a request and bounds the body of its answer.
type guarded struct {
	maxBody int64
	next    http.RoundTripper
}

func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := CheckURL(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	response, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.ContentLength > g.maxBody {
		response.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, response.ContentLength, g.maxBody)
	}
	response.Body = &capped{response.Body, g.maxBody}
	return response, nil
}

// CheckURL reports why a client's URL is never fetched, whatever it resolves
// to: it is not https, nor http on a loopback host, or it names a user.
func CheckURL(u *url.URL) error {
	host := u.Hostname()
	switch {
	case host == "":
		return fmt.Errorf("%w: no host", ErrForbidden)
	case u.User != nil:
		return fmt.Errorf("%w: user name in the URL", ErrForbidden)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(host):
		return nil
	}
	return fmt.Errorf("%w: not https", ErrForbidden)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// capped fails a read past its limit instead of ending it, so that half an
// answer is never taken for a whole one.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}
