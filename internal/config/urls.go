package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	// hostName is a DNS name in lower-case ASCII (RFC 1123 section 2.1).
	hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	// issuerPath is what needs no escaping anywhere, so that every client spells it alike.
	issuerPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
)

// parseIssuer checks the issuer. Clients compare it byte for byte (OpenID
// Connect Discovery section 4.3), so only the one normal form is accepted.
func parseIssuer(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("required: write the public address of the provider, such as https://id.example.com")
	}
	if len(text) > 255 {
		return nil, fmt.Errorf("%s is longer than 255 bytes", quote(text))
	}
	u, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	switch {
	case u.User != nil:
		return nil, errors.New("contains a user name or password: write the address alone, such as https://id.example.com")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, fmt.Errorf("%s has a query or a fragment, which an issuer must not have: remove it", quote(text))
	case strings.HasSuffix(text, "/"):
		return nil, fmt.Errorf("%s ends with a slash: clients compare the issuer exactly, so write %s", quote(text), quote(strings.TrimRight(text, "/")))
	case !issuerPath.MatchString(u.EscapedPath()):
		return nil, fmt.Errorf("%s has a path with something else than letters, digits and . _ - between single slashes", quote(text))
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
		return nil, fmt.Errorf("%s names the default port: remove :%s", quote(text), u.Port())
	case u.Scheme == "http" && !isLoopback(host):
		return nil, fmt.Errorf("%s is not https: http is accepted on loopback hosts only (localhost, 127.0.0.1, [::1])", quote(text))
	case u.String() != text:
		return nil, fmt.Errorf("%s is not in its normal form: write %s", quote(text), quote(u.String()))
	}
	return u, nil
}

// parseURL reads an absolute http or https URL with a host of ASCII letters.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The cause without the text, which could hold a password.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, fmt.Errorf("%s is not an address of the web: write one such as https://id.example.com", quote(text))
	}
	if err := checkHost(u.Hostname()); err != nil {
		return nil, err
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, fmt.Errorf("%s has no such port: ports end at 65535", quote(text))
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return nil, fmt.Errorf("%s has a colon without a port: remove it", quote(text))
	}
	return u, nil
}

// checkHost accepts a DNS name in lower-case ASCII or an IP address.
func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		return nil
	}
	for _, c := range []byte(host) {
		if c >= 0x80 {
			return fmt.Errorf("the host %s is not ASCII: write its xn-- form", quote(host))
		}
	}
	if lower := strings.ToLower(host); lower != host && hostName.MatchString(lower) {
		return fmt.Errorf("the host %s has capital letters: write %s", quote(host), lower)
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return fmt.Errorf("%s is not a host name", quote(host))
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// IssuerOnLoopback reports whether the provider serves this machine alone, as in development.
func (c *Config) IssuerOnLoopback() bool {
	issuer, err := url.Parse(c.Issuer)
	return err == nil && isLoopback(issuer.Hostname())
}

func (c *Config) checkNear(p *problems, issuer *url.URL) {
	if c.Near.Network == "" {
		p.add("near.network", "required: write mainnet or testnet (the same account name belongs to different people on the two)")
	} else {
		oneOf(p, "near.network", c.Near.Network, Mainnet, Testnet)
	}
	if len(c.Near.RPC) > 10 {
		p.add("near.rpc", "lists %d endpoints: keep the 10 best", len(c.Near.RPC))
	}
	for i, endpoint := range c.Near.RPC {
		key := fmt.Sprintf("near.rpc[%d]", i)
		// The messages name the host alone, since the rest often is an API key.
		u, err := url.Parse(endpoint)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			p.add(key, "not a URL: write an endpoint such as https://free.rpc.fastnear.com")
		case checkHost(u.Hostname()) != nil:
			p.add(key, "%w", checkHost(u.Hostname()))
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			p.add(key, "http://%s is not https: whoever sits on the way could vouch for a key that is not on the account", u.Host)
		case u.Fragment != "":
			p.add(key, "the address at %s has a fragment (#…): remove it", u.Host)
		}
	}
	if c.Near.Recipient != "" { // it is empty only if the issuer is wrong, which was said
		if err := checkRecipient(c.Near.Recipient); err != nil {
			advice := "leave the key out to use the issuer's host"
			if issuer != nil && c.Near.Recipient == issuer.Hostname() {
				advice = "serve the provider on another host"
			}
			p.add("near.recipient", "%w: %s", err, advice)
		}
	}
	checkRange(p, "near.recheck_grace", c.Near.RecheckGrace, 0, 30*day)
	checkRange(p, "near.nonce_ttl", c.Near.NonceTTL, 30*time.Second, 5*time.Minute)
}

// accountSuffixes end the names of NEAR accounts and of nothing in the DNS.
var accountSuffixes = []string{"near", "testnet", "betanet", "aurora", "sweat", "kaiching"}

// evmAccount is the form of ETH-implicit and of deterministic (NEP-616) accounts.
var evmAccount = regexp.MustCompile(`^0[xs][0-9a-f]{40}$`)

// checkRecipient checks the NEP-413 recipient. Contracts such as intents.near
// move funds on a NEP-413 message whose recipient is their account, so a
// provider that asked for signatures with such a recipient would be a
// stage for theft.
func checkRecipient(recipient string) error {
	last := recipient[strings.LastIndexByte(recipient, '.')+1:]
	switch {
	case strings.HasSuffix(recipient, "intents.near"):
		return fmt.Errorf("%s moves funds by messages of the kind that people sign in with", quote(recipient))
	case slices.Contains(accountSuffixes, last), evmAccount.MatchString(recipient):
		return fmt.Errorf("%s is the name of a NEAR account, and a contract there could take a sign-in for an order to move funds", quote(recipient))
	case len(recipient) > 64:
		return fmt.Errorf("%s is longer than 64 bytes, more than a hardware wallet shows", quote(recipient))
	case strings.ContainsAny(recipient, "/:@?#"):
		if ip, err := netip.ParseAddr(recipient); err != nil || !ip.Is6() {
			return fmt.Errorf("%s is not a bare host such as id.example.com, without scheme, port and path", quote(recipient))
		}
	}
	return checkHost(recipient)
}
