package limit

import "time"

// maxKeys bounds the memory of what is counted: two generations of so many. An attacker with more
// addresses than that is not one that counting stops.
const maxKeys = 1 << 15

// A clock tells the time since it was made, by the monotonic clock if now reads it: setting the
// machine's clock must neither lock anybody out nor let anybody off.
type clock struct {
	since  time.Time
	source func() time.Time
}

func newClock(now func() time.Time) clock { return clock{now(), now} }

func (c clock) now() time.Duration { return c.source().Sub(c.since) }
