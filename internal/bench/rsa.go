package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// targetRSA is how many times the price of its signature an RSA ID token may cost. That is
// measured on every core with nothing beside it, and the other among all that a busy machine does to it.
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
	slow := threadTime(func() error { _, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:]); return err })
	fast := threadTime(func() error { _, err := ecdsa.SignASN1(rand.Reader, ecKey, digest[:]); return err })
	r.section("RS256 ID tokens, in place of ES256")
	r.line("one RSA-2048 signature, and one of ES256", "%.3f ms, %.3f ms", slow.Seconds()*1000, fast.Seconds()*1000)
	cost := more[len(more)/2]
	r.line("CPU of a refresh, more", "%.3f ms", cost)
	r.atMost("times what the signature costs more", ratio(cost, (slow-fast).Seconds()*1000), targetRSA, "%.2f")
	return nil
}

// threadTime is the processor time that work takes on average while every core does it: two that
// are halves of one take longer together than one of them alone.
func threadTime(work func() error) time.Duration {
	var used, n atomic.Int64
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			took, times := onThread(work)
			used.Add(int64(took))
			n.Add(times)
		})
	}
	group.Wait()
	return time.Duration(used.Load() / n.Load())
}

func onThread(work func() error) (used time.Duration, times int64) {
	const length, thread = 500 * time.Millisecond, 1 // RUSAGE_THREAD
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock := func() time.Duration {
		var r syscall.Rusage
		if syscall.Getrusage(thread, &r) != nil {
			return 0
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	began := clock()
	for start := time.Now(); times == 0 || time.Since(start) < length; times++ {
		_ = work() // it cannot fail: the key is good
	}
	return clock() - began, times
}
