package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

func runHealthcheck(ctx context.Context, args []string) error {
	o := newOptions("healthcheck", "", `
Asks the provider on this machine whether it is alive: GET /healthz on the
address of listen.public. It exits with 0 if the answer is 200, else with 1, so
that it can be the health check of a container that has no other tool.

Examples:
  idp healthcheck
  idp healthcheck --url http://127.0.0.1:8080/readyz --timeout 1s`)
	name := configFlag(o)
	address := o.String("url", "", "ask this `URL`, and read no configuration")
	timeout := o.Duration("timeout", 3*time.Second, "how long to wait for the answer")
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	here := *address == ""
	if here {
		cfg, err := loadConfig(*name)
		if err != nil {
			return err
		}
		*address = healthURL(cfg.Listen.Public, cfg.Listen.TLS.Enabled())
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *address, nil)
	if err != nil || req.URL.Host == "" {
		return usage(o.Name(), "--url %q is not a URL such as http://127.0.0.1:8080/healthz", *address)
	}
	client := http.Client{
		// No proxy stands between a process and its own machine, whose address no
		// certificate names; nothing is told to whoever answers.
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: here}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s answers %s", *address, resp.Status)
	}
	return nil
}

// healthURL is the health endpoint of a provider that listens on the address.
func healthURL(listen string, tls bool) string {
	host, port, _ := net.SplitHostPort(listen) // checked by the configuration
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		// Go listens on both families for either; an IPv4-only machine has just one.
		host = "127.0.0.1"
	}
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port) + "/healthz"
}
