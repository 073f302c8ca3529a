package idp

import (
	"regexp"
	"testing"
	"time"
)

func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	syntax := regexp.MustCompile(`^[2-7A-Z]{26}$`)
	seen := map[string]bool{}
	last := NewID()
	for range 20 {
		time.Sleep(2 * time.Millisecond)
		first := NewID()
		if first <= last {
			t.Errorf("%s is not after %s", first, last)
		}
		for range 1000 {
			last = NewID()
			if !syntax.MatchString(last) || len(last) != IDSize || seen[last] {
				t.Fatalf("id %q", last)
			}
			seen[last] = true
		}

	}
}
