package config

import (
	"io"
	"net/url"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// longSegment is a part of a path that may well be an API key.
var longSegment = regexp.MustCompile(`[^/]{16,}`)

// Print writes the effective configuration as YAML, every default filled in
// and every secret, those inside RPC addresses included, replaced by "[redacted]".
func (c *Config) Print(w io.Writer) error {
	shown := *c
	shown.Near.RPC = slices.Clone(c.Near.RPC)
	for i, endpoint := range shown.Near.RPC {
		shown.Near.RPC[i] = redactURL(endpoint)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&shown); err != nil {
		return err
	}
	return enc.Close()
}

func redactURL(text string) string {
	const redacted = "[redacted]"
	u, err := url.Parse(text)
	if err != nil {
		return redacted
	}
	out := u.Scheme + "://"
	if u.User != nil {
		out += redacted + "@"
	}
	out += u.Host + longSegment.ReplaceAllString(u.EscapedPath(), redacted)
	if u.RawQuery != "" {
		out += "?" + redacted
	}
	return out
}
