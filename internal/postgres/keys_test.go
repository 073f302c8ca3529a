package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

func TestFirstSigningKeyOfEachAlgorithmWins(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	const replicas = 8
	var group sync.WaitGroup
	for i := range replicas {
		for _, alg := range []string{idp.RS256, idp.ES256, "HS256"} {
			group.Go(func() {
				key := idp.SigningKey{KID: fmt.Sprintf("%s-%d", alg, i), Alg: alg, Wrapped: []byte{1, byte(i)}}
				if err := store.AddSigningKey(t.Context(), key); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	keys, err := store.SigningKeys(t.Context())
	if err != nil || len(keys) != 3 {
		t.Fatalf("%d keys of three algorithms: %v", len(keys), err)
	}
	for _, key := range keys {
		if want := fmt.Sprintf("%s-%d", key.Alg, key.Wrapped[1]); key.KID != want || key.CreatedAt.IsZero() {
			t.Errorf("key came back as %+v", key)
		}
	}
}

func TestSigningKeysAreNewestFirst(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), `
		INSERT INTO signing_keys (kid, alg, wrapped, created_at)
		VALUES ('older', 'RS256', '\x01', now() - interval '1 day'), ('newer', 'RS256', '\x01', now()), ('oldest', 'RS256', '\x01', now() - interval '2 days')`); err != nil {
		t.Fatal(err)
	}
	keys, err := postgres.New(pool).SigningKeys(t.Context())
	if err != nil || len(keys) != 3 || keys[0].KID != "newer" || keys[2].KID != "oldest" {
		t.Errorf("%v, %v", keys, err)
	}
}
