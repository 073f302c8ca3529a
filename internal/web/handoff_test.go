package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A handedOver is a login whose code is shown by one browser, for another to open.
type handedOver struct {
	*browser
	page string // of the browser that waits
	code string // the path of the address in the QR code
}

// handOver goes from the authorization request to the page with the QR code.
func (b *browser) handOver(change ...string) *handedOver {
	b.t.Helper()
	return b.handOverLogin(b.begin(change...).path)
}

func (b *browser) handOverLogin(login string) *handedOver {
	b.t.Helper()
	r := b.postForm(login+"/phone", nil, "User-Agent", "desktop/1.0 <b>")
	h := &handedOver{browser: b, page: r.header.Get("Location")}
	if r.status != http.StatusSeeOther || !strings.HasSuffix(h.page, "/phone") {
		b.t.Fatalf("hand over: %d %s", r.status, r.body)
	}
	h.code = h.shownCode()
	return h
}

var typedCode = regexp.MustCompile(`<p class="signed" dir="ltr">[^<]*(/d/[A-Z2-7]{26})</p>`)

func (h *handedOver) shownCode() string {
	h.t.Helper()
	page := h.send("GET", h.page, "").body
	shown := typedCode.FindStringSubmatch(page)
	if shown == nil || !strings.Contains(page, `<noscript><meta http-equiv="refresh"`) || !strings.Contains(page, `class="qr"`) {
		h.t.Fatalf("no code: %s", page)
	}
	return shown[1]
}

func (h *handedOver) state() string {
	h.t.Helper()
	r := h.send("GET", h.page, "", "Accept", "application/json")
	state, _ := r.json(h.t)["state"].(string)
	if r.status != http.StatusOK || state == "" {
		h.t.Fatalf("state: %d %s", r.status, r.body)
	}
	return state
}

// number is the one that the browser that waits shows, "" for none.
func (h *handedOver) number() string {
	h.t.Helper()
	shown := regexp.MustCompile(`<p class="match">(\d\d)</p>`).FindStringSubmatch(h.send("GET", h.page, "").body)
	if shown == nil {
		return ""
	}
	return shown[1]
}

// open goes from the code to the login on this device.
func (b *browser) open(code string) challenge {
	b.t.Helper()
	if page := b.send("GET", code, ""); page.status != http.StatusOK {
		b.t.Fatalf("open: %d %s", page.status, page.body)
	}
	r := b.postForm(code, nil)
	to := r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login/") {
		b.t.Fatalf("take: %d %s", r.status, r.body)
	}
	return b.challengeOf(strings.TrimPrefix(to, "/login/"))
}

// prove opens the code and signs, and returns the numbers that are offered.
func (b *browser) prove(code string) (c challenge, numbers []string) {
	b.t.Helper()
	c = b.open(code)
	r := b.postJSON(c.path+"/verify", answer(b.alice, c))
	next := b.issuer + "/continue/" + c.LoginID
	if to, _ := r.json(b.t)["redirect_to"].(string); r.status != http.StatusOK || to != next {
		b.t.Fatalf("verify: %d %s", r.status, r.body)
	}
	page := b.send("GET", next, "")
	for _, match := range regexp.MustCompile(`name="number" value="(\d\d)"`).FindAllStringSubmatch(page.body, -1) {
		numbers = append(numbers, match[1])
	}
	if page.status != http.StatusOK || len(numbers) != 3 {
		b.t.Fatalf("numbers: %d %s", page.status, page.body)
	}
	return c, numbers
}

func (b *browser) picks(c challenge, form url.Values) reply {
	b.t.Helper()
	return b.press(c.path+"/number", form)
}

func (b *browser) isSignedIn() bool {
	b.t.Helper()
	return b.send("GET", "/account", "").status == http.StatusOK
}

// S04: the phone signs, and the browser that showed the code gets session and code; the phone neither.
func TestPhoneSignsInTheBrowserThatWaits(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	desktop, phone := p.browser(), p.browser()
	h := desktop.handOver()
	if h.state() != "open" || h.number() != "" {
		t.Error("the number is shown before anybody has signed, to be passed on with the code")
	}
	page := phone.send("GET", h.code, "")
	for _, want := range []string{"Example &lt;App&gt;", "127.0.0.1", "desktop/1.0 &lt;b&gt;", "a moment ago", "they want to sign in as you"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q: %s", want, page.body)
		}
	}
	if h.state() != "open" {
		t.Error("looking at the address takes the code")
	}
	c, numbers := phone.prove(h.code)
	if !strings.Contains(c.Message, "Sign in to Example App (") {
		t.Errorf("signed: %s", c.Message)
	}
	if !slices.Contains(numbers, h.number()) || h.state() != "proven" || desktop.isSignedIn() {
		t.Errorf("%q of %v, %s", h.number(), numbers, h.state())
	}
	if r := desktop.send("GET", strings.TrimSuffix(h.page, "/phone"), ""); r.status != http.StatusOK {
		t.Errorf("back to the wallets: %d", r.status)
	}
	end := phone.picks(c, url.Values{"number": {h.number()}})
	if !strings.Contains(end.body, "Your other screen is signed in") {
		t.Errorf("%s", end.body)
	}
	if h.state() != "done" || phone.isSignedIn() {
		t.Errorf("%s; the phone is signed in: %v", h.state(), phone.isSignedIn())
	}
	r := desktop.send("GET", h.page, "")
	r = desktop.send("GET", r.header.Get("Location"), "")
	to := regexp.MustCompile(`content="0; url=([^"]+)"`).FindStringSubmatch(r.body)
	if to == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	back, err := url.Parse(html.UnescapeString(to[1]))
	must(t, err)
	if back.Query().Get("state") != "st&te=é" {
		t.Errorf("%s", back)
	}
	if r := desktop.redeem(back.Query().Get("code")); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if !desktop.isSignedIn() {
		t.Error("the browser that waits is not signed in")
	}
	for _, again := range []string{c.path, "/continue/" + c.LoginID, h.code} { // the back button on the phone
		if r := phone.send("GET", again, ""); r.status == http.StatusSeeOther {
			r = phone.send("GET", r.header.Get("Location"), "")
			if !strings.Contains(r.body, "Your other screen is signed in") {
				t.Errorf("%s: %d %s", again, r.status, r.body)
			}
		} else if !strings.Contains(r.body, "Your other screen is signed in") {
			t.Errorf("%s: %d %s", again, r.status, r.body)
		}
	}
}

// W01, S04: the browser that waits may end the login itself, or let it expire.
func TestBrowserThatWaitsIsDoneFirst(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, end := range map[string]func(h *handedOver, login string){
		"cancelled": func(h *handedOver, login string) { h.postForm(login+"/cancel", nil) },
		"signed in": func(h *handedOver, login string) {
			c := h.challengeOf(strings.TrimPrefix(login, "/login/"))
			h.postJSON(login+"/verify", answer(p.alice, c))
		},
		"expired": func(h *handedOver, login string) {
			p.exec("UPDATE handoffs SET expires_at = now() - interval '1 second' WHERE login_id = $1", strings.TrimPrefix(login, "/login/"))
		},
	} {
		desktop, phone := p.browser(), p.browser()
		h := desktop.handOver()
		c, _ := phone.prove(h.code)
		match := h.number()
		end(h, strings.TrimSuffix(h.page, "/phone"))
		if r := phone.picks(c, url.Values{"number": {match}}); r.status != http.StatusGone || !strings.Contains(r.body, "This code is over") {
			t.Errorf("%s: picked: %d %s", name, r.status, r.body)
		}
		if r := p.browser().send("GET", h.code, ""); r.status != http.StatusConflict {
			t.Errorf("%s: opened: %d", name, r.status)
		}
		want := "done"
		if name == "expired" {
			want = "over"
		}
		if h.state() != want {
			t.Errorf("%s: %s", name, h.state())
		}
	}
}

// The same browser may be both: somebody opens the address in another tab.
func TestPhoneMayBeTheSameBrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	h := b.handOver()
	c, _ := b.prove(h.code)
	b.picks(c, url.Values{"number": {h.number()}})
	if r := b.send("GET", h.page, ""); r.status != http.StatusSeeOther || !b.isSignedIn() {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A sign-in to the provider itself can be handed over, too; and what the phone does with it
// besides leads nowhere: no session for itself, no other code of its own.
func TestLoginOnThePhoneIsForTheOtherAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	desktop, phone := p.browser(), p.browser()
	h := desktop.handOverLogin(desktop.send("GET", "/account", "").header.Get("Location"))
	c := phone.open(h.code)
	page := phone.send("GET", c.path, "").body
	if strings.Contains(page, c.path+"/phone") || !strings.Contains(page, "You sign in for your other device") {
		t.Error("the phone's page does not say what it is for")
	}
	if r := phone.postForm(c.path+"/phone", nil); r.status != http.StatusForbidden {
		t.Errorf("handed over once more: %d", r.status)
	}
	if r := phone.postForm(c.path+"/session", nil); r.status != http.StatusSeeOther || r.header.Get("Location") != c.path {
		t.Errorf("adopted: %d %v", r.status, r.header)
	}
	renewed := phone.postForm(c.path+"/renew", nil).header.Get("Location")
	c = phone.challengeOf(strings.TrimPrefix(renewed, "/login/"))
	guide := phone.postJSON("/api/auth/verify-login", map[string]any{"login_id": c.LoginID, "accountId": p.alice.AccountID,
		"publicKey": p.alice.PublicKey(), "signature": p.alice.Sign(c.Message, c.NonceBytes, c.Recipient, nil)})
	if guide.status != http.StatusOK || guide.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s %v", guide.status, guide.body, guide.header)
	}
	if phone.isSignedIn() {
		t.Error("the phone is signed in")
	}
	if end := phone.picks(c, url.Values{"number": {h.number()}}); !strings.Contains(end.body, "Your other screen is signed in") {
		t.Errorf("%s", end.body)
	}
	desktop.send("GET", h.page, "")
	if !desktop.isSignedIn() {
		t.Error("the browser that waits is not signed in")
	}
}

// A14: max_age and prompt=login are met by the signature on the phone, whose time is told.
func TestHandedOverLoginTellsTheTimeOfTheSignature(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	desktop, phone := p.browser(), p.browser()
	h := desktop.handOver("max_age", "0")
	c, _ := phone.prove(h.code)
	p.exec("UPDATE handoffs SET proven_at = proven_at - interval '30 seconds'")
	phone.picks(c, url.Values{"number": {h.number()}})
	desktop.send("GET", h.page, "")
	var age float64
	must(t, p.pool.QueryRow(t.Context(), `SELECT extract(epoch FROM now() - auth_time)::float8 FROM sessions`).Scan(&age))
	if age < 29 || age > 60 {
		t.Errorf("auth_time is %f s ago", age)
	}
}
