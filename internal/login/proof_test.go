package login_test

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/near"
	"near-idp/internal/neartest"
	"near-idp/internal/postgres"
)

// lastProof is the proof that is kept of alice, once it holds by itself: for what it says was
// signed, whatever the database or this test believes.
func (e *env) lastProof() *idp.SignedLogin {
	e.Helper()
	_, proof, err := postgres.New(e.pool).Owner(e.Context(), "testnet", "alice.testnet", "alice.testnet")
	if err != nil || proof == nil {
		e.Fatalf("no proof: %v", err)
	}
	key, err := near.ParsePublicKey(proof.PublicKey)
	if err != nil {
		e.Fatal(err)
	}
	payload := near.Payload{Message: proof.Message, Nonce: [32]byte(proof.Nonce), Recipient: proof.Recipient}
	if proof.CallbackURL != "" {
		payload.CallbackURL = &proof.CallbackURL
	}
	if err := payload.Verify(key, near.Signature(proof.Signature)); err != nil || proof.AccountID != "alice.testnet" || proof.PublicKey != e.alice.PublicKey() {
		e.Errorf("the proof does not hold: %v, %+v", err, proof)
	}
	return proof
}

// Y06: what is kept of a sign-in proves it to anybody, whichever way the signature came.
func TestProofHoldsByItself(t *testing.T) {
	e := setup(t)
	plain := e.begin()
	if _, err := e.Verify(t.Context(), plain, answer(e.alice, plain)); err != nil {
		t.Fatal(err)
	}
	if got := e.lastProof(); got.Message != plain.Message || got.CallbackURL != "" || got.ClientID != "app" {
		t.Errorf("%+v", got)
	}
	bound := e.begin()
	signed := answer(e.alice, bound)
	signed.Signature = e.alice.Sign(bound.Message, bound.Nonce, bound.Recipient, &bound.CallbackURL)
	if _, err := e.Verify(t.Context(), bound, signed); err != nil {
		t.Fatal(err)
	}
	if got := e.lastProof(); got.CallbackURL != bound.CallbackURL {
		t.Errorf("the signature covers %q: %+v", bound.CallbackURL, got)
	}
	outage := e.begin()
	e.chain.SetMode(neartest.Down500)
	_, err := e.Verify(t.Context(), outage, answer(e.alice, outage))
	e.refused(err, login.RPCUnavailable)
	e.chain.SetMode(neartest.OK)
	if _, err := e.Verify(t.Context(), e.find(outage.ID), login.Answer{}); err != nil {
		t.Fatal(err)
	}
	if got := e.lastProof(); got.Message != outage.Message {
		t.Errorf("after the outage: %+v", got)
	}
	waiting, there := e.proven()
	if _, err := e.Pick(t.Context(), there, e.handoff(waiting).Match); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Complete(t.Context(), waiting, e.handoff(waiting), ""); err != nil {
		t.Fatal(err)
	}
	if got := e.lastProof(); got.Message != there.Message || !strings.Contains(got.Message, "App") {
		t.Errorf("signed on another device: %+v", got)
	}
}
