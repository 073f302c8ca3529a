// Package doctor looks at a provider from outside, as a relying party and a browser do,
// and says of everything that is wrong what to do about it.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A State is what a check came to.
type State string

// The states, from good to bad.
const (
	OK      State = "ok"
	Skipped State = "skipped" // another check has failed that this one builds on
	Warning State = "warning"
	Failed  State = "failed"
)

// A Result is what one check found. One that is not OK says what to do.
type Result struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// Good is the result of a check that found nothing wrong.
func Good(check, format string, args ...any) Result {
	return Result{check, OK, fmt.Sprintf(format, args...), ""}
}

// Bad is the result of a check that failed.
func Bad(check string, err error, remedy string) Result {
	return Result{check, Failed, err.Error(), remedy}
}

const (
	timeout    = 10 * time.Second
	maxSkew    = 30 * time.Second
	renewEarly = 14 * 24 * time.Hour
	maxBody    = 1 << 20
)

// A Visitor visits a provider at its issuer.
type Visitor struct {
	Issuer string
	Now    func() time.Time // nil: time.Now
	// Roots verify its certificate; nil: those of the system.
	Roots *x509.CertPool

	client   *http.Client
	metadata map[string]any
}

// Visit checks everything that can be seen from outside, in an order in which each check
// builds on those before.
func (v *Visitor) Visit(ctx context.Context) []Result {
	if v.Now == nil {
		v.Now = time.Now
	}
	v.client = &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: v.Roots}},
	}
	issuer, err := url.Parse(v.Issuer)
	if err != nil || issuer.Host == "" {
		return []Result{Bad("issuer", fmt.Errorf("%q is not a URL", v.Issuer), "Set issuer to the public address of the provider.")}
	}
	var results []Result
	well := true
	for _, check := range []struct {
		name string
		run  func(context.Context, *url.URL) Result
	}{
		{"dns", v.dns}, {"tls", v.tls}, {"discovery", v.discovery}, {"clock", v.clock}, {"jwks", v.jwks}, {"pages", v.pages},
	} {
		result := Result{check.name, Skipped, "not looked at, since a check before it failed", ""}
		if well {
			result = check.run(ctx, issuer)
		}
		well = well && result.State != Failed
		results = append(results, result)
	}
	return results
}

func (v *Visitor) dns(ctx context.Context, issuer *url.URL) Result {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, issuer.Hostname())
	if err != nil {
		return Bad("dns", err, "Create an A or AAAA record for "+issuer.Hostname()+", or correct issuer.")
	}
	return Good("dns", "%s is %s", issuer.Hostname(), strings.Join(addresses, ", "))
}

func (v *Visitor) tls(ctx context.Context, issuer *url.URL) Result {
	if issuer.Scheme == "http" {
		return Good("tls", "none: the issuer is on this machine alone")
	}
	address := issuer.Host
	if issuer.Port() == "" {
		address = net.JoinHostPort(issuer.Hostname(), "443")
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: &tls.Config{RootCAs: v.Roots, ServerName: issuer.Hostname()}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return Bad("tls", err, tlsRemedy(err, issuer.Hostname(), address))
	}
	defer conn.Close()
	certificate := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	left := certificate.NotAfter.Sub(v.Now())
	if left < renewEarly {
		return Result{"tls", Warning, fmt.Sprintf("the certificate ends on %s", certificate.NotAfter.Format(time.DateOnly)),
			"Renew it now, and see why it was not renewed by itself."}
	}
	return Good("tls", "the certificate is good until %s", certificate.NotAfter.Format(time.DateOnly))
}

func tlsRemedy(err error, host, address string) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The certificate is for other names: get one for " + host + "."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "Send the intermediate certificates after the server's own, or have relying parties trust the authority that signed it."
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "Renew the certificate, or correct this machine's clock."
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "Whatever listens on " + address + " speaks plain HTTP: set listen.tls, or put a proxy that speaks TLS in front."
	}
	return "See that " + address + " is reachable from here: firewall, port mapping, and that the proxy or the provider runs."
}

// read fetches a document of the provider.
func (v *Visitor) read(ctx context.Context, address string) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := v.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return response, body, err
}

func (v *Visitor) discovery(ctx context.Context, _ *url.URL) Result {
	address := v.Issuer + "/.well-known/openid-configuration"
	response, body, err := v.read(ctx, address)
	switch {
	case err != nil:
		return Bad("discovery", err, "See that the provider runs and that "+v.Issuer+" leads to listen.public.")
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return Bad("discovery", fmt.Errorf("%s redirects to %s", address, response.Header.Get("Location")),
			"Relying parties follow no redirect here: have the proxy pass the request on, or set issuer to where people end up.")
	case response.StatusCode != http.StatusOK:
		return Bad("discovery", fmt.Errorf("%s answers %s", address, response.Status), "Have the proxy pass every path below "+v.Issuer+" to listen.public, unchanged.")
	}
	if err := json.Unmarshal(body, &v.metadata); err != nil {
		return Bad("discovery", fmt.Errorf("%s is not JSON: %w", address, err), "Something else answers there: have the proxy pass the request to listen.public.")
	}
	if got := v.metadata["issuer"]; got != v.Issuer {
		return Bad("discovery", fmt.Errorf("the provider at %s calls itself %v", v.Issuer, got),
			"Relying parties compare the two byte by byte: set issuer to the address that they use.")
	}
	return Good("discovery", "%s names the same issuer", address)
}

func (v *Visitor) clock(ctx context.Context, _ *url.URL) Result {
	before := v.Now()
	response, _, err := v.read(ctx, v.Issuer+"/healthz")
	if err != nil {
		return Bad("clock", err, "See that the provider runs.")
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return Result{"clock", Warning, "the answer has no Date", "Have the proxy keep the Date header."}
	}
	middle := before.Add(v.Now().Sub(before) / 2)
	if skew := date.Sub(middle).Abs().Truncate(time.Second); skew > maxSkew {
		return Result{"clock", Failed, fmt.Sprintf("the provider's clock and this machine's differ by %s", skew),
			"Tokens would be refused as expired or not yet valid: let NTP set both clocks."}
	}
	return Good("clock", "the provider's agrees with this machine's")
}

func (v *Visitor) jwks(ctx context.Context, _ *url.URL) Result {
	address, _ := v.metadata["jwks_uri"].(string)
	if !strings.HasPrefix(address, v.Issuer+"/") {
		return Bad("jwks", fmt.Errorf("jwks_uri is %q", address), "Something rewrites the discovery document: have the proxy pass it on unchanged.")
	}
	response, body, err := v.read(ctx, address)
	var set struct {
		Keys []struct {
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", address, response.Status)
	}
	if err == nil {
		err = json.Unmarshal(body, &set)
	}
	if err == nil && len(set.Keys) == 0 {
		err = errors.New("the set has no key")
	}
	if err != nil {
		return Bad("jwks", err, "Have the proxy pass "+address+" on; then see the log of the provider for its signing keys.")
	}
	return Good("jwks", "%d keys are published", len(set.Keys))
}

// pages looks at a page as a browser gets it: proxies drop cookies and headers.
func (v *Visitor) pages(ctx context.Context, issuer *url.URL) Result {
	response, _, err := v.read(ctx, v.Issuer+"/account")
	if err != nil {
		return Bad("pages", err, "See that the provider runs.")
	}
	if response.Header.Get("X-Request-Id") == "" {
		return Bad("pages", errors.New("an answer without X-Request-Id: something else than the provider answered"), "Have the proxy pass /account on to listen.public.")
	}
	for _, cookie := range response.Cookies() {
		if issuer.Scheme == "https" && (!strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || cookie.Path != "/" || cookie.Domain != "") {
			return Bad("pages", fmt.Errorf("the cookie %s arrives without the prefix __Host-, Secure or Path=/", cookie.Name),
				"Something rewrites cookies: take its cookie settings (such as proxy_cookie_path or proxy_cookie_domain) away.")
		}
	}
	if response.Header.Get("Location") == "" && !strings.Contains(response.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		return Bad("pages", errors.New("a page arrives without its Content-Security-Policy"), "Something drops or replaces headers: have the proxy keep those of the provider.")
	}
	if len(response.Cookies()) == 0 && response.Header.Get("Location") != "" {
		return Bad("pages", errors.New("no cookie arrives"), "People could not sign in: have the proxy pass Set-Cookie on.")
	}
	return Good("pages", "cookies and headers arrive as they were sent")
}
