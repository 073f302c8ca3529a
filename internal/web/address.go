package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how much of X-Forwarded-For is read; no real chain of proxies is longer.
const maxHops = 32

// clientAddress is who sent a request, for logs and limits: the other end of
// the connection or, where that is a trusted proxy, the last address in X-Forwarded-For
// that is not one. What stands before it was written by the sender, who could claim to be
// anybody (RFC 9700 section 4.13). Forwarded, X-Real-IP, X-Forwarded-Proto and
// X-Forwarded-Host are not read from anybody: the issuer says how we are reached.
// The zero Addr is an unknown sender.
func (s *server) clientAddress(r *http.Request) netip.Addr {
	addr := peer(r)
	if !s.isTrustedProxy(addr) {
		return addr
	}
	rest := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for range maxHops { // from the end, which our own proxies wrote
		cut := strings.LastIndexByte(rest, ',')
		hop, ok := parseHop(rest[cut+1:])
		if !ok {
			return addr // nobody vouches for what stands before it
		}
		if addr = hop; cut < 0 || !s.isTrustedProxy(addr) {
			return addr
		}
		rest = rest[:cut]
	}
	return addr
}

// parseHop reads an element of X-Forwarded-For; some proxies write a port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if pair, err := netip.ParseAddrPort(text); err == nil {
		return pair.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// peer is the other end of the connection.
func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func (s *server) isTrustedProxy(addr netip.Addr) bool {
	return s.TrustedProxy != nil && s.TrustedProxy(addr)
}

// network is what limits count: an IPv4 address, or the /64 that one IPv6 sender commands.
func network(addr netip.Addr) string {
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.Masked().String()
		}
	}
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
