package near

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
)

// DefaultProviders lists public RPC endpoints of a network in the order to ask
// them, or nil for a network that has none. rpc.*.near.org is absent: it is
// deprecated and heavily limited.
func DefaultProviders(network string) []string {
	return slices.Clone(map[string][]string{
		"mainnet": {
			"https://free.rpc.fastnear.com",
			"https://near.drpc.org",
			"https://near.lava.build",
			"https://1rpc.io/near",
		},
		"testnet": {
			"https://rpc.testnet.fastnear.com",
			"https://test.rpc.fastnear.com",
		},
	}[network])
}

// parseProviderURL never repeats the URL in its error: the path, the query or
// the userinfo may hold an API key.
func parseProviderURL(text string, plainHTTP bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("not an absolute https URL")
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("%s: has a fragment", u.Host)
	}
	if u.Scheme == "http" && !plainHTTP && !isLoopback(u.Hostname()) {
		return nil, fmt.Errorf("%s: plain http lets anybody on the path decide who signs in; use https", u.Host)
	}
	return u, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
