package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"near-idp/internal/config"
)

// certificateCheck is how soon a renewed certificate is noticed.
const certificateCheck = 10 * time.Second

// A certificate is the one that listen.tls names, read again when its files change, so that
// whoever renews it need not restart anything. New files that do not fit together, such as
// in the moment between the two being written, leave the old ones in use.
type certificate struct {
	config.TLS
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	seen    [2]fileState // of the files that were tried last
}

// A fileState tells one version of a file from the next.
type fileState struct {
	modified time.Time
	size     int64
}

// openCertificate reads the files for the first time.
func openCertificate(files config.TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{TLS: files, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("listen.tls: %w", err)
	}
	return c, nil
}

// follow reads the files again when they change, or at once on SIGHUP, until ctx ends.
func (c *certificate) follow(ctx context.Context, interval time.Duration) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-ticker.C:
			if c.unchanged() {
				continue
			}
		}
		if err := c.load(); err != nil {
			c.log.Error("the new certificate is not used, the old one stays", "cert", c.Cert, "key", c.Key, "err", err)
		}
	}
}

// unchanged follows links, which is how clusters swap both files at once.
func (c *certificate) unchanged() bool {
	return c.seen == [2]fileState{stateOf(c.Cert), stateOf(c.Key)}
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}

func (c *certificate) load() error {
	// Noted before the reading: a file that changes meanwhile is read again.
	c.seen = [2]fileState{stateOf(c.Cert), stateOf(c.Key)}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return fmt.Errorf("%w%s", err, config.Remedy(err))
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s expired on %s", c.Cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	c.current.Store(&pair)
	c.log.Info("certificate", "names", names(pair.Leaf), "expires", pair.Leaf.NotAfter)
	return nil
}

func names(leaf *x509.Certificate) []string {
	list := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

// tlsConfig is RFC 9325 (BCP 195): TLS 1.3, and of 1.2 the suites of its section 4.2.
// net/http adds HTTP/2.
func (c *certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := c.current.Load(); pair != nil {
				return pair, nil
			}
			return nil, errors.New("no certificate")
		},
	}
}
