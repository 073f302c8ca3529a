package near

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Options configures a Client. The zero value of every field but Network and,
// for a network without defaults, URLs is usable.
type Options struct {
	// Network is the chain id that providers must report: "mainnet",
	// "testnet" or that of a local chain. Required.
	Network string
	// URLs are the RPC providers in the order to ask them. Userinfo, path and
	// query may hold API keys; only the host appears in errors and logs.
	// Default: DefaultProviders(Network).
	URLs []string
	// AllowPlainHTTP permits http URLs to hosts other than loopback, for a
	// node on a trusted network.
	AllowPlainHTTP bool
	// AllowUnfundedImplicit accepts a NEAR-implicit account that was never
	// created, when the signing key is the one its id spells.
	AllowUnfundedImplicit bool
	// Quorum is how many providers must agree. Default 1.
	Quorum int

	TryTimeout time.Duration // one exchange with one provider; default 2 s
	Budget     time.Duration // one question altogether; default 6 s
	HedgeDelay time.Duration // until the next provider is asked as well; default 700 ms
	RetryDelay time.Duration // before failed providers are asked again; default 250 ms
	MaxHeadAge time.Duration // of a provider's latest block; default 60 s
	// CacheTTL is how long an authorised answer is reused: default and
	// maximum 5 s, negative for never. Refusals are never reused.
	CacheTTL time.Duration
	// BreakerThreshold consecutive failures leave a provider out for
	// BreakerPause. Defaults 3 and 10 s.
	BreakerThreshold int
	BreakerPause     time.Duration

	// Transport carries the requests. Default: a copy of
	// http.DefaultTransport. Redirects are never followed.
	Transport http.RoundTripper
	Now       func() time.Time // default time.Now
	Logger    *slog.Logger     // provider failures; default none
	// Observe is told of each question to a provider, by its host, and what became of it: ok, timeout,
	// rate_limited, unfit, error or abandoned. It must not block. Default: nobody is.
	Observe func(ctx context.Context, host, outcome string, began time.Time, took time.Duration)
}

const maxCacheTTL = 5 * time.Second

// Client asks NEAR RPC providers about access keys. It is safe for concurrent
// use.
type Client struct {
	network               string
	options               Options
	asked                 atomic.Pointer[[]*provider]
	quorum                int
	allowUnfundedImplicit bool

	tryTimeout, budget, hedgeDelay, retryDelay, maxHeadAge time.Duration

	cache   keyCache
	observe func(ctx context.Context, host, outcome string, began time.Time, took time.Duration)
	now     func() time.Time
	log     *slog.Logger
	lastID  atomic.Uint64
}

// NewClient validates o and opens no connection; see CheckProviders. Errors
// name a URL by its position and host only.
func NewClient(o Options) (*Client, error) {
	o = o.withDefaults()
	providers, err := o.providers()
	if err != nil {
		return nil, err
	}
	if o.Quorum < 1 || o.Quorum > len(providers) {
		return nil, fmt.Errorf("near: a quorum of %d cannot be met by %d RPC URLs", o.Quorum, len(providers))
	}
	if o.CacheTTL > maxCacheTTL {
		return nil, fmt.Errorf("near: cache TTL %s exceeds %s, the longest that a deleted key may pass", o.CacheTTL, maxCacheTTL)
	}
	if min(o.TryTimeout, o.Budget, o.HedgeDelay, o.RetryDelay, o.MaxHeadAge) < 0 {
		return nil, errors.New("near: a negative duration is configured for RPC")
	}
	c := &Client{
		network:               o.Network,
		options:               o,
		quorum:                o.Quorum,
		allowUnfundedImplicit: o.AllowUnfundedImplicit,
		tryTimeout:            o.TryTimeout,
		budget:                o.Budget,
		hedgeDelay:            o.HedgeDelay,
		retryDelay:            o.RetryDelay,
		maxHeadAge:            o.MaxHeadAge,
		cache:                 keyCache{ttl: o.CacheTTL},
		now:                   o.Now,
		log:                   o.Logger,
		observe:               o.Observe,
	}
	c.asked.Store(&providers)
	return c, nil
}

// providers are those asked now, in their order.
func (c *Client) providers() []*provider { return *c.asked.Load() }

// Replace returns a function that has these URLs asked from then on instead; questions that
// are under way end with those that they began with. An error replaces nothing.
func (c *Client) Replace(urls []string) (use func(), err error) {
	o := c.options
	o.URLs = urls
	providers, err := o.providers()
	if err != nil {
		return nil, err
	}
	if c.quorum > len(providers) {
		return nil, fmt.Errorf("near: a quorum of %d cannot be met by %d RPC URLs", c.quorum, len(providers))
	}
	return func() { c.asked.Store(&providers) }, nil
}

func (o Options) withDefaults() Options {
	if len(o.URLs) == 0 {
		o.URLs = DefaultProviders(o.Network)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Quorum = cmp.Or(o.Quorum, 1)
	o.TryTimeout = cmp.Or(o.TryTimeout, 2*time.Second)
	o.Budget = cmp.Or(o.Budget, 6*time.Second)
	o.HedgeDelay = cmp.Or(o.HedgeDelay, 700*time.Millisecond)
	o.RetryDelay = cmp.Or(o.RetryDelay, 250*time.Millisecond)
	o.MaxHeadAge = cmp.Or(o.MaxHeadAge, time.Minute)
	o.CacheTTL = cmp.Or(o.CacheTTL, maxCacheTTL)
	o.BreakerThreshold = cmp.Or(o.BreakerThreshold, 3)
	o.BreakerPause = cmp.Or(o.BreakerPause, 10*time.Second)
	return o
}

func (o Options) providers() ([]*provider, error) {
	if o.Network == "" {
		return nil, errors.New("near: no network configured; set it to mainnet or testnet")
	}
	if len(o.URLs) == 0 {
		return nil, fmt.Errorf("near: no RPC URL configured, and network %q has no default", o.Network)
	}
	client := newHTTPClient(o.Transport)
	var providers []*provider
	for i, text := range o.URLs {
		u, err := parseProviderURL(text, o.AllowPlainHTTP)
		if err != nil {
			return nil, fmt.Errorf("near: RPC URL %d of %d: %w", i+1, len(o.URLs), err)
		}
		providers = append(providers, &provider{
			url:     u.String(),
			host:    u.Host,
			http:    client,
			breaker: breaker{threshold: o.BreakerThreshold, pause: o.BreakerPause},
		})
	}
	return providers, nil
}

// nextID makes request ids unique, so that an answer can never be taken for
// another question's.
func (c *Client) nextID() string { return strconv.FormatUint(c.lastID.Add(1), 10) }
