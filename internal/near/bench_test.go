package near

import "testing"

func signedLogin(t testing.TB) (Payload, PublicKey, Signature) {
	t.Helper()
	for _, v := range validVectors(t) {
		if v.Name != "idp-login-typical" {
			continue
		}
		key, err := ParsePublicKey(v.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := ParseSignature(v.Signature)
		if err != nil {
			t.Fatal(err)
		}
		return v.payload(t), key, signature
	}
	t.Fatal("vector not found")
	panic("unreachable")
}

// BenchmarkVerify is the cost of one NEP-413 verification from parsed values.
// Target: at most 150 µs.
func BenchmarkVerify(b *testing.B) {
	payload, key, signature := signedLogin(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := payload.Verify(key, signature); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProof adds the parsing of account, key and signature.
func BenchmarkProof(b *testing.B) {
	payload, key, signature := signedLogin(b)
	r := response{AccountID: "alice.near", PublicKey: key.String(), Signature: signature.String()}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.prove(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func TestVerifyAllocations(t *testing.T) {
	payload, key, signature := signedLogin(t)
	allocations := testing.AllocsPerRun(100, func() {
		if err := payload.Verify(key, signature); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("Verify allocates %.0f times, the budget is none", allocations)
	}
}
