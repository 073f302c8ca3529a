package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// A certificate is a self-signed one for 127.0.0.1 in two files.
type certificate struct {
	testing.TB
	cert, key string
	pool      *x509.CertPool
}

func newCertificate(t testing.TB) *certificate {
	t.Helper()
	dir := t.TempDir()
	c := &certificate{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()}
	c.renew(1)
	return c
}

// renew writes another certificate with this serial number over the files.
func (c *certificate) renew(serial int64) {
	c.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "e2e"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		c.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.pool.AppendCertsFromPEM(text)
	c.write(c.cert, text)
	c.write(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func (c *certificate) write(path string, text []byte) {
	c.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.Fatal(err)
	}
}

func (c *certificate) client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}, ForceAttemptHTTP2: true}}
}

// handshake returns the connection's state, or why there is none.
func (p *process) handshake(change func(*tls.Config)) (tls.ConnectionState, error) {
	config := &tls.Config{RootCAs: p.tls.pool}
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
	s.tls = newCertificate(t)
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
	response, err := p.tls.client().Get(p.base + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %d %v", response.Proto, response.StatusCode, response.Header)
	}
	b := p.browser()
	b.http.Transport = p.tls.client().Transport
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
		p.tls.write(p.tls.key, []byte("not a key"))
		reread()
		return strings.Contains(p.Stderr.String(), "the old one stays")
	})
	if got := p.serial(); got != 1 {
		t.Errorf("after broken files: certificate %d", got)
	}
	p.tls.renew(2)
	reread()
	waitFor(t, "the second certificate", func() bool { return p.serial() == 2 })
	p.tls.renew(3) // noticed by itself
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
	s.tls = newCertificate(t)
	s.issuer = "https" + strings.TrimPrefix(s.issuer, "http")
	s.tls.write(s.tls.key, []byte("not a key"))
	out, err := s.command(t.Context(), "serve", "--config", s.configure(s.port, "http://127.0.0.1:1")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "listen.tls") {
		t.Errorf("%v %s", err, out)
	}
}
