package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// L05, A09, G02: what a client registers cannot reach the operator's network.
func TestOnlyPublicAddressesAreReached(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700:4700::1111": true, "64:ff9b::808:808": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false, "::ffff:10.0.0.1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "fec0::1": false, "fd00:ec2::254": false,
		"192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false,
		"224.0.0.1": false, "ff02::1": false, "240.0.0.1": false, "255.255.255.255": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
		"::7f00:1": false, "100::1": false, "3fff::1": false,
	} {
		if got := (Policy{}).Allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	allowed := Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for addr, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false} {
		if got := allowed.Allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("10.1.0.0/16 allowed, %s: %v", addr, got)
		}
	}
	if !(Policy{AllowLoopback: true}).Allows(netip.MustParseAddr("::1")) || (Policy{AllowLoopback: true}).Allows(netip.MustParseAddr("10.0.0.1")) {
		t.Error("AllowLoopback allows loopback and nothing else")
	}
}

func TestOnlyTheWebIsReached(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://rp.example/jwks": true, "http://127.0.0.1:8080/x": true, "http://[::1]/x": true, "http://localhost/x": true,
		"http://rp.example/jwks": false, "http://127.0.0.1.example.com/": false, "ftp://127.0.0.1/": false, "file:///etc/passwd": false,
		"https://user:secret@rp.example/": false, "https:///x": false, "gopher://localhost/": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckURL(u); (err == nil) != want || (err != nil && !errors.Is(err, ErrForbidden)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// L05: a canary on loopback is never hit, by address or by a name that resolves to it.
func TestCanaryOnLoopbackIsNeverHit(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	port := canary.URL[strings.LastIndexByte(canary.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		for _, scheme := range []string{"http://", "https://"} {
			response, err := Client(Policy{}).Get(scheme + host + port)
			if err == nil {
				response.Body.Close()
			}
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s%s: %v", scheme, host, err)
			}
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the canary was hit %d times", hits.Load())
	}
	response, err := Client(Policy{AllowLoopback: true}).Get(canary.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if hits.Load() != 1 {
		t.Error("an allowed address was not reached")
	}
}

func TestAnswersCostNoMoreThanThePolicySays(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/hit", http.StatusFound) })
	mux.HandleFunc("/hit", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 100)) })
	mux.HandleFunc("/announced", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 101)) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	client := Client(Policy{AllowLoopback: true, MaxBody: 100, Timeout: 500 * time.Millisecond})
	read := func(path string) (int, error) {
		response, err := client.Get(server.URL + path)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return len(body), err
	}
	if n, err := read("/exact"); n != 100 || err != nil {
		t.Errorf("a body of the largest size: %d %v", n, err)
	}
	for _, path := range []string{"/announced", "/endless"} {
		if n, err := read(path); n > 100 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d %v", path, n, err)
		}
	}
	for _, path := range []string{"/slow", "/drip"} {
		start := time.Now()
		if _, err := read(path); !errors.Is(Cause(err), ErrTimeout) || time.Since(start) > 5*time.Second {
			t.Errorf("%s: an answer that never ends: %v after %s", path, err, time.Since(start))
		}
	}
	if response, err := client.Get(server.URL + "/redirect"); err != nil || response.StatusCode != http.StatusFound || hits.Load() != 0 {
		t.Errorf("a redirect was followed: %v", err)
	}
}
