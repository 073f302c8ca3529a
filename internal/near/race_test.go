package near

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

// threeChains are providers that all know one full-access key.
func threeChains(t *testing.T) (chains [3]*neartest.Chain, urls []string, w *neartest.Wallet) {
	t.Helper()
	w = neartest.NewWallet("alice.near")
	for i := range chains {
		chain, url := newChain(t)
		chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		chains[i], urls = chain, append(urls, url)
	}
	return chains, urls, w
}

func TestFirstProviderAnswersAlone(t *testing.T) {
	t.Parallel()
	chains, urls, w := threeChains(t)
	wantStatus(t, newTestClient(t, Options{HedgeDelay: time.Minute}, urls...), w, Authorised)
	if chains[0].Requests() != 2 || chains[1].Requests() != 0 || chains[2].Requests() != 0 {
		t.Errorf("requests = %d, %d, %d", chains[0].Requests(), chains[1].Requests(), chains[2].Requests())
	}
}

// W07: one provider that fails, in any way, is not an outage.
func TestNextProviderIsAskedWhenOneFails(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]neartest.Mode{
		"down": neartest.Down500, "malformed": neartest.Malformed, "wrong chain": neartest.WrongChain,
		"stale": neartest.Stale, "rate limited": neartest.RateLimited, "hanging": neartest.Timeout,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chains, urls, w := threeChains(t)
			chains[0].SetMode(mode)
			client := newTestClient(t, Options{TryTimeout: 500 * time.Millisecond, HedgeDelay: time.Minute}, urls...)
			wantStatus(t, client, w, Authorised)
			if chains[2].Requests() != 0 {
				t.Error("the third provider was asked too")
			}
		})
	}
}

// A refusal is an answer: shopping for a provider that says otherwise would let
// a stale one sign a deleted key in.
func TestUnknownKeyIsNotRetriedElsewhere(t *testing.T) {
	t.Parallel()
	chains, urls, w := threeChains(t)
	chains[0].RemoveKey(w.AccountID, w.PublicKey())
	wantStatus(t, newTestClient(t, Options{HedgeDelay: time.Minute}, urls...), w, KeyNotFound)
	if chains[1].Requests() != 0 || chains[2].Requests() != 0 {
		t.Error("another provider was asked")
	}
}

func TestSlowProviderIsHedged(t *testing.T) {
	t.Parallel()
	chains, urls, w := threeChains(t)
	chains[0].SetMode(neartest.Timeout)
	client := newTestClient(t, Options{HedgeDelay: 20 * time.Millisecond, CacheTTL: -1}, urls...)
	started := time.Now()
	for range 3 {
		wantStatus(t, client, w, Authorised)
	}
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("three hedged checks took %s", took)
	}
	// Having kept three logins waiting, it is left out.
	before := chains[0].Requests()
	waitFor(t, func() bool { return !client.providers()[0].breaker.admit(client.now()) })
	wantStatus(t, client, w, Authorised)
	if chains[0].Requests() != before {
		t.Error("the slow provider is still asked first")
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not happen in 5 s")
		}
	}
}

func TestErrorListsEveryProvider(t *testing.T) {
	t.Parallel()
	chains, urls, w := threeChains(t)
	chains[0].SetMode(neartest.Down500)
	chains[1].SetMode(neartest.WrongChain)
	chains[2].SetMode(neartest.Stale)
	text := wantCannotTell(t, newTestClient(t, Options{}, urls...), w).Error()
	for _, want := range append([]string{"HTTP 500", `serves chain "mainnet-other"`, "s old, at most 1m0s"}, hosts(urls)...) {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not once in %s", want, text)
		}
	}
}

func hosts(urls []string) (hosts []string) {
	for _, u := range urls {
		hosts = append(hosts, strings.TrimPrefix(u, "http://"))
	}
	return hosts
}

// W07: providers that hang cost no more than the budget.
func TestBudgetEndsTheQuestion(t *testing.T) {
	t.Parallel()
	chains, urls, w := threeChains(t)
	for _, chain := range chains {
		chain.SetMode(neartest.Timeout)
	}
	client := newTestClient(t, Options{Budget: 60 * time.Millisecond, HedgeDelay: 10 * time.Millisecond}, urls...)
	started := time.Now()
	text := wantCannotTell(t, client, w).Error()
	if took := time.Since(started); took > 1500*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if !strings.Contains(text, "no answer in time") {
		t.Errorf("error = %s", text)
	}
}

// failFirst fails the first n query requests.
func failFirst(n int, next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"query"`) {
			mu.Lock()
			n--
			fail := n >= 0
			mu.Unlock()
			if fail {
				http.Error(w, "try again", http.StatusServiceUnavailable)
				return
			}
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	})
}

func TestOnlyProviderIsAskedAgainAfterAPassingFailure(t *testing.T) {
	t.Parallel()
	chain, _ := newChain(t)
	w := neartest.NewWallet("alice.near")
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	server := httptest.NewServer(failFirst(1, chain))
	t.Cleanup(server.Close)
	wantStatus(t, newTestClient(t, Options{}, server.URL), w, Authorised)
}

func TestRateLimitedProviderIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	chain.SetMode(neartest.RateLimited)
	err := wantCannotTell(t, newTestClient(t, Options{}, url), neartest.NewWallet("alice.near"))
	if got := chain.RequestsByKind()["view_access_key"]; got != 1 || !strings.Contains(err.Error(), "429") {
		t.Errorf("asked %d times: %v", got, err)
	}
}

func TestQuorum(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]struct {
		without []int // providers that miss the key
		quorum  int
		want    KeyStatus // 0: cannot tell
	}{
		"two agree at once":            {nil, 2, Authorised},
		"one disagrees, third decides": {[]int{0}, 2, Authorised},
		"two refuse, third decides":    {[]int{0, 2}, 2, KeyNotFound},
		"all three must agree":         {[]int{1}, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chains, urls, w := threeChains(t)
			// One clock for all: the second question is pinned to a block.
			clock := newClock()
			for i, chain := range chains {
				chain.SetClock(clock.now)
				for _, j := range try.without {
					if i == j {
						chain.RemoveKey(w.AccountID, w.PublicKey())
					}
				}
			}
			client := newTestClient(t, Options{Quorum: try.quorum, Now: clock.now}, urls...)
			if try.want != 0 {
				wantStatus(t, client, w, try.want)
				return
			}
			if err := wantCannotTell(t, client, w); !strings.Contains(err.Error(), "too few confirm") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// W07: a provider that answers without end costs no more than the cap.
func TestHugeAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	err := wantCannotTell(t, newTestClient(t, Options{}, server.URL), neartest.NewWallet("alice.near"))
	if !strings.Contains(err.Error(), fmt.Sprint(maxBody)) {
		t.Errorf("error = %v", err)
	}
}

func TestCheckProviders(t *testing.T) {
	t.Parallel()
	chains, urls, _ := threeChains(t)
	chains[0].SetMode(neartest.WrongChain)
	chains[1].SetMode(neartest.Stale)
	client := newTestClient(t, Options{}, urls...)
	if err := client.CheckProviders(t.Context()); err != nil {
		t.Errorf("one fit provider is enough: %v", err)
	}
	chains[2].SetMode(neartest.Down500)
	if err := newTestClient(t, Options{}, urls...).CheckProviders(t.Context()); err == nil || !strings.Contains(err.Error(), "serves chain") {
		t.Errorf("error = %v", err)
	}
}

// A node that stands still is found out although its status was fresh once.
func TestStandingNodeIsNotBelieved(t *testing.T) {
	t.Parallel()
	clock := newClock()
	stood := clock.now()
	chain, url := newChain(t)
	chain.SetClock(func() time.Time { return stood })
	w := neartest.NewWallet("alice.near")
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	client := newTestClient(t, Options{Now: clock.now, CacheTTL: -1}, url)
	wantStatus(t, client, w, Authorised)
	clock.advance(61 * time.Second)
	if err := wantCannotTell(t, client, w); !strings.Contains(err.Error(), "old") {
		t.Errorf("error = %v", err)
	}
}
