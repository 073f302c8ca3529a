package limit

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/idp"
)

// Whoever has used up a limit has used up the next, and who waits as long as told is let in whatever the
// limit was before.
func TestAnotherRateAppliesToWhatWasCounted(t *testing.T) {
	c := newTurned()
	l := OfSenders("authorize", rateOf(100, time.Hour), c.now)
	flood := SenderOf(netip.MustParseAddr("2001:db8::1"))
	for range 100 {
		if err := l.Admit(flood); err != nil {
			t.Fatal(err)
		}
	}
	if l.Admit(flood) == nil {
		t.Fatal("the limit of an hour does not hold")
	}
	l.Set(rateOf(200, time.Hour))
	if err := l.Admit(flood); err == nil {
		t.Fatal("what was counted is forgotten")
	}
	l.Set(rateOf(10, time.Minute)) // an hour is owed, of which a minute counts
	for range 3 {
		var refused *Exceeded
		if !errors.As(l.MayGoOn(flood), &refused) || refused.Wait > 6*time.Second {
			t.Fatalf("of ten a minute the next waits %v", refused)
		}
		c.turn(refused.Wait)
		if err := l.Admit(flood); err != nil {
			t.Fatalf("waited in vain: %v", err)
		}
	}
	l.Set(rateOf(1, time.Hour))
	for i := range 2 * wide { // the network is held to the new rate, too
		if err := l.Admit(SenderOf(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 7: byte(i)}))); (err == nil) != (i < wide) {
			t.Fatalf("sender %d of the network: %v", i, err)
		}
	}
	l.Set(idp.Rate{})
	if l.On() || l.Admit(flood) != nil {
		t.Error("what was turned off holds")
	}
}

func TestAnotherLongestWaitAppliesToWhoWaits(t *testing.T) {
	c := newTurned()
	b, k := NewBackoff("client_backoff", time.Hour, c.now), KeyOf("sender").And("client")
	for range freeFailures + 20 {
		b.Failed(k)
	}
	waits := func(want time.Duration) {
		t.Helper()
		var refused *Exceeded
		if err := b.MayTry(k); !errors.As(err, &refused) || refused.Wait != want {
			t.Fatalf("%v, want a wait of %s", err, want)
		}
	}
	waits(time.Hour)
	b.Set(time.Minute)
	waits(time.Minute)
	c.turn(time.Minute)
	if err := b.MayTry(k); err != nil {
		t.Fatalf("waited in vain: %v", err)
	}
	b.Failed(k)
	waits(time.Minute)
	b.Set(0)
	if b.MayTry(k) != nil {
		t.Error("what was turned off holds")
	}
}

// Who asks from many connections at once gets no more than who asks from one, not even while the limit changes.
func TestCrowdOfRequestsGetsNoMoreThanOne(t *testing.T) {
	rate := rateOf(500, time.Second)
	l := New("", rate, time.Now)
	k := KeyOf("flood")
	var let atomic.Int64
	var crowd sync.WaitGroup
	began := time.Now()
	for range 16 {
		crowd.Go(func() {
			for time.Since(began) < 300*time.Millisecond {
				if l.Take(k) == 0 {
					let.Add(1)
				}
				l.Exhausted(k)
			}
		})
	}
	for time.Since(began) < 300*time.Millisecond {
		l.Set(rate)
		time.Sleep(time.Millisecond)
	}
	crowd.Wait()
	if most := int64(500 + time.Since(began)/(2*time.Millisecond)); let.Load() > most || let.Load() < 500 {
		t.Errorf("%d of at most %d were let in", let.Load(), most)
	}
}
