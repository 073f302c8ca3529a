package keyring_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// J07, O01: two rotations, with replicas that reload at different times and far
// more seldom than every minute: a key is published for a day before it signs, both change to it at once, and
// what it signed verifies for a week after, and then no more.
func TestKeysArePublishedBeforeUseAndKeptAfterIt(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	type key struct {
		token       string // the last that it signed
		seen, ended time.Time
	}
	keys := map[string]*key{}
	_, current := r.sign(idp.ES256)
	begin := r.now()
	for step := 0; r.now().Before(begin.Add(190 * day)); step++ {
		if step%2 == 0 {
			r.reload(r.a)
		}
		if step%3 == 0 {
			r.reload(r.b)
		}
		for _, kid := range published(t, r.a) {
			if keys[kid] == nil && slices.Contains(published(t, r.b), kid) {
				keys[kid] = &key{seen: r.now()}
			}
		}
		token, kid := r.sign(idp.ES256)
		if keys[kid] == nil {
			t.Fatalf("%v: signed with a key that is not published", r.now())
		}
		if kid != current {
			if known := r.now().Sub(keys[kid].seen); known < day-3*4*hour {
				t.Errorf("signed with a key that was published for %v", known)
			}
			keys[current].ended, current = r.now(), kid
		}
		keys[kid].token = token
		for kid, k := range keys {
			since := r.now().Sub(k.ended)
			switch {
			case k.token == "":
			case k.ended.IsZero() || since < 7*day:
				if !r.both(k.token) || !slices.Contains(published(t, r.a), kid) {
					t.Fatalf("%v: %s ended %v ago and does not verify", r.now(), kid, since)
				}
			case since > 7*day && r.both(k.token):
				t.Fatalf("%v: %s ended %v ago and still verifies", r.now(), kid, since)
			}
		}
		r.advance(4 * hour)
	}
	used := 0
	for _, k := range keys {
		if k.token != "" {
			used++
		}
	}
	if used != 3 {
		t.Errorf("%d keys signed in 190 days, want 3", used)
	}
	r.reload()
	stored, _, err := r.vault.Store.SigningKeys(t.Context())
	if err != nil || len(stored) != 3+2 { // all MAC keys are still kept
		t.Errorf("%d rows are left: %v", len(stored), err)
	}
}

// J07: after months without any replica the former key signs on until the
// successor has been published.
func TestLateRotationStillPublishesFirst(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	_, before := r.sign(idp.ES256)
	r.advance(400 * day)
	r.reload()
	if _, kid := r.sign(idp.ES256); kid != before || len(published(t, r.a)) != 2*len(algs) {
		t.Fatalf("signs with %s, was %s; published %v", kid, before, published(t, r.a))
	}
	r.advance(day)
	if _, kid := r.sign(idp.ES256); kid == before {
		t.Error("the successor does not sign")
	}
}

// J07: whoever is asked to rotate at the same time, there is one successor.
func TestRotateRaceYieldsOneSuccessor(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	_, before := r.sign(idp.ES256)
	race := func(do func() error) (done int) {
		var group sync.WaitGroup
		var mu sync.Mutex
		for range 8 {
			group.Go(func() {
				err := do()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done++
				} else if !errors.Is(err, idp.ErrConflict) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		return done
	}
	rotate := func(atOnce bool) func() error {
		return func() error { _, err := r.vault.Rotate(t.Context(), idp.ES256, atOnce); return err }
	}
	if n := race(rotate(false)); n != 1 {
		t.Errorf("%d of 8 made a successor", n)
	}
	race(rotate(true)) // the same one, hastened
	r.reload()
	if n := len(published(t, r.a)); n != 3 {
		t.Fatalf("%d keys, want two of ES256 and one of EdDSA", n)
	}
	r.advance(keyring.Handover)
	if _, kid := r.sign(idp.ES256); kid == before {
		t.Error("the successor does not sign")
	}
	r.advance(89 * day)
	if n := race(func() error { return r.open(r.vault).Reload(t.Context()) }); n != 8 {
		t.Errorf("%d of 8 replicas are up", n)
	}
	stored, _, err := r.vault.Store.SigningKeys(t.Context())
	if err != nil || len(stored) != 2+2+2 {
		t.Errorf("%d rows, want an active key and its successor of three algorithms: %v", len(stored), err)
	}
}

func TestRotatedMACKeyIsAcceptedAsLongAsRefreshTokensLive(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	genuine := func(sum [32]byte) bool {
		if !slices.Equal(slices.Collect(r.a.MACs("refresh", nil)), slices.Collect(r.b.MACs("refresh", nil))) {
			t.Fatal("two replicas disagree")
		}
		return slices.Contains(slices.Collect(r.b.MACs("refresh", nil)), sum)
	}
	before := r.a.MAC("refresh", nil)
	r.advance(90*day - hour)
	r.reload()
	r.advance(2*hour + 24*hour)
	after := r.a.MAC("refresh", nil)
	if after == before || r.b.MAC("refresh", nil) != after {
		t.Fatal("the key did not rotate on both")
	}
	if first := slices.Collect(r.a.MACs("refresh", nil))[0]; first != after || !genuine(before) {
		t.Error("not the current one first, the former after it")
	}
	for range 365 {
		r.advance(day)
		r.reload(r.a)
		r.reload(r.b)
		if !genuine(before) {
			t.Fatalf("%v: a refresh token died early", r.now())
		}
	}
	r.advance(2 * day)
	if genuine(before) {
		t.Error("the key is kept for ever")
	}
}

// An algorithm that is switched off signs no more, and what it signed lives on.
func TestSwitchedOffAlgorithmVerifiesUntilItsKeyExpires(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	token, kid := r.sign(idp.EdDSA)
	off := r.vault
	off.Algs = []string{idp.ES256}
	r.a, r.b = r.open(off), r.open(off)
	if _, err := r.a.Sign(keyring.TypeJWT, idp.EdDSA, []byte(`{}`)); err == nil {
		t.Error("it still signs")
	}
	for _, at := range []struct {
		after time.Duration
		lives bool
	}{{day, true}, {88 * day, true}, {2 * day, true}, {6 * day, true}, {2 * day, false}} {
		r.advance(at.after)
		r.reload()
		if r.both(token) != at.lives || slices.Contains(published(t, r.b), kid) != at.lives {
			t.Errorf("%v: verifies %v, want %v", r.now(), !at.lives, at.lives)
		}
	}
}

// A replica that does not know of the change yet neither loses its key nor
// makes the others start over.
func TestConfigurationsMayDifferWhileTheyRollOut(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	off := r.vault
	off.Algs = []string{idp.ES256}
	r.a = r.open(off)
	count := func() int {
		stored, _, err := r.vault.Store.SigningKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(stored)
	}
	for range 3 {
		r.reload()
		if _, err := r.b.Sign(keyring.TypeJWT, idp.EdDSA, []byte(`{}`)); err != nil || count() != 3 {
			t.Fatalf("%d keys, %v", count(), err)
		}
	}
}

func TestRemovedRowsLeaveNoGap(t *testing.T) {
	t.Parallel()
	for what, state := range map[string]string{"the successor": "activates_at > $1", "the active key": "activates_at <= $1"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			r := &replicas{T: t, clock: &clock{at: time.Now()}}
			r.vault = vault(t, postgres.New(pool), secretA)
			r.vault.Now = r.now
			r.a, r.b = r.open(r.vault), r.open(r.vault)
			if _, err := r.vault.Rotate(t.Context(), idp.ES256, false); err != nil {
				t.Fatal(err)
			}
			tag, err := pool.Exec(t.Context(), fmt.Sprintf(`DELETE FROM signing_keys WHERE alg = 'ES256' AND %s`, state), r.now())
			if err != nil || tag.RowsAffected() != 1 {
				t.Fatal(tag, err)
			}
			r.reload()
			r.sign(idp.ES256)
			r.advance(25 * hour)
			r.sign(idp.ES256)
			if n := len(published(t, r.a)); n != 2 {
				t.Errorf("%d keys", n)
			}
		})
	}
}

// O02: a database that takes no writes does not stop what the stored keys can do.
func TestRotationThatCannotBeStoredStopsNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := &replicas{T: t, clock: &clock{at: time.Now()}}
	r.vault = vault(t, postgres.New(pool), secretA)
	r.vault.Now = r.now
	r.a, r.b = r.open(r.vault), r.open(r.vault)
	_, before := r.sign(idp.ES256)
	if _, err := pool.Exec(t.Context(), `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON signing_keys FOR EACH ROW EXECUTE FUNCTION refuse()`); err != nil {
		t.Fatal(err)
	}
	r.advance(89*day + hour)
	for range 2 {
		if err := r.a.Reload(t.Context()); err == nil {
			t.Error("nobody hears of it")
		}
		if _, kid := r.sign(idp.ES256); kid != before {
			t.Error("signs with a key that was not stored")
		}
		r.advance(10 * day)
	}
	if _, err := pool.Exec(t.Context(), `DROP TRIGGER refuse ON signing_keys`); err != nil {
		t.Fatal(err)
	}
	r.reload()
	if len(published(t, r.a)) != 2*len(algs) {
		t.Error("it was not made up for")
	}
}
