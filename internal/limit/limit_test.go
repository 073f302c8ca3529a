package limit

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"near-idp/internal/idp"
)

// turned is a clock that the test turns.
type turned struct{ at time.Time }

func newTurned() *turned { return &turned{time.Unix(1_900_000_000, 0)} }

func (c *turned) now() time.Time             { return c.at }
func (c *turned) turn(d time.Duration)       { c.at = c.at.Add(d) }
func v4(n uint32) netip.Addr                 { return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))) }
func rateOf(n int, d time.Duration) idp.Rate { return idp.Rate{N: n, Per: d} }

// C06: a million senders cost no more memory than a few, and who keeps asking is not forgotten for them.
func TestMillionSendersStayBounded(t *testing.T) {
	c := newTurned()
	l := OfSenders("authorize", rateOf(1, time.Hour), c.now)
	busy := SenderOf(netip.MustParseAddr("192.0.2.1"))
	_ = l.Admit(busy)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range uint32(1_000_000) {
		if l.Admit(SenderOf(v4(0x0a000000+i))) != nil {
			t.Fatal("a sender is refused for what others asked")
		}
		if i%10_000 == 0 && l.Admit(busy) == nil {
			t.Fatal("a sender that keeps asking was forgotten")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := l.owed.Len(); n > 2*maxKeys {
		t.Errorf("%d senders are remembered", n)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("they take %d bytes", grown)
	}
	runtime.KeepAlive(l)
}

// Who waits as long as they are told is let in, and not a moment earlier: nobody is sent round in circles.
func TestWaitingAsLongAsToldIsEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := newTurned()
		l := New("", rateOf(1+r.IntN(1000), []time.Duration{time.Second, time.Minute, time.Hour}[r.IntN(3)]), c.now)
		k := KeyOf("someone")
		var wait time.Duration
		for wait == 0 {
			wait = l.Take(k)
			c.turn(time.Duration(r.IntN(1000)))
		}
		wait = l.Exhausted(k)
		c.turn(wait - 1)
		if wait > 1 && l.Take(k) == 0 {
			t.Fatalf("%v: let in early", l.price.Load().each)
		}
		c.turn(1)
		if l.Exhausted(k) != 0 || l.Take(k) != 0 {
			t.Fatalf("%v: %v was not enough", l.price.Load().each, wait)
		}
	}
}

func TestAsManyAtOnceAndAsManyOnAverage(t *testing.T) {
	c := newTurned()
	l := New("", rateOf(60, time.Minute), c.now)
	let := 0
	for range 3600 * 10 { // an hour, ten a second
		if l.Take(KeyOf("someone")) == 0 {
			let++
		}
		c.turn(100 * time.Millisecond)
	}
	if let < 3600 || let > 3660 {
		t.Errorf("let in %d times in an hour of 60 a minute", let)
	}
}

// A flood of one /64 leaves the next one alone, and one of a whole /48 leaves the next one alone.
func TestFloodOfOneNetworkDoesNotHarmAnother(t *testing.T) {
	addr := func(network, subnet uint16, host uint64) Sender {
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(network >> 8), byte(network), byte(subnet >> 8), byte(subnet)}
		binary.BigEndian.PutUint64(b[8:], host)
		return SenderOf(netip.AddrFrom16(b))
	}
	c := newTurned()
	l := OfSenders("verify", rateOf(10, time.Minute), c.now)
	let := 0
	for host := range uint64(1000) {
		if l.Admit(addr(1, 1, host)) == nil {
			let++
		}
	}
	if let != 10 {
		t.Errorf("addresses of one /64 were let in %d times", let)
	}
	if err := l.Admit(addr(1, 2, 1)); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
	for subnet := range uint16(1000) { // each asks once, from a /64 of its own
		if l.Admit(addr(2, subnet, 1)) == nil {
			let++
		}
	}
	if let != 10+10*wide {
		t.Errorf("subnets of one /48 were let in %d times", let-10)
	}
	var exceeded *Exceeded
	if err := l.Admit(addr(2, 999, 1)); !errors.As(err, &exceeded) || exceeded.Bucket != "verify" || exceeded.Wait <= 0 {
		t.Errorf("%v", err)
	}
	if err := l.Admit(addr(3, 1, 1)); err != nil {
		t.Errorf("another /48: %v", err)
	}
	// IPv4 is counted by the address, however it is written.
	for range 10 {
		_ = l.Admit(SenderOf(netip.MustParseAddr("::ffff:192.0.2.1")))
	}
	if l.Admit(SenderOf(netip.MustParseAddr("192.0.2.1"))) == nil || l.Admit(SenderOf(netip.MustParseAddr("192.0.2.2"))) != nil {
		t.Error("IPv4 addresses are not told apart")
	}
}

// Failures slow down who fails, up to a bound, until they succeed or stop.
func TestBackoffDoublesIsBoundedAndForgets(t *testing.T) {
	c := newTurned()
	b := NewBackoff("client_backoff", time.Minute, c.now)
	k := KeyOf("sender").And("client")
	var waits []time.Duration
	for range 15 {
		b.Failed(k)
		var exceeded *Exceeded
		if !errors.As(b.MayTry(k), &exceeded) {
			waits = append(waits, 0)
			continue
		}
		waits = append(waits, exceeded.Wait)
		c.turn(exceeded.Wait)
		if err := b.MayTry(k); err != nil {
			t.Fatalf("%v was not enough: %v", exceeded.Wait, err)
		}
	}
	for i, want := range []time.Duration{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60} {
		if waits[i] != want*time.Second {
			t.Fatalf("waits: %v", waits)
		}
	}
	if b.MayTry(KeyOf("sender").And("other")) != nil || b.MayTry(KeyOf("elsewhere").And("client")) != nil {
		t.Error("others wait, too")
	}
	b.Succeeded(k)
	for range freeFailures {
		if b.Failed(k); b.MayTry(k) != nil {
			t.Fatal("success forgets nothing")
		}
	}
	b.Failed(k)
	c.turn(time.Second + forgiven*time.Minute + 1)
	if b.Failed(k); b.MayTry(k) != nil {
		t.Error("time forgets nothing")
	}
}

// What is counted for nobody limits nobody, and what is off nothing.
func TestNobodyIsNotLimited(t *testing.T) {
	l := New("", rateOf(1, time.Hour), time.Now)
	backoff, noBackoff := NewBackoff("", 0, time.Now), (*Backoff)(nil)
	for _, off := range []*Limiter{nil, New("", idp.Rate{}, time.Now), OfSenders("", idp.Rate{}, time.Now)} {
		for range 10 {
			backoff.Failed(KeyOf("a"))
			noBackoff.Failed(KeyOf("a"))
			if l.Take(SenderOf(netip.Addr{}).And("client")) > 0 || l.Take(KeyOf("a").And("")) > 0 || off.Admit(SenderOf(v4(1))) != nil || off.Take(KeyOf("a")) > 0 ||
				off.MayGoOn(SenderOf(v4(1))) != nil || backoff.MayTry(KeyOf("a")) != nil || noBackoff.MayTry(KeyOf("a")) != nil {
				t.Fatal("limited")
			}
		}
		if off.On() || backoff.On() || noBackoff.On() {
			t.Error("off is on")
		}
	}
}

// Counting is on the path of every request.
func TestCountingAllocatesNothing(t *testing.T) {
	l, b := OfSenders("", rateOf(1000, time.Second), time.Now), NewBackoff("", time.Minute, time.Now)
	addr := netip.MustParseAddr("2001:db8::1")
	n := testing.AllocsPerRun(1000, func() {
		s := SenderOf(addr)
		_ = l.Admit(s)
		_ = b.MayTry(s.And("client"))
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdmit(b *testing.B) {
	l := OfSenders("", rateOf(1_000_000, time.Second), time.Now)
	addrs := make([]netip.Addr, 50_000)
	for i := range addrs {
		addrs[i] = v4(uint32(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = l.Admit(SenderOf(addrs[i%len(addrs)]))
	}
}
