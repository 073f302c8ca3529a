package near

import (
	"context"
	"sync"
	"time"
)

// A Health is how a provider answered when it was asked just now. Err is nil for one that
// is on the right chain and up to date.
type Health struct {
	Host   string
	Height uint64        // of its latest block
	Age    time.Duration // of that block
	Took   time.Duration
	Err    error
}

// Check asks every provider for its chain and head, whatever the breakers and earlier
// answers say, and returns what each answered, in their order.
func (c *Client) Check(ctx context.Context) []Health {
	providers := c.providers()
	list := make([]Health, len(providers))
	var group sync.WaitGroup
	for i, p := range providers {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.tryTimeout)
			defer cancel()
			began := time.Now()
			h, err := c.askStatus(ctx, p)
			list[i] = Health{Host: p.host, Height: h.height, Took: time.Since(began), Err: err}
			if err == nil {
				list[i].Age = max(0, c.now().Sub(h.time))
			}
		})
	}
	group.Wait()
	return list
}
