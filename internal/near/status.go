package near

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// head is a provider's latest block.
type head struct {
	height uint64
	time   time.Time
}

// finalityLag is how many blocks a "final" answer may trail the head that
// status reported: the last final block is a few blocks behind the head, and
// the nodes behind one load balancer are not all at the same one.
const finalityLag = 20

// statusCall is one check of a provider's chain and head, shared by everybody
// who needs it meanwhile.
type statusCall struct {
	done chan struct{}
	head head
	err  error
}

// usable reports a check that is running, or whose head is still young enough
// to vouch for answers from its height on.
func (s *statusCall) usable(now time.Time, maxAge time.Duration) bool {
	select {
	case <-s.done:
		return s.err == nil && now.Sub(s.head.time) <= maxAge
	default:
		return true
	}
}

func (s *statusCall) wait(ctx context.Context) (head, error) {
	select {
	case <-s.done:
		return s.head, s.err
	case <-ctx.Done():
		return head{}, transportError(ctx, ctx.Err())
	}
}

// checkStatus returns the provider's current check, starting one if the last is
// too old, and reports whether it had begun before. The call is detached from
// any one login: a login that is answered first elsewhere must not break the
// check that others wait for.
func (c *Client) checkStatus(p *provider) (call *statusCall, joined bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != nil && p.status.usable(c.now(), c.maxHeadAge) {
		return p.status, true
	}
	call = &statusCall{done: make(chan struct{})}
	p.status = call
	go func() {
		defer close(call.done)
		ctx, cancel := context.WithTimeout(context.Background(), c.tryTimeout)
		defer cancel()
		call.head, call.err = c.askStatus(ctx, p)
	}()
	return call, false
}

func (c *Client) askStatus(ctx context.Context, p *provider) (head, error) {
	r, err := p.call(ctx, c.nextID(), "status", []any{})
	if err != nil {
		return head{}, fmt.Errorf("status: %w", err)
	}
	h, err := readStatus(r, c.network, c.now(), c.maxHeadAge)
	if err != nil {
		return head{}, fmt.Errorf("status: %w", err)
	}
	return h, nil
}

// readStatus refuses a provider of another chain, whose keys mean nothing here,
// and one whose head is old: it would still serve keys deleted since.
func readStatus(r reply, network string, now time.Time, maxAge time.Duration) (head, error) {
	if r.fault != "" {
		return head{}, fmt.Errorf("error %s", quote(r.fault+"/"+r.cause))
	}
	chain, err := r.result.text("chain_id")
	if err != nil {
		return head{}, err
	}
	if chain != network {
		return head{}, &unfit{fmt.Sprintf("serves chain %s, not %q; remove it from this network's providers", quote(chain), network)}
	}
	sync, err := r.result.object("sync_info")
	if err != nil {
		return head{}, err
	}
	height, err := sync.number("latest_block_height")
	if err != nil {
		return head{}, err
	}
	text, err := sync.text("latest_block_time")
	if err != nil {
		return head{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return head{}, errors.New("latest_block_time is not an RFC 3339 time")
	}
	age := now.Sub(at)
	switch {
	case age > maxAge:
		return head{}, &unfit{fmt.Sprintf("its latest block is %s old, at most %s is accepted", age.Round(time.Second), maxAge)}
	case age < -maxAge:
		return head{}, &unfit{fmt.Sprintf("its latest block is %s in the future; check this machine's clock", (-age).Round(time.Second))}
	case age < 0:
		at = now
	}
	return head{height: height, time: at}, nil
}

// unfit is a provider that answers well but must not be believed. Asking it
// again for the same login is useless.
type unfit struct{ reason string }

func (u *unfit) Error() string { return u.reason }
