package recent

import (
	"sync"
	"testing"
)

func TestWhatIsUsedStaysAndTheRestGoes(t *testing.T) {
	t.Parallel()
	c := New[int, string](10)
	c.Put(-1, "used")
	c.Put(-2, "unused")
	for i := range 100 {
		c.Put(i, "flood")
		if got, found := c.Get(-1); !found || got != "used" {
			t.Fatalf("after %d: %q, %v", i, got, found)
		}
		if n := c.kept.Len(); n > 20 {
			t.Fatalf("%d entries are kept", n)
		}
	}
	if _, found := c.Get(-2); found {
		t.Error("what nobody used is still there")
	}
	c.Put(-1, "changed")
	if got, _ := c.Get(-1); got != "changed" {
		t.Errorf("%q after a change", got)
	}
	c.Drop(-1)
	if _, found := c.Get(-1); found {
		t.Error("what was dropped is still there")
	}
}

// A value that was dropped from one generation does not come back out of the other.
func TestDroppedIsGoneFromBothGenerations(t *testing.T) {
	t.Parallel()
	c := New[int, int](2)
	c.Put(1, 1)
	c.Put(2, 2)
	c.Put(3, 3) // 1 and 2 are old now
	c.Get(1)    // and 1 is young too
	c.Drop(1)
	if _, found := c.Get(1); found {
		t.Error("1 came back")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := New[int, int](8)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 1000 {
				c.Put(i%20, i%20)
				if got, found := c.Get(worker); found && got != worker {
					t.Errorf("%d under %d", got, worker)
				}
				c.Drop(i % 7)
			}
		})
	}
	group.Wait()
}
