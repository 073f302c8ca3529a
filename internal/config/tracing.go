package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"

	"near-idp/internal/idp"
)

// Tracing sends what requests spend their time on to a collector (OpenTelemetry, OTLP over HTTP).
type Tracing struct {
	// Endpoint is where spans are posted as JSON, such as http://127.0.0.1:4318/v1/traces.
	// Default: none, which records nothing.
	Endpoint string `yaml:"endpoint"`
	// SampleRatio is which part of the requests is recorded, 0 to 1, unless one of
	// proxy.trusted has decided. Default 0.1.
	SampleRatio Ratio `yaml:"sample_ratio"`
	// Headers are sent to the endpoint, such as the key that it asks for. Default: none.
	Headers map[string]idp.Secret `yaml:"headers"`
}

// A Ratio is a number from 0 to 1.
type Ratio float64

// UnmarshalText reads it as in "0.25".
func (r *Ratio) UnmarshalText(text []byte) error {
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(number >= 0 && number <= 1) {
		return fmt.Errorf("%s is not a number from 0 to 1, such as 0.1", quote(string(text)))
	}
	*r = Ratio(number)
	return nil
}

// MarshalText writes it.
func (r Ratio) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(r), 'g', -1, 64), nil
}

var headerSyntax = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

func (c *Config) checkTracing(p *problems) {
	t := c.Tracing
	if t.Endpoint == "" {
		return
	}
	u, err := url.Parse(t.Endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.add("tracing.endpoint", "is not an https or http URL, such as http://127.0.0.1:4318/v1/traces")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.add("tracing.endpoint", "has a user, a query or a fragment: write keys in tracing.headers")
	}
	for name, value := range t.Headers {
		if !headerSyntax.MatchString(name) || !printableHeader(string(value)) {
			p.add("tracing.headers", "%s is not a header with a value of printable characters", quote(name))
		}
	}
}

func printableHeader(value string) bool {
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return false
		}
	}
	return value != ""
}
