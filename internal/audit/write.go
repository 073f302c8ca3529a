package audit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"near-idp/internal/idp"
)

// A Journal remembers how far the events have been written to the log, for all
// replicas, of which one at a time has the lease to do it.
type Journal interface {
	Reader
	// ClaimJournal takes or renews the lease, notes that everything up to done was
	// written, and returns how far that is; idp.ErrNotFound while another replica has the lease.
	ClaimJournal(ctx context.Context, holder string, done int64, lease time.Duration) (int64, error)
}

const (
	journalLease = 15 * time.Second
	renewEvery   = 5 * time.Second
)

// WriteLog writes each event as one line of JSON until ctx ends: its members are those
// of idp.Event, and "msg" is "audit". Of several replicas one does, and another
// goes on when that one ends. No event is left out; around such a change some are written twice.
func WriteLog(ctx context.Context, store Journal, out io.Writer, log *slog.Logger) {
	holder := rand.Text()
	for ctx.Err() == nil {
		done, err := store.ClaimJournal(ctx, holder, 0, journalLease)
		if err == nil {
			err = writeFrom(ctx, store, out, holder, done)
		}
		if err != nil && !errors.Is(err, idp.ErrNotFound) && ctx.Err() == nil {
			log.Warn("audit.log: events wait to be written", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(renewEvery):
		}
	}
}

// writeFrom writes for as long as the lease can be renewed.
func writeFrom(ctx context.Context, store Journal, out io.Writer, holder string, done int64) error {
	c := cursor{done, map[int64]time.Time{}}
	renewed, noted := time.Now(), done
	for {
		list, err := c.read(ctx, store, time.Now())
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := writeLine(out, e); err != nil {
				return fmt.Errorf("write the log: %w", err)
			}
		}
		if time.Since(renewed) >= renewEvery || c.done()-noted >= MaxLimit {
			if _, err := store.ClaimJournal(ctx, holder, c.done(), journalLease); err != nil {
				return err
			}
			renewed, noted = time.Now(), c.done()
		}
		if len(list) == MaxLimit {
			continue // there is more
		}
		select {
		case <-ctx.Done():
			// Not to be written again by whoever is next.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
			defer cancel()
			_, err := store.ClaimJournal(last, holder, c.done(), 0)
			return err
		case <-time.After(pollEvery):
		}
	}
}

// writeLine writes one line whole, so that lines of others do not come into it.
func writeLine(out io.Writer, e idp.Event) error {
	line, err := json.Marshal(struct {
		Message string `json:"msg"`
		idp.Event
	}{"audit", e})
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}
