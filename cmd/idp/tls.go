package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"near-idp/internal/config"
)

// certificateCheck is how soon a renewed certificate is noticed.
const certificateCheck = 10 * time.Second

// A certificate is the one that listen.tls names, read again when its files change, so that
// whoever renews it need not restart anything. New files that do not fit together, such as
// in the moment between the two being written, leave the old ones in use.
type certificate struct {
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	problem atomic.Pointer[string] // why the files of now are not in use; nil: they are

	mu    sync.Mutex
	files config.TLS
	seen  [2]fileState // of the files that were tried last
}

// A fileState tells one version of a file from the next.
type fileState struct {
	modified time.Time
	size     int64
}

// openCertificate reads the files for the first time.
func openCertificate(files config.TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{log: log, files: files, seen: statesOf(files)}
	pair, err := readPair(files)
	if err != nil {
		return nil, fmt.Errorf("listen.tls: %w", err)
	}
	c.use(files, pair)
	return c, nil
}

// follow reads the files again when they change, until ctx ends.
func (c *certificate) follow(ctx context.Context, interval time.Duration) {
	every(ctx, interval, func() { c.renew(false) })
}

// renew reads the files again if they have changed, or in any case.
func (c *certificate) renew(anyway bool) {
	c.mu.Lock()
	// Links are followed, which is how clusters swap both files at once.
	files, now := c.files, statesOf(c.files)
	changed := now != c.seen
	c.seen = now // noted before the reading: a file that changes meanwhile is read again
	c.mu.Unlock()
	if !changed && !anyway {
		return
	}
	pair, err := readPair(files)
	if err != nil {
		text := err.Error()
		c.problem.Store(&text)
		c.log.Error("the new certificate is not used, the old one stays", "cert", files.Cert, "key", files.Key, "err", err)
		return
	}
	c.use(files, pair)
}

// use puts a certificate, and the files that it came from, in the place of those in use.
func (c *certificate) use(files config.TLS, pair *tls.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if files != c.files {
		c.files, c.seen = files, statesOf(files)
	}
	c.current.Store(pair)
	c.problem.Store(nil)
	c.log.Info("certificate", "names", names(pair.Leaf), "expires", pair.Leaf.NotAfter)
}

func statesOf(files config.TLS) [2]fileState {
	return [2]fileState{stateOf(files.Cert), stateOf(files.Key)}
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}

func readPair(files config.TLS) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, config.Remedy(err))
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s expired on %s", files.Cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &pair, nil
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
