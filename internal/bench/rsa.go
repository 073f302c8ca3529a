package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
)

// targetRSA is how many times the price of its signature an RSA ID token may
// cost. The signature alone is measured at its best, undisturbed.
const targetRSA = 1.5

// compareRSA says what RS256 ID tokens cost more than ES256 ones, and what the
// signature does.
func (r *report) compareRSA() error {
	var more []float64
	for _, c := range r.Comparisons {
		if i := slices.Index(c.Subjects, rsaSubject); i >= 0 && c.Scenario == "refresh" {
			more = append(more, c.Figures[i].CPU-c.Figures[len(c.Figures)-1].CPU)
		}
	}
	if len(more) == 0 {
		return nil
	}
	slices.Sort(more)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(nil)
	slow := fastest(1, func() error { _, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:]); return err })
	fast := fastest(16, func() error { _, err := ecdsa.SignASN1(rand.Reader, ecKey, digest[:]); return err })
	r.section("RS256 ID tokens, in place of ES256")
	r.line("one RSA-2048 signature, and one of ES256", "%.3f ms, %.3f ms", slow.Seconds()*1000, fast.Seconds()*1000)
	cost := more[len(more)/2]
	r.line("CPU of a refresh, more", "%.3f ms", cost)
	r.atMost("times what the signature costs more", ratio(cost, (slow-fast).Seconds()*1000), targetRSA, "%.2f")
	return nil
}
