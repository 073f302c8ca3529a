package near

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

func newChain(t *testing.T) (*neartest.Chain, string) {
	t.Helper()
	chain := neartest.NewChain("mainnet")
	server := httptest.NewServer(chain)
	t.Cleanup(server.Close)
	return chain, server.URL
}

// clock is a settable time, shared by client and chain.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 8, 19, 9, 18, 48, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func wantStatus(t *testing.T, c *Client, w *neartest.Wallet, want KeyStatus) KeyCheck {
	t.Helper()
	check, err := c.CheckAccessKey(t.Context(), AccountID(w.AccountID), mustKey(t, w.PublicKey()))
	if err != nil || check.Status != want {
		t.Fatalf("CheckAccessKey = %s (%+v), %v; want %s", check.Status, check, err, want)
	}
	return check
}

func wantCannotTell(t *testing.T, c *Client, w *neartest.Wallet) error {
	t.Helper()
	check, err := c.CheckAccessKey(t.Context(), AccountID(w.AccountID), mustKey(t, w.PublicKey()))
	if !errors.Is(err, ErrCannotTell) || check != (KeyCheck{}) {
		t.Fatalf("CheckAccessKey = %+v, %v; want ErrCannotTell", check, err)
	}
	return err
}

func TestOutcomesOverTheWire(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	client := newTestClient(t, Options{}, url)
	for name, try := range map[string]struct {
		permission neartest.Permission
		want       KeyStatus
	}{
		"full":             {neartest.FullAccess, Authorised},
		"gas-full":         {neartest.GasKeyFullAccess, Authorised},
		"function":         {neartest.FunctionCall("app.near", "vote"), NotFullAccess},
		"gas-function":     {neartest.GasKeyFunctionCall("app.near"), NotFullAccess},
		"future-string":    {`"SomethingNew"`, NotFullAccess},
		"future-object":    {`{"SuperAccess":{}}`, NotFullAccess},
		"null":             {`null`, NotFullAccess},
		"full-as-object":   {`{"FullAccess":{}}`, NotFullAccess},
		"full-lower":       {`"fullaccess"`, NotFullAccess},
		"full-in-array":    {`["FullAccess"]`, NotFullAccess},
		"gas-full-no-body": {`{"GasKeyFullAccess":null}`, NotFullAccess},
	} {
		w := neartest.NewWallet(name + ".near")
		chain.AddKey(w.AccountID, w.PublicKey(), try.permission)
		if check := wantStatus(t, client, w, try.want); !check.Exists {
			t.Errorf("%s: exists = false", name)
		}
	}
	chain.AddAccount("nokeys.near")
	wantStatus(t, client, neartest.NewWallet("nokeys.near"), KeyNotFound)
	if check := wantStatus(t, client, neartest.NewWallet("nobody.near"), AccountNotFound); check.Exists {
		t.Error("a missing account exists")
	}
}

// W05: no RPC provider is asked about what is no account with keys.
func TestAccountsWithoutKeysAreRefusedUnasked(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	client := newTestClient(t, Options{}, url)
	key := mustKey(t, fixtureKey)
	for id, want := range map[AccountID]error{
		"0xb794f5ea0ba39494ce839613fffba74279579268": ErrAccountTypeUnsupported,
		"0s1234567890abcdef1234567890abcdef12345678": ErrAccountTypeUnsupported,
		"Alice.near": ErrInvalidAccountID,
	} {
		if _, err := client.CheckAccessKey(t.Context(), id, key); !errors.Is(err, want) || errors.Is(err, ErrCannotTell) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	if n := chain.Requests(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestUnfundedImplicitAccount(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	w := neartest.NewWallet("")
	allowing := newTestClient(t, Options{AllowUnfundedImplicit: true}, url)
	if check := wantStatus(t, allowing, w, Authorised); check.Exists {
		t.Error("an account never created exists")
	}
	wantStatus(t, newTestClient(t, Options{}, url), w, AccountNotFound)

	other := neartest.NewWallet("")
	other.AccountID = w.AccountID
	wantStatus(t, allowing, other, AccountNotFound)

	// Once the account exists, only its own keys count: the key that spells
	// its id may have been removed.
	taken := neartest.NewWallet("")
	chain.AddAccount(taken.AccountID)
	wantStatus(t, allowing, taken, KeyNotFound)
}

func TestOneLoginCostsOneCallWhileTheHeadIsFresh(t *testing.T) {
	t.Parallel()
	clock := newClock()
	chain, url := newChain(t)
	chain.SetClock(clock.now)
	client := newTestClient(t, Options{Now: clock.now}, url)
	for range 5 {
		w := neartest.NewWallet("alice.near")
		chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		wantStatus(t, client, w, Authorised)
		clock.advance(10 * time.Second)
	}
	if got := chain.RequestsByKind(); got["status"] != 1 || got["view_access_key"] != 5 {
		t.Errorf("requests = %v", got)
	}
	clock.advance(11 * time.Second)
	w := neartest.NewWallet("alice.near")
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	wantStatus(t, client, w, Authorised)
	if got := chain.RequestsByKind(); got["status"] != 2 {
		t.Errorf("after a minute, requests = %v", got)
	}
}

// A deleted key must end access: an authorised answer lives five seconds, a
// refusal not at all.
func TestOnlyAuthorisedAnswersAreReusedAndBriefly(t *testing.T) {
	t.Parallel()
	clock := newClock()
	chain, url := newChain(t)
	chain.SetClock(clock.now)
	client := newTestClient(t, Options{Now: clock.now}, url)
	w := neartest.NewWallet("alice.near")
	chain.AddAccount(w.AccountID)
	wantStatus(t, client, w, KeyNotFound)
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	wantStatus(t, client, w, Authorised)
	before := chain.Requests()
	clock.advance(4999 * time.Millisecond)
	wantStatus(t, client, w, Authorised)
	if n := chain.Requests() - before; n != 0 {
		t.Errorf("the second check sent %d requests", n)
	}
	chain.RemoveKey(w.AccountID, w.PublicKey())
	clock.advance(time.Millisecond)
	wantStatus(t, client, w, KeyNotFound)
	chain.DeleteAccount(w.AccountID)
	wantStatus(t, client, w, AccountNotFound)
}

func TestCacheIsBoundedAndExpires(t *testing.T) {
	t.Parallel()
	cache := keyCache{ttl: 5 * time.Second}
	now := newClock().now()
	for i := range maxCachedKeys + 10 {
		key := PublicKey{bytes: [32]byte{byte(i), byte(i >> 8), 1}}
		cache.store("alice.near", key, KeyCheck{Status: Authorised}, now)
	}
	if n := len(cache.entries); n != maxCachedKeys {
		t.Errorf("%d entries", n)
	}
	later := now.Add(5 * time.Second)
	cache.store("bob.near", PublicKey{}, KeyCheck{Status: Authorised}, later)
	if n := len(cache.entries); n != 1 {
		t.Errorf("%d entries after all but one expired", n)
	}
	cache.store("eve.near", PublicKey{}, KeyCheck{Status: NotFullAccess}, later)
	if _, ok := cache.lookup("eve.near", PublicKey{}, later); ok {
		t.Error("a refusal was kept")
	}
}

func TestOptionsAreRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]struct {
		o    Options
		want string
	}{
		"no network":       {Options{}, "no network"},
		"no URL":           {Options{Network: "localnet"}, "no RPC URL"},
		"not a URL":        {Options{Network: "mainnet", URLs: []string{"rpc.example.com"}}, "RPC URL 1 of 1"},
		"file":             {Options{Network: "mainnet", URLs: []string{"file:///etc/passwd"}}, "https"},
		"plain http":       {Options{Network: "mainnet", URLs: []string{"http://rpc.example.com"}}, "use https"},
		"quorum":           {Options{Network: "testnet", Quorum: 3}, "quorum"},
		"long cache":       {Options{Network: "testnet", CacheTTL: time.Minute}, "cache TTL"},
		"negative timeout": {Options{Network: "testnet", HedgeDelay: -1}, "negative"},
	} {
		if _, err := NewClient(try.o); err == nil || !strings.Contains(err.Error(), try.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, try.want)
		}
	}
	for _, network := range []string{"mainnet", "testnet"} {
		if _, err := NewClient(Options{Network: network}); err != nil {
			t.Errorf("defaults of %s: %v", network, err)
		}
	}
	if _, err := NewClient(Options{Network: "x", URLs: []string{"http://10.0.0.7:3030"}, AllowPlainHTTP: true}); err != nil {
		t.Errorf("allowed plain http: %v", err)
	}
}

// An API key may be anywhere in a provider's URL; errors and logs show the host.
func TestProviderKeysNeverLeak(t *testing.T) {
	t.Parallel()
	chain, plain := newChain(t)
	u, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	redirect := httptest.NewServer(http.RedirectHandler(plain, http.StatusTemporaryRedirect))
	t.Cleanup(redirect.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	var log lockedBuffer
	for _, base := range []string{u.Host, redirect.Listener.Addr().String(), gone.Listener.Addr().String()} {
		for _, mode := range []neartest.Mode{neartest.Down500, neartest.Malformed, neartest.WrongChain, neartest.Timeout} {
			chain.SetMode(mode)
			client := newTestClient(t, Options{
				TryTimeout: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}, "http://SECRETUSER:SECRETPASS@"+base+"/SECRETPATH?key=SECRETQUERY")
			text := wantCannotTell(t, client, neartest.NewWallet("alice.near")).Error()
			if strings.Contains(text, "SECRET") || !strings.Contains(text, base) {
				t.Errorf("error = %s", text)
			}
		}
	}
	if text := log.String(); strings.Contains(text, "SECRET") || !strings.Contains(text, u.Host) {
		t.Errorf("log = %s", text)
	}
	for _, bad := range []string{"https://SECRET:SECRET@exa mple.com/SECRET", "ftp://SECRET@host/SECRET", "http://SECRET@host/SECRET#x"} {
		_, err := NewClient(Options{Network: "mainnet", URLs: []string{bad}})
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("error = %v", err)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestACallerWhoLeavesIsNotAnOutage(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	client := newTestClient(t, Options{BreakerThreshold: 1}, url)
	w := neartest.NewWallet("alice.near")
	chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
	chain.SetDelay(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := client.CheckAccessKey(ctx, AccountID(w.AccountID), mustKey(t, w.PublicKey())); !errors.Is(err, ErrCannotTell) {
		t.Fatalf("error = %v", err)
	}
	chain.SetDelay(0)
	wantStatus(t, client, w, Authorised)
}
