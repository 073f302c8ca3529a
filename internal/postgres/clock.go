package postgres

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// A clock goes by the database's, which every replica shares and which decides in SQL what
// has expired. Between two readings it goes by this machine's monotonic clock, so that
// whoever sets the wall clock of one replica changes nothing.
type clock struct{ read atomic.Pointer[reading] }

type reading struct{ database, local time.Time }

// Now is the time by the database's clock as it was read last, and by this machine's
// until it was read.
func (s *Store) Now() time.Time {
	r := s.clock.read.Load()
	if r == nil {
		return time.Now()
	}
	return r.database.Add(time.Since(r.local))
}

// ReadClock reads the database's clock.
func (s *Store) ReadClock(ctx context.Context) error {
	began := time.Now()
	var now time.Time
	if err := s.db.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return translate(err)
	}
	s.clock.set(now, began)
	return nil
}

// set takes a reading that was asked for at a time. An answer that took its time would
// set the clock wrong by up to half of that.
func (c *clock) set(database, asked time.Time) {
	local := time.Now()
	took := local.Sub(asked)
	if took > time.Second && c.read.Load() != nil {
		return
	}
	c.read.Store(&reading{database.Add(took / 2), local})
}

// off is how much this machine's wall clock differs from the database's, in whole seconds.
func (s *Store) off() time.Duration {
	return time.Now().Round(0).Sub(s.Now()).Round(time.Second)
}

// warnOfClock says once that the clocks differ, and once that they agree again.
func (s *Store) warnOfClock(log *slog.Logger, warned bool) bool {
	const tolerated = 2 * time.Second
	off := s.off()
	differs := off.Abs() > tolerated
	switch {
	case differs && !warned:
		log.Warn("this machine's clock differs from the database's, which is used: look after time synchronisation on both", "off_by", off.String())
	case !differs && warned:
		log.Info("this machine's clock agrees with the database's again")
	}
	return differs
}
