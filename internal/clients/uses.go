package clients

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"near-idp/internal/idp"
)

// A UseStore keeps when clients and secrets were last used.
type UseStore interface {
	// RecordClientUses stores them in one statement, and leaves out those that are gone.
	RecordClientUses(ctx context.Context, uses idp.ClientUses) error
}

// Uses notes in memory when clients and their secrets are used, and writes it down
// now and then, all in one statement, so that no request pays for it. What a process
// that crashes has noted since is lost. It is safe for concurrent use.
type Uses struct {
	store UseStore
	log   *slog.Logger
	now   func() time.Time

	mu    sync.Mutex
	noted idp.ClientUses // since they were last written; guarded by mu
}

// NewUses returns one that has noted nothing. Run writes down what it notes.
func NewUses(store UseStore, log *slog.Logger, now func() time.Time) *Uses {
	return &Uses{store: store, log: log, now: now, noted: noUses()}
}

func noUses() idp.ClientUses {
	return idp.ClientUses{Clients: map[string]time.Time{}, Secrets: map[string]time.Time{}}
}

// Client notes that a client was used. It must be a registered one, since each takes memory.
func (u *Uses) Client(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.noted.Clients[id] = u.now()
}

// CheckSecret is CheckSecret, and notes which secret it was.
func (u *Uses) CheckSecret(c *idp.Client, given string, now time.Time) bool {
	id, ok := matchSecret(c, given, now)
	if ok {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.noted.Secrets[id] = now
	}
	return ok
}

// Run writes down what was noted, every interval and when ctx ends.
func (u *Uses) Run(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer done()
			u.write(last)
			return
		case <-ticker.C:
			u.write(ctx)
		}
	}
}

// write writes nothing if nothing was used. What a failure leaves is noted again.
func (u *Uses) write(ctx context.Context) {
	u.mu.Lock()
	noted := u.noted
	u.noted = noUses()
	u.mu.Unlock()
	if len(noted.Clients)+len(noted.Secrets) == 0 {
		return
	}
	if err := u.store.RecordClientUses(ctx, noted); err != nil {
		u.log.Warn("last use of clients", "err", err)
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(noted.Clients, u.noted.Clients)
		maps.Copy(noted.Secrets, u.noted.Secrets)
		u.noted = noted
	}
}
