package limit

import (
	"near-idp/internal/idp"
	"strconv"
	"testing"
	"time"
)

// C06: senders beyond counting cost no more memory.
func TestLimitersForget(t *testing.T) {
	t.Parallel()
	l := New(idp.Rate{N: 1, Per: time.Hour}, func() time.Time { return time.Unix(1_900_000_000, 0) })
	l.Take("busy")
	for i := range 3 * maxSenders {
		l.Take(strconv.Itoa(i))
		if i%1000 == 0 && l.Take("busy") == 0 {
			t.Fatal("a sender that keeps asking was forgotten")
		}
	}
	if n := len(l.young) + len(l.old); n > 2*maxSenders {
		t.Errorf("%d senders are remembered", n)
	}
}
