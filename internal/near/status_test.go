package near

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

// A check of a provider that began while it was away and ends when it is back must not cost those
// who asked since: they have its answer.
func TestCheckFromBeforeARecoveryCostsNoLaterQuestion(t *testing.T) {
	t.Parallel()
	chain, _ := newChain(t)
	early, late := neartest.NewWallet("early.near"), neartest.NewWallet("late.near")
	for _, w := range []*neartest.Wallet{early, late} {
		chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	}
	begun, back, asked := make(chan struct{}), make(chan struct{}), make(chan struct{}, 8)
	var first sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		away := false
		if bytes.Contains(body, []byte(`"status"`)) {
			first.Do(func() { away = true })
		}
		if away {
			close(begun)
			<-back
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		chain.ServeHTTP(w, r)
		if bytes.Contains(body, []byte(`"late.near"`)) {
			asked <- struct{}{}
		}
	}))
	t.Cleanup(server.Close)
	client := newTestClient(t, Options{CacheTTL: -1, HedgeDelay: time.Minute}, server.URL)
	authorised := func(w *neartest.Wallet) {
		check, err := client.CheckAccessKey(t.Context(), AccountID(w.AccountID), mustKey(t, w.PublicKey()))
		if err != nil || check.Status != Authorised {
			t.Errorf("%s: %+v, %v", w.AccountID, check, err)
		}
	}
	var both sync.WaitGroup
	both.Go(func() { authorised(early) }) // by its second attempt
	<-begun
	both.Go(func() { authorised(late) })
	<-asked
	close(back)
	both.Wait()
	if len(asked) > 0 {
		t.Error("the provider was asked again for what it had answered")
	}
}
