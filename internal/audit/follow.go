package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	// pollEvery is how often a follower asks. A notification of each row would have
	// every login take a lock that all commits of the server share.
	pollEvery = time.Second
	// patience is how long a follower asks for an id that was skipped: its
	// statement may still be at work. Those that were rolled back never come.
	patience = 15 * time.Second
	// maxMissing bounds how many ids are asked for so.
	maxMissing = 1000
)

// A cursor is how far a follower has come, and what it may have passed by.
type cursor struct {
	id      int64
	missing map[int64]time.Time // until when to ask for it
}

// done is the id up to which nothing is missing.
func (c *cursor) done() int64 {
	done := c.id
	for id := range c.missing {
		done = min(done, id-1)
	}
	return done
}

// read returns what was recorded since, the oldest first, and moves on.
func (c *cursor) read(ctx context.Context, store Reader, now time.Time) ([]idp.Event, error) {
	maps.DeleteFunc(c.missing, func(_ int64, until time.Time) bool { return now.After(until) })
	list, err := store.EventsSince(ctx, c.id, slices.Collect(maps.Keys(c.missing)), MaxLimit)
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	for _, e := range list {
		delete(c.missing, e.ID)
		for id := max(c.id+1, e.ID-maxMissing); id < e.ID && len(c.missing) < maxMissing; id++ {
			c.missing[id] = now.Add(patience)
		}
		c.id = max(c.id, e.ID)
	}
	return list, nil
}

// Follow calls emit with each event that a filter selects as it is recorded,
// until ctx ends or emit fails. It begins after the event with this id, or, if that
// is negative, with those to come. An outage of the database is waited out. The filter's times, Before and Limit do not matter.
func (l *Log) Follow(ctx context.Context, f idp.EventFilter, after int64, emit func(idp.Event) error) error {
	c := cursor{after, map[int64]time.Time{}}
	if after < 0 {
		last, err := l.Store.LastEvent(ctx)
		if err != nil {
			return fmt.Errorf("read audit events: %w", err)
		}
		c.id = last
	}
	for {
		list, err := c.read(ctx, l.Store, time.Now())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, idp.ErrUnavailable) {
			return err
		}
		for _, e := range list {
			if !Selects(f, e) {
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		if len(list) == MaxLimit {
			continue // there is more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// Selects reports whether a filter selects an event, whenever it was.
func Selects(f idp.EventFilter, e idp.Event) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return is(f.ClientID, e.ClientID) && is(f.AccountID, e.AccountID) && is(f.Outcome, e.Outcome) && is(f.RequestID, e.RequestID) &&
		strings.HasPrefix(e.Type, f.Type) && strings.HasPrefix(e.Actor, f.Actor)
}
