package presets

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// checkBase returns where an application lives without trailing slashes. Only
// characters that mean nothing to any of the formats of snippets are let through.
func checkBase(base string) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("is %q, which %s", shorten(base), why) }
	if strings.ContainsFunc(base, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}$()*;,!", r) }) {
		return bad("has characters that no address of an application has: write for example https://app.example.com")
	}
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return bad("is not an absolute URL: write for example https://app.example.com")
	}
	switch {
	case u.User != nil:
		return bad("has a user name or password before the host: remove it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(base, "#"):
		return bad("has a query or a fragment: write where the application begins, such as https://app.example.com")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return bad("is http: use https, since anybody on the way could read what is sent there; http is for localhost alone")
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("has the scheme " + u.Scheme + ": use https")
	}
	return strings.TrimRight(base, "/"), nil
}

func loopback(host string) bool {
	return slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, host) || strings.HasSuffix(host, ".localhost")
}

// base returns where the application of c lives: what the registration says, or
// else what its redirect URI begins with.
func (p *Preset) base(c *idp.Client) (string, error) {
	if c.ClientURI != "" {
		base, err := checkBase(c.ClientURI)
		if err != nil {
			return "", fmt.Errorf("client_uri %w", err)
		}
		return base, nil
	}
	if p.callback != "" {
		for _, uri := range c.RedirectURIs {
			if base, ok := strings.CutSuffix(uri, p.callback); ok {
				return checkBase(base)
			}
		}
	}
	if !p.NeedsURL {
		return "", nil
	}
	return "", errors.New("it has no client_uri, which says where the application lives: set it, for example to " + p.Example)
}

// shorten keeps what somebody typed from filling a message.
func shorten(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}
