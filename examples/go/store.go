package main

import (
	"maps"
	"sync"
	"time"
)

// A store keeps values in memory for a while. Several processes, and restarts,
// need the same in a database.
type store[T any] struct {
	age time.Duration

	mu    sync.Mutex
	byKey map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

func newStore[T any](age time.Duration) *store[T] {
	return &store[T]{age: age, byKey: map[string]kept[T]{}}
}

func (s *store[T]) put(key string, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.byKey, func(_ string, k kept[T]) bool { return now.After(k.until) })
	s.byKey[key] = kept[T]{value, now.Add(s.age)}
}

// get returns the zero value for what is not there, or not any more.
func (s *store[T]) get(key string) (value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byKey[key]; time.Now().Before(k.until) {
		value = k.value
	}
	return value
}

// take is get, once.
func (s *store[T]) take(key string) (value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byKey[key]; time.Now().Before(k.until) {
		value = k.value
	}
	delete(s.byKey, key)
	return value
}

func (s *store[T]) drop(unwanted func(T) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.byKey, func(_ string, k kept[T]) bool { return unwanted(k.value) })
}
