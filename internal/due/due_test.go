package due

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A shelf is work that becomes due at set times.
type shelf struct {
	mu    sync.Mutex
	items map[int]time.Time
	done  map[int]time.Duration
	start time.Time
	broke bool
}

func (s *shelf) work() Work[int] {
	return Work[int]{
		Name: "shelf", Claim: s.claim, Next: s.next, Do: s.do,
		Parallel: 2, Lease: time.Minute, Idle: 10 * time.Minute, Breath: time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

func (s *shelf) claim(_ context.Context, limit int, _ time.Duration) ([]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broke {
		return nil, errors.New("down")
	}
	var due []int
	for id, at := range s.items {
		if !at.After(time.Now()) && len(due) < limit {
			due = append(due, id)
			delete(s.items, id)
		}
	}
	return due, nil
}

func (s *shelf) next(context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, found := time.Duration(0), false
	for _, at := range s.items {
		if in := time.Until(at); !found || in < next {
			next, found = in, true
		}
	}
	if !found || s.broke {
		return 0, errors.New("none")
	}
	return next, nil
}

func (s *shelf) do(_ context.Context, id int) {
	time.Sleep(100 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[id] = time.Since(s.start)
}

func (s *shelf) put(id int, in time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[id] = time.Now().Add(in)
}

func (s *shelf) finished() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int
	for id := range s.done {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func TestWorkIsDoneWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{items: map[int]time.Time{}, done: map[int]time.Duration{}, start: time.Now()}
		for id := range 5 {
			s.put(id, 0)
		}
		s.put(5, time.Minute)
		w := New(s.work())
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { w.Run(ctx); close(stopped) }()

		time.Sleep(time.Second)
		if got := s.finished(); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("after a second: %v", got)
		}
		time.Sleep(time.Minute)
		if s.done[5] < time.Minute || s.done[5] > time.Minute+2*time.Second {
			t.Errorf("due after a minute, done after %s", s.done[5])
		}

		// Nothing is due for long: what comes is noticed when somebody says so, and else after Idle.
		s.put(6, 0)
		w.Wake()
		w.Wake()
		time.Sleep(time.Second)
		s.put(7, 0)
		time.Sleep(5 * time.Minute)
		if got := s.finished(); !slices.Contains(got, 6) || slices.Contains(got, 7) {
			t.Errorf("woken for 6 alone: %v", got)
		}
		time.Sleep(6 * time.Minute)
		if !slices.Contains(s.finished(), 7) {
			t.Error("a lost notification leaves work for ever")
		}

		s.put(8, 0)
		w.Wake()
		time.Sleep(50 * time.Millisecond) // it is under way
		cancel()
		<-stopped
		if !slices.Contains(s.finished(), 8) {
			t.Error("what was under way was dropped")
		}
	})
}

func TestStoreThatIsDownIsAskedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{items: map[int]time.Time{}, done: map[int]time.Duration{}, start: time.Now(), broke: true}
		s.put(1, 0)
		w := New(s.work())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		time.Sleep(time.Minute)
		s.mu.Lock()
		s.broke = false
		s.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if got := s.finished(); !slices.Equal(got, []int{1}) {
			t.Errorf("done: %v", got)
		}
	})
}
