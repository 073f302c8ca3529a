// Package audit takes down what was refused or failed, and tells what was
// recorded. What succeeds is recorded by the store, in the statement that does it; this
// package writes the rest, in batches and within bounds, so that hostile requests
// cost neither a commit each nor a disk.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
)

// An Appender stores events, all in one statement.
type Appender interface {
	AppendEvents(ctx context.Context, events []idp.Event) error
}

// What a Recorder takes, beyond which it only counts. One sender, an IPv4 address
// or a /64 of IPv6, cannot keep what others do from being recorded.
var (
	senderRate = idp.Rate{N: 300, Per: time.Minute}
	totalRate  = idp.Rate{N: 6000, Per: time.Minute}
)

const (
	maxQueue  = 4096
	batchSize = 500 // rows of one statement
	// interval is how long a row waits for others.
	interval = 250 * time.Millisecond
	// storeTimeout bounds one statement; at the end, no other begins after it.
	storeTimeout = 5 * time.Second
	// tellEvery is how often what was only counted is told.
	tellEvery = 10 * time.Second
)

// TypeSuppressed is the type of the event that says how many were only counted.
const TypeSuppressed = "audit.suppressed"

// A Recorder queues events and stores them by and by. Run it once.
type Recorder struct {
	store           Appender
	log             *slog.Logger
	now             func() time.Time
	senders, totals *limit.Limiter
	wake            chan struct{}

	mu         sync.Mutex
	queue      []idp.Event
	suppressed int       // since told
	lost       int       // since told
	told       time.Time // when what was suppressed was last told
	dropped    Dropped
}

// NewRecorder returns a Recorder.
func NewRecorder(store Appender, log *slog.Logger) *Recorder {
	return &Recorder{store: store, log: log, now: time.Now, wake: make(chan struct{}, 1),
		senders: limit.New("", senderRate, time.Now), totals: limit.New("", totalRate, time.Now)}
}

// Record takes an event down. It never blocks: what there is no room for is counted.
func (r *Recorder) Record(e idp.Event) {
	if r.senders.Take(sender(e.Address)) > 0 || r.totals.Take(limit.KeyOf("all")) > 0 {
		r.mu.Lock()
		r.suppressed++
		r.dropped.Suppressed++
		r.mu.Unlock()
		return
	}
	e = Clean(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= maxQueue {
		r.lost++
		r.dropped.Lost++
		return
	}
	r.queue = append(r.queue, e)
	if len(r.queue) >= batchSize {
		select {
		case r.wake <- struct{}{}:
		default: // it is about to look
		}
	}
}

// sender is nobody for what is no address.
func sender(address string) limit.Key {
	addr, _ := netip.ParseAddr(address)
	return limit.SenderOf(addr).Key
}

// Run stores what is recorded until ctx ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.finish(ctx)
			return
		case <-ticker.C:
		case <-r.wake:
		}
		r.flush(ctx, false)
	}
}

// finish stores what is left, or says how much could not be.
func (r *Recorder) finish(ctx context.Context) {
	r.flush(ctx, true)
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := len(r.queue) + r.lost; left > 0 {
		r.log.Error("audit events lost: the database did not take them before the end", "count", left)
	}
}

// flush stores what is queued, as long as the database takes it.
func (r *Recorder) flush(ctx context.Context, last bool) {
	for start := r.now(); !last || r.now().Sub(start) < storeTimeout; {
		batch := r.take(last)
		if len(batch) == 0 {
			return
		}
		// The end interrupts no statement, which may have been carried out.
		storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		err := r.store.AppendEvents(storing, batch)
		cancel()
		if err == nil {
			continue
		}
		if !errors.Is(err, idp.ErrUnavailable) { // it would be refused again, and hold up all others
			r.log.Error("audit events lost: the database refuses them", "count", len(batch), "err", err)
			r.lose(len(batch))
			continue
		}
		r.log.Warn("audit events wait for the database", "count", len(batch), "err", err)
		r.putBack(batch)
		return
	}
}

// take removes the next batch from the queue, with the account of what was only counted.
func (r *Recorder) take(last bool) []idp.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), batchSize)
	batch := append([]idp.Event(nil), r.queue[:n]...)
	r.queue = append(r.queue[:0], r.queue[n:]...)
	if r.lost > 0 {
		r.log.Error("audit events lost: the database did not take them in time", "count", r.lost)
		r.suppressed += r.lost
		r.lost = 0
	}
	if now := r.now(); r.suppressed > 0 && (last || now.Sub(r.told) >= tellEvery) {
		batch = append(batch, idp.Event{Type: TypeSuppressed, Outcome: idp.OutcomeDone, Details: map[string]any{"count": r.suppressed}})
		r.log.Warn("audit events suppressed: too many at once", "count", r.suppressed)
		r.suppressed, r.told = 0, now
	}
	return batch
}

// Dropped are the events that were not stored.
type Dropped struct {
	Suppressed uint64 // of senders that caused too many
	Lost       uint64 // because the database did not take them
}

// State returns how many events wait to be stored, and how many never will be.
func (r *Recorder) State() (queued int, dropped Dropped) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue), r.dropped
}

func (r *Recorder) lose(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped.Lost += uint64(n)
}

// putBack keeps a batch for the next time. What does not fit any more is lost.
func (r *Recorder) putBack(batch []idp.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(batch, r.queue...)
	if over := len(r.queue) - maxQueue; over > 0 {
		r.queue = r.queue[:maxQueue]
		r.lost += over
		r.dropped.Lost += uint64(over)
	}
}

// A Reader finds stored events.
type Reader interface {
	Events(ctx context.Context, f idp.EventFilter) ([]idp.Event, error)
	ClientErrors(ctx context.Context, clientID string, limit int) ([]idp.Event, error)
	EventsSince(ctx context.Context, id int64, missing []int64, limit int) ([]idp.Event, error)
	LastEvent(ctx context.Context) (int64, error)
}

// The bounds of a page of events.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	// clientErrors is how many refused requests of one client are shown.
	clientErrors = 50
)

// A Log tells what was recorded.
type Log struct {
	Store Reader
}

// Events returns a page of the events that a filter selects, the newest first. Without a
// Limit there are DefaultLimit, and never more than MaxLimit. The page after
// it is that with Before set to the last id.
func (l *Log) Events(ctx context.Context, f idp.EventFilter) ([]idp.Event, error) {
	if f.Limit <= 0 {
		f.Limit = DefaultLimit
	}
	f.Limit = min(f.Limit, MaxLimit)
	list, err := l.Store.Events(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	return list, nil
}

// ClientErrors returns the last 50 requests of a client that were refused or
// failed, the newest first.
func (l *Log) ClientErrors(ctx context.Context, clientID string) ([]idp.Event, error) {
	list, err := l.Store.ClientErrors(ctx, clientID, clientErrors)
	if err != nil {
		return nil, fmt.Errorf("read errors of client: %w", err)
	}
	return list, nil
}
