package near

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// provider is one RPC endpoint. Only its host is ever shown.
type provider struct {
	url  string
	host string
	http *http.Client

	breaker breaker

	mu     sync.Mutex
	status *statusCall // the latest, done or not
}

// newHTTPClient follows no redirect: it would carry the question, and the trust
// in the answer, to a host nobody configured.
func newHTTPClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = 64 << 10
		own.MaxIdleConnsPerHost = 16
		transport = own
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call performs one JSON-RPC exchange. Its errors name neither the URL nor
// anything the provider wrote, beyond short quoted error names.
func (p *provider) call(ctx context.Context, id, method string, params any) (reply, error) {
	body, err := json.Marshal(struct {
		Version string `json:"jsonrpc"`
		ID      string `json:"id"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{"2.0", id, method, params})
	if err != nil {
		return reply{}, fmt.Errorf("encode the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return reply{}, errors.New("the provider's URL cannot be requested")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	// Present but empty: tells net/http that this POST only reads and may be
	// sent again when a kept-alive connection turns out to be closed. It is
	// not sent.
	request.Header["Idempotency-Key"] = nil

	response, err := p.http.Do(request)
	if err != nil {
		return reply{}, transportError(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return reply{}, transportError(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return reply{}, statusError(response.StatusCode, answer, id)
	}
	if len(answer) > maxBody {
		return reply{}, fmt.Errorf("answer is longer than %d bytes", maxBody)
	}
	r, err := parseReply(answer, id)
	if err != nil {
		return reply{}, fmt.Errorf("malformed answer: %w", err)
	}
	return r, nil
}

// statusError is retried elsewhere whatever the code; a validation error in the
// body is named because it points at this side.
func statusError(code int, body []byte, id string) error {
	if r, err := parseReply(body, id); err == nil && r.fault == "REQUEST_VALIDATION_ERROR" {
		return fmt.Errorf("HTTP %d: %w", code, &refused{r.fault + "/" + r.cause})
	}
	if code == http.StatusTooManyRequests {
		return errRateLimited
	}
	if code >= 300 && code < 400 {
		return fmt.Errorf("HTTP %d: redirects are not followed; configure the final URL", code)
	}
	return fmt.Errorf("HTTP %d", code)
}

// transportError drops the *url.Error around err, which quotes the whole URL
// with the API key in it.
func transportError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return errNoAnswer
	}
	return err
}

var (
	errNoAnswer    = errors.New("no answer in time")
	errRateLimited = errors.New("HTTP 429: rate limit reached; configure a provider with an API key")
	errCircuitOpen = errors.New("left out after repeated failures")
)

// breaker leaves a failing provider out for a while, so that logins do not wait
// for it and a rate limit can recover. After the pause a single request probes.
type breaker struct {
	threshold int
	pause     time.Duration

	mu       sync.Mutex
	failures int
	until    time.Time
	probing  bool
}

// admit reports whether a request may be sent. An admitted request must end in
// exactly one of succeed, fail and abandon.
func (b *breaker) admit(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < b.threshold {
		return true
	}
	if b.probing || now.Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

func (b *breaker) succeed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.probing = 0, false
}

func (b *breaker) fail(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.probing = false
	b.until = now.Add(b.pause)
}

// abandon is for a request that this side gave up: it proves nothing.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
}
