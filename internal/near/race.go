package near

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// failure is one provider's reason for not answering.
type failure struct {
	provider *provider
	err      error
}

// errAnswered cancels the requests that are no longer needed.
var errAnswered = errors.New("answered by another provider")

// race puts one question to providers in order: the next one is asked when one
// fails, and also when the answer takes longer than the hedge delay. Providers
// that failed in passing are asked once more at the end.
type race struct {
	c        *Client
	q        query
	queue    []*provider // still to ask
	again    []*provider // to ask once more
	second   bool        // queue holds the second pass
	flying   int
	results  chan result
	votes    map[verdict]int
	failures []failure
}

type result struct {
	view     view
	provider *provider
	err      error
}

// ask returns the verdict of the first provider, or the verdict on which a
// quorum agrees. The error wraps ErrCannotTell and lists every failure by host.
func (c *Client) ask(ctx context.Context, q query, order []*provider) (view, error) {
	ctx, stop := context.WithTimeout(ctx, c.budget)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errAnswered)
	r := &race{
		c: c, q: q, queue: append([]*provider(nil), order...),
		results: make(chan result, 2*len(order)), // never blocks an attempt
		votes:   map[verdict]int{},
	}
	for range c.quorum {
		r.launch(ctx)
	}
	hedge := time.NewTicker(c.hedgeDelay)
	defer hedge.Stop()
	for r.flying > 0 || r.retry(ctx) {
		select {
		case got := <-r.results:
			if v, decided := r.take(ctx, got); decided {
				return v, nil
			}
		case <-hedge.C:
			r.launch(ctx)
		case <-ctx.Done():
			return view{}, r.timedOut(ctx)
		}
	}
	return view{}, cannotTell(r.failures)
}

// launch asks the next provider that its breaker admits, if there is one.
func (r *race) launch(ctx context.Context) {
	for len(r.queue) > 0 {
		p := r.queue[0]
		r.queue = r.queue[1:]
		if !p.breaker.admit(r.c.now()) {
			r.note(p, errCircuitOpen)
			continue
		}
		r.flying++
		started := time.Now()
		go func() {
			v, err := r.c.attempt(ctx, p, r.q, started)
			r.results <- result{v, p, err}
		}()
		return
	}
}

// take counts a result. A failure brings in the next provider at once.
func (r *race) take(ctx context.Context, got result) (view, bool) {
	r.flying--
	if got.err != nil {
		r.note(got.provider, got.err)
		if !r.second && passing(got.err) {
			r.again = append(r.again, got.provider)
		}
		r.launch(ctx)
		return view{}, false
	}
	r.votes[got.view.verdict]++
	missing := r.c.quorum - r.votes[got.view.verdict]
	if missing <= 0 {
		return got.view, true
	}
	r.note(got.provider, fmt.Errorf("says %s, which too few confirm", got.view.verdict))
	if r.flying < missing {
		r.launch(ctx)
	}
	return view{}, false
}

// note keeps the latest reason of each provider.
func (r *race) note(p *provider, err error) {
	for i := range r.failures {
		if r.failures[i].provider == p {
			r.failures[i].err = err
			return
		}
	}
	r.failures = append(r.failures, failure{p, err})
}

// retry starts the second pass after a pause. It reports whether anything is
// being asked.
func (r *race) retry(ctx context.Context) bool {
	if r.second || len(r.again) == 0 {
		return false
	}
	r.second, r.queue = true, r.again
	select {
	case <-time.After(r.c.retryDelay):
	case <-ctx.Done():
		return true
	}
	r.launch(ctx)
	return r.flying > 0
}

// passing reports a failure that the same provider may not repeat. A rate limit
// is not one: asking again makes it worse.
func passing(err error) bool {
	var invalid *refused
	var bad *unfit
	return !errors.Is(err, errRateLimited) && !errors.As(err, &invalid) && !errors.As(err, &bad)
}

// attempt asks one provider and settles its breaker. The status check runs
// beside the question, so that it costs no time, and is skipped while the last
// one still vouches for the provider.
func (c *Client) attempt(ctx context.Context, p *provider, q query, started time.Time) (view, error) {
	try, stop := context.WithTimeoutCause(ctx, c.tryTimeout, errNoAnswer)
	defer stop()
	v, err := c.exchange(try, p, q)
	c.observed(ctx, p, started, err)
	switch {
	case err == nil:
		p.breaker.succeed()
	case ctx.Err() == nil:
		p.breaker.fail(c.now())
		c.log.LogAttrs(ctx, logLevel(err), "NEAR RPC provider failed", providerAttrs(p, q, err)...)
	case context.Cause(ctx) == errAnswered && time.Since(started) >= c.hedgeDelay:
		// It kept a login waiting until a later one answered: a provider
		// that always does so must not stay first.
		p.breaker.fail(c.now())
	default:
		p.breaker.abandon()
	}
	return v, err
}

func (c *Client) exchange(ctx context.Context, p *provider, q query) (view, error) {
	status, joined := c.checkStatus(p)
	r, err := p.call(ctx, c.nextID(), "query", q.params)
	if err != nil {
		return view{}, err
	}
	latest, err := status.wait(ctx)
	if err != nil && joined && passing(err) {
		status, _ = c.checkStatus(p) // the other began while the provider was away
		latest, err = status.wait(ctx)
	}
	if err != nil {
		return view{}, err
	}
	v, err := q.readView(r)
	if err != nil {
		return view{}, err
	}
	if q.block == "" && v.height+finalityLag < latest.height {
		return view{}, &unfit{fmt.Sprintf("answers for block %d, older than its head %d", v.height, latest.height)}
	}
	v.provider = p
	return v, nil
}

func (r *race) timedOut(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrCannotTell, err)
	}
	return fmt.Errorf("%w; no answer in time from %d more", cannotTell(r.failures), r.flying)
}

// cannotTell lists each provider's failure, by host only.
func cannotTell(failures []failure) error {
	err := ErrCannotTell
	for i, f := range failures {
		separator := ";"
		if i == 0 {
			separator = ":"
		}
		err = fmt.Errorf("%w%s %s: %w", err, separator, f.provider.host, f.err)
	}
	return err
}
