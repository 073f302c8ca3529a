package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

const (
	secretA = "q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e"
	secretB = "M9aEo2iUy7tRw5qPz1xCv3bNn8mKj6hG"
)

// Without RSA, which takes long to generate.
var algs = []string{idp.ES256, idp.EdDSA}

func keks(t *testing.T, secrets ...string) (list []keyring.KEK) {
	t.Helper()
	for _, secret := range secrets {
		k, err := keyring.ParseKEK(secret)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, k)
	}
	return list
}

func vault(t *testing.T, store keyring.Store, secrets ...string) keyring.Vault {
	t.Helper()
	return keyring.Vault{Store: store, KEKs: keks(t, secrets...), Algs: algs}
}

func open(t *testing.T, store keyring.Store, secrets ...string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.Context(), vault(t, store, secrets...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// O01
func TestReplicasThatStartTogetherShareTheirKeys(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	rings := make([]*keyring.Ring, 6)
	var group sync.WaitGroup
	for i := range rings {
		group.Go(func() {
			var err error
			if rings[i], err = keyring.Open(t.Context(), vault(t, store, secretA)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, r := range rings[1:] {
		if !bytes.Equal(r.JWKS(), rings[0].JWKS()) || r.MAC("x", nil) != rings[0].MAC("x", nil) {
			t.Fatal("two replicas hold different keys")
		}
	}
	token, err := rings[0].Sign(keyring.TypeJWT, idp.EdDSA, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rings[5].Verify(token, keyring.TypeJWT); err != nil {
		t.Error(err)
	}
	if again := open(t, store, secretA); !bytes.Equal(again.JWKS(), rings[0].JWKS()) {
		t.Error("a restart made new keys")
	}
}

// J08
func TestEncryptionKeysRotateWithoutLosingSigningKeys(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	before := open(t, store, secretA)
	if _, err := keyring.Open(t.Context(), vault(t, store, secretB)); err == nil || !strings.Contains(err.Error(), "encryption.keys") {
		t.Errorf("opened without the key that wrapped: %v", err)
	}
	// The new one first, the old one still there; then the old one alone is gone.
	for _, secrets := range [][]string{{secretB, secretA}, {secretB}} {
		if after := open(t, store, secrets...); !bytes.Equal(before.JWKS(), after.JWKS()) || before.MAC("x", nil) != after.MAC("x", nil) {
			t.Error("the keys changed")
		}
	}
	if _, err := keyring.Open(t.Context(), vault(t, store, secretA)); err == nil {
		t.Error("the former encryption key still opens what was wrapped again")
	}
	if keys, _, _ := store.SigningKeys(t.Context()); len(keys) != 3 {
		t.Errorf("wrong encryption keys left %d keys", len(keys))
	}
}

// A mistaken configuration must not make keys that stop every other replica.
func TestWrongEncryptionKeyAddsNothing(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	open(t, store, secretA)
	wrong := vault(t, store, secretB)
	if _, err := wrong.Rotate(t.Context(), idp.ES256, false); err == nil || !strings.Contains(err.Error(), "encryption.keys") {
		t.Errorf("rotated: %v", err)
	}
	wrong.Algs = []string{idp.EdDSA, idp.ES256, idp.PS256}
	if _, err := keyring.Open(t.Context(), wrong); err == nil {
		t.Error("opened")
	}
	open(t, store, secretA)
}

func TestDeletedKeyIsReplacedAndItsTokensDie(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := open(t, postgres.New(pool), secretA)
	token, err := r.Sign(keyring.TypeAccessToken, idp.ES256, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `DELETE FROM signing_keys WHERE alg = 'ES256'`); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := r.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := r.Sign(keyring.TypeAccessToken, idp.ES256, []byte(`{}`)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := r.Verify(token, keyring.TypeAccessToken); err == nil {
		t.Error("a token of the deleted key still verifies")
	}
}

func TestKeysStayInMemoryWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	r := open(t, postgres.New(pool), secretA)
	before := r.JWKS()
	pool.Close()
	if err := r.Reload(t.Context()); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("reload: %v", err)
	}
	if !bytes.Equal(r.JWKS(), before) {
		t.Error("the keys are gone")
	}
	if _, err := keyring.Open(context.WithoutCancel(t.Context()), vault(t, postgres.New(pool), secretA)); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("open: %v", err)
	}
}

// J08
func TestPrivateKeysAreNeverStoredInClear(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	open(t, postgres.New(pool), secretA)
	var clear int
	// PKCS #8 names the algorithm of a key with one of these object identifiers.
	if err := pool.QueryRow(t.Context(), `
		SELECT count(*)
		FROM signing_keys
		WHERE position('\x2a8648ce3d0201'::bytea IN wrapped) > 0 OR position('\x06032b6570'::bytea IN wrapped) > 0`).Scan(&clear); err != nil {
		t.Fatal(err)
	}
	if clear != 0 {
		t.Errorf("%d keys are stored in clear", clear)
	}
}
