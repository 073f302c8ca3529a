package logos_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/color"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/logos"
	"near-idp/internal/outbound"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// A bench is a store, a collector that runs over it, and a server of logos at an address
// that the policy allows, which the machine's other addresses are not.
type bench struct {
	*testing.T
	store  *postgres.Store
	server *httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	hits    map[string]int
}

const allowed = "127.0.0.2"

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, store: postgres.New(pgtest.New(t)), answers: map[string]http.HandlerFunc{}, hits: map[string]int{}}
	listener, err := net.Listen("tcp", allowed+":0")
	if err != nil {
		t.Fatal(err)
	}
	b.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: b}}
	b.server.Start()
	t.Cleanup(b.server.Close)
	collector := logos.New(logos.Options{Store: b.store, Log: slog.New(slog.DiscardHandler), HTTP: outbound.Client(outbound.Policy{
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix(allowed + "/32")}, MaxBody: logos.MaxBytes, Timeout: 2 * time.Second,
	})})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { collector.Run(ctx) })
	running.Go(func() { b.store.Watch(ctx, slog.New(slog.DiscardHandler), func(string) { collector.Wake() }) })
	t.Cleanup(func() { stop(); running.Wait() })
	return b
}

func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.hits[r.URL.Path]++
	answer := b.answers[r.URL.Path]
	b.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

func (b *bench) answer(path string, h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[path] = h
}

func (b *bench) image(path string, raw []byte) {
	b.answer(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(raw) })
}

func (b *bench) create(id, logo string) {
	b.Helper()
	c := idp.Client{ID: id, ManagedBy: idp.ManagedByAPI, RedirectURIs: []string{"https://app.example.com/cb"}, LogoURI: logo}
	if err := b.store.CreateClient(b.Context(), c, idp.ClientSecret{}); err != nil {
		b.Fatal(err)
	}
}

// update sets the logo of a client, which may be the one that it has.
func (b *bench) update(id, logo string) {
	b.Helper()
	c := b.client(id)
	c.LogoURI = logo
	if err := b.store.UpdateClient(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) client(id string) idp.Client {
	b.Helper()
	c, err := b.store.Client(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// await returns what is known of a logo once that is as it should be.
func (b *bench) await(id, what string, is func(idp.ClientLogo) bool) idp.ClientLogo {
	b.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; {
		logo := b.client(id).Logo
		if is(logo) {
			return logo
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s: %s did not happen: %+v", id, what, logo)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func fetched(l idp.ClientLogo) bool { return l.Hash != "" && l.Error == "" }
func failed(l idp.ClientLogo) bool  { return l.Error != "" }

func TestLogoIsFetchedOnceAndServedByItsHash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.image("/logo.png", pngOf(t, picture(20, 20, red)))
	b.answer("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/logo.png", http.StatusFound) })
	b.create("app", b.server.URL+"/logo.png")
	b.create("moved", b.server.URL+"/moved")
	b.create("inline", "data:image/png;base64,"+base64.StdEncoding.EncodeToString(pngOf(t, picture(20, 20, red))))
	b.create("none", "")
	logo := b.await("app", "a copy", fetched)
	if other := b.await("moved", "a copy", fetched); other.Hash != logo.Hash {
		t.Error("the same image has two hashes")
	}
	if other := b.await("inline", "a copy", fetched); other.Hash != logo.Hash {
		t.Error("the same image has two hashes")
	}
	png, err := b.store.LogoImage(t.Context(), logo.Hash)
	if err != nil || !isRed(redrawn(t, png).At(logos.Size/2, logos.Size/2)) {
		t.Error(err)
	}
	if left := time.Until(logo.NextAt); left < 6*24*time.Hour || left > 8*24*time.Hour {
		t.Errorf("it is fetched again in %s", left)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hits["/logo.png"] != 2 || b.hits["/moved"] != 1 {
		t.Errorf("requests: %v", b.hits)
	}
}

// A client's server can change what it shows at any time, and fail; people go on seeing what was good.
func TestFailureKeepsTheOldLogoAndSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.image("/logo", pngOf(t, picture(20, 20, red)))
	b.create("app", b.server.URL+"/logo")
	first := b.await("app", "a copy", fetched)
	b.image("/logo", []byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"))
	b.update("app", b.server.URL+"/logo") // saved again: tried again at once
	broken := b.await("app", "a refusal", failed)
	if broken.Hash != first.Hash || !strings.Contains(broken.Error, "SVG, which can hold scripts") || time.Until(broken.NextAt) > 2*time.Minute {
		t.Errorf("%+v", broken)
	}
	b.image("/logo", pngOf(t, picture(20, 20, color.Black)))
	b.update("app", b.server.URL+"/logo")
	if second := b.await("app", "another copy", fetched); second.Hash == first.Hash {
		t.Error("the new image was not taken")
	}
	b.update("app", "")
	if logo := b.client("app").Logo; logo != (idp.ClientLogo{}) {
		t.Errorf("a client without logo_uri has %+v", logo)
	}
	if _, err := b.store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.LogoImage(t.Context(), first.Hash); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the copy is still there: %v", err)
	}
}

// V01, L05: whoever registers a client cannot have the provider knock on doors, nor tie it up.
func TestHostileLogoServersGainNothing(t *testing.T) {
	t.Parallel()
	var canary atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary.Add(1) }))
	t.Cleanup(inside.Close)
	b := newBench(t)
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, address, http.StatusFound) }
	}
	attacks := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"redirect-to-loopback": {to(inside.URL), "outbound.allow_private"},
		"redirect-to-metadata": {to("https://169.254.169.254/latest/meta-data"), "169.254.169.254:443 is not public"},
		"redirect-to-http":     {to("http://169.254.169.254/latest/meta-data"), "not https"},
		"redirect-to-file":     {to("file:///etc/passwd"), "address is not allowed"},
		"redirect-with-login":  {to("https://user:secret@example.com/"), "user name in the URL"},
		"redirect-loop":        {to("/redirect-loop"), "at most 3 redirects"},
		"html-called-png": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, "<html><script>alert(1)</script>")
		}, "a web page and no image"},
		"a-hundred-megabytes": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			block := bytes.Repeat([]byte("x"), 1<<20)
			for range 100 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "too large"},
		"announced-terabyte": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000000000000") }, "too large"},
		"slow-body": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "\x89")
				http.NewResponseController(w).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		}, "no whole answer in time"},
		"bomb":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(claimed(60000, 60000)) }, "60000 × 60000 pixels"},
		"not-there":   {http.NotFound, "answered 404"},
		"no-location": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) }, "redirect to nowhere"},
	}
	for name, attack := range attacks {
		b.answer("/"+name, attack.answer)
		b.create(name, b.server.URL+"/"+name+"?token=secret")
	}
	b.create("direct", inside.URL+"/logo")
	b.image("/good", pngOf(t, picture(2, 2, red)))
	b.create("good", b.server.URL+"/good")
	for name, attack := range attacks {
		logo := b.await(name, "a refusal", failed)
		if !strings.Contains(logo.Error, attack.want) || strings.Contains(logo.Error, "secret") || logo.Hash != "" {
			t.Errorf("%s: %+v, want %q", name, logo, attack.want)
		}
	}
	b.await("direct", "a refusal", failed)
	b.await("good", "a copy, whatever others do", fetched)
	if canary.Load() != 0 {
		t.Errorf("the canary was hit %d times", canary.Load())
	}
}

// Replicas share the work: nothing is fetched by two of them.
func TestReplicasFetchALogoOnce(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	for i := range 20 {
		c := idp.Client{ID: fmt.Sprint("c", i), ManagedBy: idp.ManagedByAPI, LogoURI: "https://example.com/logo"}
		if err := store.CreateClient(t.Context(), c, idp.ClientSecret{}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	claims := map[string]int{}
	for range 5 {
		group.Go(func() {
			for {
				due, err := store.ClaimLogos(t.Context(), 4, time.Minute)
				if err != nil || len(due) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				for _, d := range due {
					claims[d.ClientID]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for id, n := range claims {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
	if len(claims) != 20 {
		t.Errorf("%d of 20 were claimed", len(claims))
	}
}

// A stranger's guesses are answered from memory.
func TestUnknownHashNeverReachesTheDatabase(t *testing.T) {
	t.Parallel()
	reads := 0
	shelf := logos.Shelf{
		Known: func(hash string) bool { return hash == "known" },
		Read:  func(context.Context, string) ([]byte, error) { reads++; return []byte("png"), nil },
	}
	for range 3 {
		if _, err := shelf.Logo(t.Context(), "guess"); !errors.Is(err, idp.ErrNotFound) {
			t.Error(err)
		}
		if png, err := shelf.Logo(t.Context(), "known"); err != nil || string(png) != "png" {
			t.Error(err)
		}
	}
	if reads != 1 {
		t.Errorf("%d reads", reads)
	}
}
