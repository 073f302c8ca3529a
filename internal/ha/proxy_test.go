package ha

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A balancer is the proxy in front of the replicas: it asks each whether it is ready, gives
// requests to those that are in turn, and to the next one when one cannot be connected to.
// When none is ready, all of them are asked: their refusal says more than a proxy could.
type balancer struct {
	backends []*backend
	next     atomic.Uint64
	plain    http.RoundTripper
}

type backend struct {
	url   *url.URL
	ready atomic.Bool
}

// headerCut marks an answer of the proxy's own: the replica hung up on it.
const headerCut = "X-Cut"

func newBalancer(t *testing.T, addrs []string) *balancer {
	t.Helper()
	b := &balancer{plain: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, ResponseHeaderTimeout: 25 * time.Second}}
	for _, addr := range addrs {
		b.backends = append(b.backends, &backend{url: &url.URL{Scheme: "http", Host: addr}})
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for _, one := range b.backends {
		group.Go(func() { one.check(stop) })
	}
	t.Cleanup(func() { close(stop); group.Wait() })
	return b
}

// check follows a replica's readiness.
func (b *backend) check(stop <-chan struct{}) {
	client := &http.Client{Timeout: time.Second}
	for {
		response, err := client.Get(b.url.String() + "/readyz")
		if err == nil {
			response.Body.Close()
		}
		b.ready.Store(err == nil && response.StatusCode == http.StatusOK)
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(&httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.Out.Host = p.In.Host },
		Transport: b,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set(headerCut, err.Error())
			w.WriteHeader(http.StatusBadGateway)
		},
	}).ServeHTTP(w, r)
}

// RoundTrip gives a request to the first replica that can be connected to.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var failed error
	for _, one := range b.order() {
		r.URL.Scheme, r.URL.Host = one.url.Scheme, one.url.Host
		response, err := b.plain.RoundTrip(r)
		if err == nil {
			return response, nil
		}
		failed = err
		// What was perhaps received is not sent again.
		if dial := (*net.OpError)(nil); !errors.As(err, &dial) || dial.Op != "dial" {
			break
		}
	}
	return nil, failed
}

func (b *balancer) order() []*backend {
	var ready, rest []*backend
	first := b.next.Add(1)
	for i := range b.backends {
		one := b.backends[(first+uint64(i))%uint64(len(b.backends))]
		if one.ready.Load() {
			ready = append(ready, one)
		} else {
			rest = append(rest, one)
		}
	}
	return append(ready, rest...)
}
