package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// developmentWallet is its button on the login page.
const developmentWallet = `[data-wallet="development"]`

// arriveAt presses the application's button and waits for the login page.
func (b *tab) arriveAt(dev *process) {
	b.t.Helper()
	b.open(dev.demo)
	b.click("a.near")
	b.reads("Development wallet")
}

// approve answers in the wallet as account.
func (b *tab) approve(account string) {
	b.t.Helper()
	b.reads("Sign a message")
	if account == "limited-key.testnet" {
		b.click("summary")
	}
	b.click(`input[value="` + account + `"]`)
	b.click("[data-act=approve]")
}

func TestSigningInThroughTheWalletsWindow(t *testing.T) {
	t.Parallel()
	dev := development(t)
	b := newTab(t)
	b.arriveAt(dev)
	wallet := b.popup(func() { b.click(developmentWallet) })
	wallet.reads(dev.issuer + " asks you to")
	wallet.approve("bob.testnet")
	b.reads("Signed in as")
	b.reads(`"preferred_username": "bob.testnet"`)
	b.click(`form[action="/refresh"] button`)
	b.reads("refreshed once")
	b.click(`form[action="/logout"] button`)
	b.reads("Sign in with NEAR")

	// The provider still knows the browser: the wallet is not needed again, unless another account is wanted.
	b.click("a.near")
	b.reads("Signed in as")
	b.click(`form[action="/logout"] button`)
	b.reads("Sign in with NEAR")
	b.click("a.choose")
	b.reads("bob.testnet")
	b.goesTo(dev.issuer)
}

func TestSigningInByRedirectOnAPhone(t *testing.T) {
	t.Parallel()
	dev := development(t)
	b := newTab(t)
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch))
	b.arriveAt(dev)
	b.click(developmentWallet)
	b.approve("alice.testnet")
	b.reads("Signed in as")
	b.reads(`"sub": "alice.testnet"`)
}

func TestRejectingInTheWallet(t *testing.T) {
	t.Parallel()
	dev := development(t)
	b := newTab(t)
	b.arriveAt(dev)
	wallet := b.popup(func() { b.click(developmentWallet) })
	wallet.reads("Sign a message")
	wallet.click("[data-act=reject]")
	b.reads("Not approved")

	phone := newTab(t)
	phone.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch))
	phone.arriveAt(dev)
	phone.click(developmentWallet)
	phone.reads("Sign a message")
	phone.click("[data-act=reject]")
	phone.reads("Not approved")
}

func TestRefusedAccountThenAnother(t *testing.T) {
	t.Parallel()
	dev := development(t)
	b := newTab(t)
	b.arriveAt(dev)
	wallet := b.popup(func() { b.click(developmentWallet) })
	wallet.approve("limited-key.testnet")
	b.reads("limited access to limited-key.testnet")
	b.click(`[data-panel="not_full_access"] [data-act=again]`)
	wallet = b.popup(func() { b.click(developmentWallet) })
	wallet.approve("alice.testnet")
	b.reads("Signed in as")
}

func TestCancellingOnTheLoginPage(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	b.arriveAt(development(t))
	b.click("[data-act=cancel]")
	b.reads("You cancelled")
	b.reads("Sign in with NEAR")
}

func TestNetworkIsTakenDownAndBack(t *testing.T) {
	t.Parallel()
	wallet, network := newLocalWallet(t)
	b := newTab(t)
	b.open(wallet.URL())
	b.reads("network answers")
	b.click("[name=answers]")
	b.reads("network is down")
	if !network.down.Load() {
		t.Error("the network still answers")
	}
	b.click("[name=answers]")
	b.reads("network answers")
}

func TestPagesFitASmallScreen(t *testing.T) {
	t.Parallel()
	wallet, network := newLocalWallet(t)
	network.setDown(true) // the longest bar
	b := newTab(t)
	b.do(chromedp.EmulateViewport(320, 640))
	for _, path := range []string{"/", "/sign-message?" + testQuery().Encode(), "/sign-message"} {
		b.open(wallet.URL() + path)
		beyond, err := chromedp.Run(b.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - innerWidth"))
		if err != nil || beyond > 0 {
			t.Errorf("%s is %d pixels too wide (%v)", path, beyond, err)
		}
	}
}

// newLocalWallet serves a wallet in this process, under its own name.
func newLocalWallet(t *testing.T) (*Wallet, *Network) {
	t.Helper()
	l, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	network := NewNetwork(testKey)
	wallet := NewWallet(network, fmt.Sprintf("wallet.localhost:%d", l.Port()))
	server := &http.Server{Handler: wallet}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return wallet, network
}

// A stranger is a page of no connection to the provider that asks a wallet to sign.
const stranger = `<!doctype html><title>stranger</title><script>
const heard = [];
addEventListener("message", (e) => heard.push({origin: e.origin, data: e.data, refused: e.data.verifyOwnerError instanceof Error && e.data.verifyOwnerError.message, keys: Object.keys(e.data)}));
</script><button onclick="open(this.dataset.url, '_blank', 'popup,width=440,height=720')">ask</button>`

func newStranger(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, stranger)
	}))
	t.Cleanup(server.Close)
	return server
}

type walletMessage struct {
	Origin  string
	Refused any
	Keys    []string
	Data    struct {
		Status      string `json:"status"`
		CallbackURL string `json:"accountUrlCallbackUrl"`
		State       string `json:"accountUrlState"`
		Signed      map[string]string
	}
}

// What the wallet says in a window is what MyNearWallet says, to the asker's
// origin alone, and three seconds later it goes on to the callback as that does.
func TestWindowAnswersAsMyNearWalletDoes(t *testing.T) {
	t.Parallel()
	wallet, _ := newLocalWallet(t)
	site := newStranger(t)
	for _, act := range []string{"approve", "reject"} {
		query := testQuery()
		query.Set("callbackUrl", site.URL+"/cb?x=1#old")
		b := newTab(t)
		b.open(site.URL)
		window := b.popup(func() {
			b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector('button').dataset.url = %q; undefined", wallet.URL()+"/sign-message?"+query.Encode())))
			b.click("button")
		})
		window.reads("Sign a message")
		window.click("[data-act=" + act + "]")
		b.do(chromedp.Poll[chromedp.Void]("heard.length === 1"))
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("JSON.stringify(heard[0]).replace('signedRequest', 'Signed')"))
		if err != nil {
			t.Fatal(err)
		}
		var got walletMessage
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		checkMessage(t, act, got, wallet.URL(), query)
		checkFragment(t, act, window.goesTo(site.URL+"/cb?x=1#"), query.Get("state"))
	}
}

func checkMessage(t *testing.T, act string, got walletMessage, origin string, query url.Values) {
	t.Helper()
	slices.Sort(got.Keys)
	if want := []string{"accountUrlCallbackUrl", "accountUrlState", "signedRequest", "status", "verifyOwnerError"}; !slices.Equal(got.Keys, want) {
		t.Errorf("%s: members %v", act, got.Keys)
	}
	if got.Origin != origin || got.Data.Status != "success" || got.Data.State != query.Get("state") || got.Data.CallbackURL != query.Get("callbackUrl") {
		t.Errorf("%s: %+v", act, got)
	}
	switch {
	case act == "reject" && (len(got.Data.Signed) != 0 || got.Refused != "User rejected"):
		t.Errorf("reject: %+v", got)
	case act == "approve" && (len(got.Data.Signed) != 3 || got.Data.Signed["accountId"] != "alice.testnet" || got.Refused != false):
		t.Errorf("approve: %+v", got)
	}
}

// checkFragment holds the fragment to MyNearWallet's order and its trailing "&".
func checkFragment(t *testing.T, act, at, state string) {
	t.Helper()
	_, fragment, _ := strings.Cut(at, "#")
	if act == "reject" {
		if fragment != "error=User%20rejected&" {
			t.Errorf("reject: fragment %q", fragment)
		}
		return
	}
	var names []string
	for pair := range strings.SplitSeq(strings.TrimSuffix(fragment, "&"), "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"accountId", "signature", "publicKey", "state"}) || !strings.HasSuffix(fragment, "&state="+state+"&") {
		t.Errorf("approve: fragment %q", fragment)
	}
}
