package limit

import "time"

// maxKeys bounds the memory of what is counted: two generations of so many. An attacker with more
// addresses than that is not one that counting stops.
const maxKeys = 1 << 15

// recent keeps something of the keys that were seen of late.
type recent[V any] struct{ young, old map[Key]V }

func (r *recent[V]) get(k Key) (V, bool) {
	v, ok := r.young[k]
	if !ok {
		v, ok = r.old[k]
	}
	return v, ok
}

func (r *recent[V]) set(k Key, v V) {
	if len(r.young) >= maxKeys {
		if _, known := r.young[k]; !known {
			r.young, r.old = nil, r.young
		}
	}
	if r.young == nil {
		r.young = map[Key]V{}
	}
	r.young[k] = v
}

func (r *recent[V]) forget(k Key) {
	delete(r.young, k)
	delete(r.old, k)
}

// A clock tells the time since it was made, by the monotonic clock if now reads it: setting the
// machine's clock must neither lock anybody out nor let anybody off.
type clock struct {
	since  time.Time
	source func() time.Time
}

func newClock(now func() time.Time) clock { return clock{now(), now} }

func (c clock) now() time.Duration { return c.source().Sub(c.since) }
