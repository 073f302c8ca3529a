package main

import (
	"fmt"
	"testing"

	"near-idp/internal/near"
	"near-idp/internal/neartest"
)

// measureVerification takes the best of several runs: verification waits for
// nothing, so whatever is slower was the machine's other work.
func measureVerification(r *report) error {
	const runs = 3
	a := newAnswer()
	if err := a.parseAndVerify(); err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	key, signature, err := a.parse()
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	best := func(verify func() error) testing.BenchmarkResult {
		var best testing.BenchmarkResult
		for i := range runs {
			got := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := verify(); err != nil {
						b.Fatal(err)
					}
				}
			})
			if i == 0 || got.NsPerOp() < best.NsPerOp() {
				best = got
			}
		}
		return best
	}
	bare := best(func() error { return a.payload.Verify(key, signature) })
	whole := best(a.parseAndVerify)
	r.section("NEP-413 verification")
	r.atMost("signature", float64(bare.NsPerOp())/1000, 150, "%.1f µs")
	r.line("signature, allocations", "%d", bare.AllocsPerOp())
	r.atMost("with account, key and signature parsed", float64(whole.NsPerOp())/1000, 150, "%.1f µs")
	r.line("with parsing, allocations", "%d", whole.AllocsPerOp())
	return nil
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
