package postgres_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// addKey stores a key that signs from now on.
func addKey(ctx context.Context, store *postgres.Store, key idp.SigningKey) error {
	return store.ChangeSigningKeys(ctx, func(keys []idp.SigningKey, now time.Time) ([]idp.SigningKey, error) {
		key.CreatedAt, key.ActivatesAt = now, now
		return append(keys, key), nil
	})
}

func TestSigningKeysComeBackAsStored(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), postgres.New(pgtest.New(t))
	begin := time.Now().Truncate(time.Microsecond)
	former := idp.SigningKey{KID: "former", Alg: idp.RS256, Wrapped: []byte{1}, CreatedAt: begin, ActivatesAt: begin,
		RetiresAt: begin.Add(time.Hour), ExpiresAt: begin.Add(2 * time.Hour)}
	last := idp.SigningKey{KID: "last", Alg: idp.RS256, Wrapped: []byte{2}, CreatedAt: begin, ActivatesAt: former.RetiresAt}
	set := func(after ...idp.SigningKey) {
		t.Helper()
		must(t, store.ChangeSigningKeys(ctx, func([]idp.SigningKey, time.Time) ([]idp.SigningKey, error) { return after, nil }))
		got, now, err := store.SigningKeys(ctx)
		must(t, err)
		if len(got) != len(after) || now.Sub(begin) > time.Minute || now.Before(begin.Add(-time.Second)) {
			t.Fatalf("%v at %v", got, now)
		}
		for i, k := range got {
			want := after[i]
			if k.KID != want.KID || k.Alg != want.Alg || !slices.Equal(k.Wrapped, want.Wrapped) || !k.CreatedAt.Equal(want.CreatedAt) ||
				!k.ActivatesAt.Equal(want.ActivatesAt) || !k.RetiresAt.Equal(want.RetiresAt) || !k.ExpiresAt.Equal(want.ExpiresAt) {
				t.Errorf("stored %+v, got %+v", want, k)
			}
		}
	}
	set(last, former)
	// The successor is taken back and its predecessor signs on; then the other way round.
	former.RetiresAt, former.ExpiresAt = time.Time{}, time.Time{}
	set(former)
	former.RetiresAt, former.ExpiresAt = begin.Add(time.Minute), begin.Add(time.Hour)
	last.KID, last.Wrapped = "another", []byte{3}
	set(last, former)
	set()
}

// J07: whatever the callers believe, an algorithm never has two last keys.
func TestTwoLastKeysOfAnAlgorithmAreRefused(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	must(t, addKey(t.Context(), store, idp.SigningKey{KID: "a", Alg: idp.ES256, Wrapped: []byte{1}}))
	if err := addKey(t.Context(), store, idp.SigningKey{KID: "b", Alg: idp.ES256, Wrapped: []byte{1}}); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

func TestSigningKeysChangeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	var group sync.WaitGroup
	made := make([]bool, 8)
	for i := range made {
		group.Go(func() {
			err := store.ChangeSigningKeys(t.Context(), func(keys []idp.SigningKey, now time.Time) ([]idp.SigningKey, error) {
				if len(keys) > 0 {
					return keys, nil
				}
				made[i] = true
				return []idp.SigningKey{{KID: "k", Alg: "HS256", Wrapped: []byte{byte(i)}, CreatedAt: now, ActivatesAt: now}}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(slices.DeleteFunc(made, func(did bool) bool { return !did })); n != 1 {
		t.Errorf("%d of 8 found no key", n)
	}
	failure := errors.New("no")
	if err := store.ChangeSigningKeys(t.Context(), func([]idp.SigningKey, time.Time) ([]idp.SigningKey, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if keys, _, err := store.SigningKeys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("a failed change left %d keys: %v", len(keys), err)
	}
}
