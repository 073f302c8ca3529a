// Package due works off what waits in a store that replicas share: each takes a
// few items on a lease, at once when it is told of them, and else when the store says.
package due

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Work is one kind of item, and what is done about it. All fields are required.
type Work[T any] struct {
	Name string // for the log
	// Claim leases up to limit items that are due: nobody else is given them before the lease ends.
	Claim func(ctx context.Context, limit int, lease time.Duration) ([]T, error)
	// Next returns how long it is until an item is due, or an error if there is none.
	Next func(ctx context.Context) (time.Duration, error)
	// Do makes one attempt. An item that it does not settle in the store comes again when its lease ends.
	Do func(ctx context.Context, item T)

	Parallel int           // items of one replica at a time
	Lease    time.Duration // longer than an attempt takes
	// Idle is how long a replica waits for a notification, which may be lost, before it looks itself.
	Idle time.Duration
	// Breath keeps a replica from asking on and on for what another one is about to lease.
	Breath time.Duration
	Log    *slog.Logger
}

// A Worker does the work. Run it once in each replica.
type Worker[T any] struct {
	work Work[T]
	wake chan struct{}
}

// New returns a Worker.
func New[T any](work Work[T]) *Worker[T] { return &Worker[T]{work, make(chan struct{}, 1)} }

// Wake makes Run look for what is due now.
func (w *Worker[T]) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Run works until ctx ends, and then finishes what is under way.
func (w *Worker[T]) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.round(ctx) == w.work.Parallel {
			continue // there may be more
		}
		timer := time.NewTimer(w.wait(ctx))
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (w *Worker[T]) wait(ctx context.Context) time.Duration {
	next, err := w.work.Next(ctx)
	if err != nil {
		return w.work.Idle
	}
	return min(max(next, w.work.Breath), w.work.Idle)
}

// round does what is due, and returns how much it was.
func (w *Worker[T]) round(ctx context.Context) int {
	items, err := w.work.Claim(ctx, w.work.Parallel, w.work.Lease)
	if err != nil {
		if ctx.Err() == nil {
			w.work.Log.Warn(w.work.Name+": read what is due", "err", err)
		}
		return 0
	}
	var group sync.WaitGroup
	for _, item := range items {
		group.Go(func() { w.work.Do(ctx, item) })
	}
	group.Wait()
	return len(items)
}
