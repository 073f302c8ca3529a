package postgres_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// C07: of any number of uses of a jti one is the first, for each client; what has
// expired is swept, and what has not is kept.
func TestAssertionIsSpentOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, store := t.Context(), postgres.New(pool)
	var first atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			fresh, err := store.SpendAssertion(ctx, "web", hashOf("jti"), time.Now().Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if fresh {
				first.Add(1)
			}
		})
	}
	group.Wait()
	if first.Load() != 1 {
		t.Errorf("%d uses were the first", first.Load())
	}
	if fresh, err := store.SpendAssertion(ctx, "other", hashOf("jti"), time.Now().Add(-time.Hour)); err != nil || !fresh {
		t.Errorf("another client's: %v, %v", fresh, err)
	}
	if _, err := store.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	var left string
	must(t, pool.QueryRow(ctx, `SELECT string_agg(client_id, ' ') FROM client_assertions`).Scan(&left))
	if left != "web" {
		t.Errorf("left: %s", left)
	}
}

// F01: a pushed request is its client's, for its time, and one login's.
func TestPushedRequestIsClaimedOnce(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), postgres.New(pgtest.New(t))
	must(t, store.PushRequest(ctx, hashOf("h"), "web", "a=b", time.Now().Add(time.Minute)))
	must(t, store.PushRequest(ctx, hashOf("old"), "web", "a=b", time.Now().Add(-time.Second)))
	if params, login, err := store.PushedRequest(ctx, hashOf("h"), "web"); err != nil || params != "a=b" || login != "" {
		t.Errorf("%q, %q, %v", params, login, err)
	}
	for _, login := range []string{"FIRST", "SECOND"} {
		if winner, err := store.ClaimPushedRequest(ctx, hashOf("h"), login); err != nil || winner != "FIRST" {
			t.Errorf("%s: %q, %v", login, winner, err)
		}
	}
	if _, login, err := store.PushedRequest(ctx, hashOf("h"), "web"); err != nil || login != "FIRST" {
		t.Errorf("%q, %v", login, err)
	}
	for _, err := range []error{
		second(store.PushedRequest(ctx, hashOf("h"), "other")), second(store.PushedRequest(ctx, hashOf("old"), "web")),
		last(store.ClaimPushedRequest(ctx, hashOf("old"), "X")), last(store.ClaimPushedRequest(ctx, hashOf("none"), "X")),
	} {
		if !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
}

func second(_, _ string, err error) error { return err }
func last(_ string, err error) error      { return err }
