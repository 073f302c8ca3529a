package e2e

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// handshake returns the connection's state, or why there is none.
func (p *process) handshake(change func(*tls.Config)) (tls.ConnectionState, error) {
	config := &tls.Config{RootCAs: p.tls.Pool}
	change(config)
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", strings.TrimPrefix(p.base, "https://"), config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer connection.Close()
	return connection.ConnectionState(), nil
}

func (p *process) serial() int64 {
	p.Helper()
	state, err := p.handshake(func(c *tls.Config) { c.InsecureSkipVerify = true })
	if err != nil {
		p.Fatal(err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

func newTLSSite(t testing.TB) *process {
	s := newSite(t, pgtest.DSN(t))
	s.tls = trial.NewCertificate(t)
	s.issuer = "https" + strings.TrimPrefix(s.issuer, "http")
	return s.serve()
}

// H01: TLS 1.2 and later, the suites of BCP 195, HTTP/2, and HSTS.
func TestTransportSecurityOfOurOwn(t *testing.T) {
	t.Parallel()
	p := newTLSSite(t)
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.0": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 },
		"TLS 1.1": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 },
		"CBC": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}
		},
		"no forward secrecy": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		},
		"RC4": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
		},
	} {
		if state, err := p.handshake(change); err == nil {
			t.Errorf("%s is accepted: %s, %s", name, tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if _, err := p.handshake(func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }); err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	response, err := p.tls.Client().Get(p.base + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %d %v", response.Proto, response.StatusCode, response.Header)
	}
	b := p.browser()
	b.http.Transport = p.tls.Client().Transport
	q := newRequest("rs256", "openid")
	r := b.postForm("/token", q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code")))
	if r.status != http.StatusOK {
		t.Errorf("token: %d %s", r.status, r.body)
	}
	for _, cookie := range b.cookies() {
		if !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Errorf("cookie %s", cookie.Name)
		}
	}
	p.run("healthcheck", "--config", p.config)
}

// H01: a renewed certificate is served without a restart, a broken one is not.
func TestRenewedCertificateIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	p := newTLSSite(t)
	if got := p.serial(); got != 1 {
		t.Fatalf("certificate %d", got)
	}
	reread := func() {
		t.Helper()
		if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the log of the broken certificate", func() bool {
		p.tls.Break()
		reread()
		return strings.Contains(p.Written.String(), "the old one stays")
	})
	if got := p.serial(); got != 1 {
		t.Errorf("after broken files: certificate %d", got)
	}
	p.tls.Renew(2)
	reread()
	waitFor(t, "the second certificate", func() bool { return p.serial() == 2 })
	p.tls.Renew(3) // noticed by itself
	waitFor(t, "the third certificate", func() bool { return p.serial() == 3 })
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// Without files that fit together the provider does not start.
func TestUnusableCertificateEndsTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.tls = trial.NewCertificate(t)
	s.issuer = "https" + strings.TrimPrefix(s.issuer, "http")
	s.tls.Break()
	refused := func(want string) {
		t.Helper()
		out, err := s.command(t.Context(), "serve", "--config", s.configure(s.port, "http://127.0.0.1:1")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "listen.tls: ") || !strings.Contains(string(out), want) {
			t.Errorf("%v %s\nwant %s", err, out, want)
		}
	}
	refused("")
	if err := os.Remove(s.tls.Key); err != nil {
		t.Fatal(err)
	}
	refused(s.tls.Key + ": no such file")
	if err := os.Symlink(s.tls.Key, s.tls.Key); err != nil {
		t.Fatal(err)
	}
	refused(s.tls.Key + ": too many levels of symbolic links; its symbolic links go in circles")
	s.tls.Key = t.TempDir()
	refused(s.tls.Key + ": is a directory")
}
