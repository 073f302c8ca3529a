package keyring_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestRetiredKeySignsNoMoreAndStaysPublished(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	token, kid := r.sign(idp.ES256)
	successor, err := r.vault.Retire(t.Context(), kid, false)
	if err != nil || successor.Alg != idp.ES256 {
		t.Fatalf("%+v, %v", successor, err)
	}
	r.reload(r.a)
	r.sign(idp.ES256) // a replica that has not heard of it yet still agrees
	r.reload(r.b)
	r.advance(keyring.Handover)
	if _, now := r.sign(idp.ES256); now != successor.KID || !r.both(token) {
		t.Errorf("signs with %s, want %s", now, successor.KID)
	}
	if _, err := r.vault.Retire(t.Context(), kid, false); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("retired twice: %v", err)
	}
	if _, err := r.vault.Retire(t.Context(), "unknown", true); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := r.vault.Rotate(t.Context(), idp.RS256, false); err == nil {
		t.Error("rotated the key of an algorithm that is off")
	}
}

// A key in the wrong hands: whatever it signed, and will be made to sign, dies
// at once, whether it is active, waiting or retired.
func TestCompromisedKeyIsWorthlessAtOnce(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	first, former := r.sign(idp.ES256)
	if _, err := r.vault.Rotate(t.Context(), idp.ES256, true); err != nil {
		t.Fatal(err)
	}
	r.reload()
	r.advance(keyring.Handover)
	second, active := r.sign(idp.ES256)
	waiting, err := r.vault.Rotate(t.Context(), idp.ES256, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{waiting.KID, former, active} {
		if _, err := r.vault.Retire(t.Context(), kid, true); err != nil {
			t.Fatal(err)
		}
		r.reload()
		if slices.Contains(published(t, r.a), kid) || slices.Contains(published(t, r.b), kid) {
			t.Errorf("%s is still published", kid)
		}
		if _, kid := r.sign(idp.ES256); kid == former || kid == waiting.KID {
			t.Errorf("signs with %s", kid)
		}
	}
	if r.both(first) || r.both(second) {
		t.Error("what it signed still verifies")
	}
	if token, _ := r.sign(idp.ES256); !r.both(token) {
		t.Error("nothing signs in its place")
	}
}

func TestScheduleWithAGapIsRefused(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*keyring.Schedule){
		func(s *keyring.Schedule) { s.PublishBefore = s.RotateEvery },
		func(s *keyring.Schedule) { s.PublishBefore = 0 },
		func(s *keyring.Schedule) { s.KeepAfter = 0 },
		func(s *keyring.Schedule) { s.KeepMAC = -time.Second },
	} {
		v := vault(t, nil, secretA)
		v.Schedule = keyring.DefaultSchedule
		change(&v.Schedule)
		if _, err := keyring.Open(t.Context(), v); err == nil {
			t.Errorf("opened with %+v", v.Schedule)
		}
	}
}

// J04, J07: go-oidc knows the keys by the JWKS alone, through a rotation.
func TestGoOIDCVerifiesPS256ThroughARotation(t *testing.T) {
	t.Parallel()
	v := vault(t, postgres.New(pgtest.New(t)), secretA)
	v.Algs = []string{idp.PS256}
	clock := &clock{at: time.Now()}
	v.Now = clock.now
	ring, err := keyring.Open(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(ring.JWKS()) }))
	defer server.Close()
	verifier := oidc.NewVerifier("https://id.example.com", oidc.NewRemoteKeySet(t.Context(), server.URL), &oidc.Config{
		ClientID: "app", SupportedSigningAlgs: []string{oidc.PS256}, Now: clock.now,
	})
	sign := func() string {
		t.Helper()
		token, err := ring.Sign(keyring.TypeJWT, idp.PS256, []byte(`{"iss":"https://id.example.com","aud":"app","sub":"alice.near","exp":9999999999}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		return token
	}
	before := sign()
	if _, err := v.Rotate(t.Context(), idp.PS256, true); err != nil {
		t.Fatal(err)
	}
	if err := ring.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.advance(keyring.Handover)
	sign()
	if _, err := verifier.Verify(t.Context(), before); err != nil {
		t.Error(err)
	}
	// The same token is none under another algorithm of the same key.
	rs256 := oidc.NewVerifier("https://id.example.com", oidc.NewRemoteKeySet(t.Context(), server.URL), &oidc.Config{ClientID: "app", SupportedSigningAlgs: []string{oidc.RS256}})
	if _, err := rs256.Verify(t.Context(), before); err == nil {
		t.Error("verified as RS256")
	}
}
