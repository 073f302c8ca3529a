package main

import (
	"fmt"
	"math"
	"testing"
	"time"

	"near-idp/internal/near"
	"near-idp/internal/neartest"
)

// measureVerification measures the pure part of a login, from values and from
// the text that a wallet sends.
func measureVerification(r *report) error {
	a := newAnswer()
	key, signature, err := a.parse()
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	r.section("NEP-413 verification")
	for _, way := range []struct {
		name   string
		verify func() error
	}{
		{"signature", func() error { return a.payload.Verify(key, signature) }},
		{"signature, with account, key and signature parsed", a.parseAndVerify},
	} {
		if err := way.verify(); err != nil {
			return fmt.Errorf("verification: %w", err)
		}
		r.atMost(way.name, fastest(way.verify).Seconds()*1e6, 150, "%.1f µs")
		r.line(way.name+", allocations", "%.0f", testing.AllocsPerRun(100, func() { _ = way.verify() }))
	}
	return nil
}

// fastest returns how long work takes at its best, from many batches that are
// shorter than the scheduler's slices: it waits for nothing, so whatever takes
// longer is the machine's other work.
func fastest(work func() error) time.Duration {
	const length, batch = time.Second, 16
	best := time.Duration(math.MaxInt64)
	for began := time.Now(); time.Since(began) < length; {
		start := time.Now()
		for range batch {
			_ = work() // it succeeded before, and always does the same
		}
		best = min(best, time.Since(start)/batch)
	}
	return best
}

// An answer is what a wallet sends for a payload of the usual size.
type answer struct {
	payload                 near.Payload
	account, key, signature string
}

func newAnswer() answer {
	callback := "https://id.example.com/login/ABCDEFGHIJKLMNOPQRSTUVWXYZ/cb"
	payload := near.Payload{
		Message: "Sign in to Example (app.example.com) via id.example.com with your NEAR account." +
			" Request 0123-4567. This is free and does not send a transaction.",
		Nonce: [32]byte{1, 2, 3}, Recipient: "id.example.com", CallbackURL: &callback,
	}
	wallet := neartest.NewWallet("alice.near")
	return answer{payload, wallet.AccountID, wallet.PublicKey(),
		wallet.Sign(payload.Message, payload.Nonce, payload.Recipient, payload.CallbackURL)}
}

func (a answer) parse() (near.PublicKey, near.Signature, error) {
	key, err := near.ParsePublicKey(a.key)
	if err != nil {
		return key, near.Signature{}, err
	}
	signature, err := near.ParseSignature(a.signature)
	return key, signature, err
}

func (a answer) parseAndVerify() error {
	if _, err := near.ParseAccountID(a.account); err != nil {
		return err
	}
	key, signature, err := a.parse()
	if err != nil {
		return err
	}
	_, err = a.payload.VerifyIssued(key, signature)
	return err
}
