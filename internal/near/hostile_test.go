package near

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

var blank = []byte(strings.Repeat(" ", 1<<20))

// hostile providers hold a right answer of the chain and make of it what they like.
var hostile = map[string]func(w http.ResponseWriter, answer string){
	"nothing":    func(http.ResponseWriter, string) {},
	"HTML":       func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "<html><body>Welcome</body></html>") },
	"half of it": func(w http.ResponseWriter, answer string) { fmt.Fprint(w, answer[:len(answer)/2]) },
	"less than promised": func(w http.ResponseWriter, answer string) {
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)+1))
		fmt.Fprint(w, answer)
	},
	"another id": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, strings.Replace(answer, `"id":"`, `"id":"9`, 1))
	},
	"another chain": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, strings.ReplaceAll(answer, `"mainnet"`, `"testnet"`))
	},
	"twice": func(w http.ResponseWriter, answer string) { fmt.Fprint(w, answer, answer) },
	"deep":  func(w http.ResponseWriter, _ string) { fmt.Fprint(w, strings.Repeat(`{"result":`, 100_000)) },
	"deep and closed": func(w http.ResponseWriter, answer string) {
		deep := strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000)
		fmt.Fprint(w, strings.Replace(answer, `{`, `{"extra":`+deep+`,`, 1))
	},
	"many members": func(w http.ResponseWriter, answer string) {
		var members strings.Builder
		for i := range 60_000 {
			fmt.Fprintf(&members, `"%x":{},`, i)
		}
		fmt.Fprint(w, strings.Replace(answer, `{`, `{`+members.String(), 1)+"x")
	},
	"huge": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, answer)
		for range 64 {
			if _, err := w.Write(blank); err != nil {
				return
			}
		}
	},
	"a bomb": func(w http.ResponseWriter, answer string) { // 64 MB in 64 KB
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, answer)
		for range 64 {
			_, _ = z.Write(blank)
		}
		_ = z.Close()
	},
	"no gzip": func(w http.ResponseWriter, answer string) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, answer)
	},
	"drop by drop": func(w http.ResponseWriter, answer string) {
		for _, b := range []byte(answer) {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	},
	"headers without end": func(w http.ResponseWriter, answer string) {
		for i := range 5000 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 100))
		}
		fmt.Fprint(w, answer)
	},
	"elsewhere": func(w http.ResponseWriter, _ string) {
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
	"refused":    func(w http.ResponseWriter, answer string) { w.WriteHeader(http.StatusForbidden); fmt.Fprint(w, answer) },
	"no content": func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNoContent) },
	"the future and the past": func(w http.ResponseWriter, answer string) { // heads that answers fall behind
		fmt.Fprint(w, strings.ReplaceAll(answer, `"latest_block_height":`, `"latest_block_height":9`))
	},
	"no height": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, strings.ReplaceAll(answer, `"block_height"`, `"height"`))
	},
	"the height twice": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, strings.ReplaceAll(answer, `"block_height":`, `"block_height":1,"block_height":`))
	},
	"a height without bounds": func(w http.ResponseWriter, answer string) {
		fmt.Fprint(w, strings.ReplaceAll(answer, `"block_height":`, `"block_height":99999999999`))
	},
}

// W07: whatever a provider answers, nobody is let in for it, nobody waits longer than for silence, and
// memory does not grow with what was sent.
func TestHostileProvidersLetNobodyIn(t *testing.T) {
	w := neartest.NewWallet("alice.near")
	for name, answer := range hostile {
		t.Run(name, func(t *testing.T) {
			chain := neartest.NewChain("mainnet")
			chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
			server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
				recorded := httptest.NewRecorder()
				chain.ServeHTTP(recorded, in)
				text, _ := io.ReadAll(recorded.Body)
				out.Header().Set("Content-Type", "application/json")
				answer(out, string(text))
			}))
			t.Cleanup(server.Close)
			client := newTestClient(t, Options{CacheTTL: -1, TryTimeout: 300 * time.Millisecond, Budget: 2 * time.Second}, server.URL)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			began := time.Now()
			err := wantCannotTell(t, client, w)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
				t.Errorf("%d bytes are kept", grown)
			}
			if strings.Contains(err.Error(), "panic") || len(err.Error()) > 2000 {
				t.Errorf("%.200s… (%d bytes)", err, len(err.Error()))
			}
		})
	}
	// The same chain, left alone, is believed.
	chain, url := newChain(t)
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	wantStatus(t, newTestClient(t, Options{}, url), w, Authorised)
}
